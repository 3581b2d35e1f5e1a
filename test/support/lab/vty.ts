import { createConnection, type Socket } from "node:net";

/** Ends an answer: three zeros and the return code (lib/vty.c of FRR). */
const END_OCTETS = 4;

/** A line to an FRR daemon's own socket, as vtysh has, without a process per question. */
export class Vty {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #waiting: { resolve(answer: string): void; reject(error: Error): void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("the daemon closed its vty")));
  }

  /** `path`: the daemon's `.vty` socket. */
  static connect(path: string): Promise<Vty> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path, () => resolve(new Vty(socket)));
      socket.once("error", reject);
    });
  }

  /** One question at a time. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#chunks = [];
      this.#waiting = { resolve, reject };
      this.#socket.write(`${command}\0`);
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    const tail = Buffer.concat(this.#chunks.slice(-END_OCTETS));
    const end = tail.subarray(-END_OCTETS);
    if (end.length < END_OCTETS || end.readUIntBE(0, 3) !== 0) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(Buffer.concat(this.#chunks).subarray(0, -END_OCTETS).toString("utf8"));
    this.#chunks = [];
  }
}
