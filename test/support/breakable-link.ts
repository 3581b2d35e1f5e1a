import { connect, createServer, type Server, type Socket } from "node:net";

/** A wire to a server on this machine that can be cut, or die without a word, as a network does. */
export class BreakableLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Of connections that are half open. */
  readonly #lost = new Set<Socket>();
  #frozen = false;
  #down = false;

  constructor(target: () => number) {
    this.#server = createServer((near) => {
      if (this.#down) {
        near.on("error", () => {}).resetAndDestroy();
        return;
      }
      const far = connect(target(), "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (chunk) => {
          // Half open: octets leave and never arrive, and nobody is told.
          if (!this.#frozen && !this.#lost.has(from)) to.write(chunk);
        });
        from.on("error", () => {});
        from.once("close", () => {
          this.#sockets.delete(from);
          if (!this.#frozen && !this.#lost.delete(from)) to.destroy();
        });
      }
    });
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** From now on nothing gets through, and both ends believe in it. */
  freeze(): void {
    this.#frozen = true;
  }

  /** New connections work again; those that died stay dead. */
  thaw(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
    this.#frozen = false;
  }

  /** Breaks every connection with a RST; new ones work. */
  reset(): void {
    for (const socket of [...this.#sockets]) socket.resetAndDestroy();
  }

  /** Ends every connection with a FIN; new ones work. */
  close(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** The connections of now are half open from now on: their octets vanish, and nobody is told. New ones work. */
  lose(): void {
    for (const socket of this.#sockets) this.#lost.add(socket);
  }

  /** Nobody reads the connections of now any more, so that their windows fill up. New ones work. */
  stall(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** Breaks every connection with a RST, and every new one, until {@link up}. */
  down(): void {
    this.#down = true;
    for (const socket of [...this.#sockets]) socket.resetAndDestroy();
  }

  up(): void {
    this.#down = false;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of [...this.#sockets]) socket.destroy();
    await closed;
  }
}
