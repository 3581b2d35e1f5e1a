import { createServer, type Server, type Socket } from "node:net";
import { SpeakerError } from "../errors.ts";
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { describeProcess, findTcpListener } from "../processes.ts";
import { ListenerKeys } from "./listener-keys.ts";
import { socketEnd } from "./socket-end.ts";
import { openListener } from "./sockopt/streams.ts";
import type { LoadedCalls } from "./sockopt/system-calls.ts";
import type { AoKey } from "./sockopt/tcp-ao.ts";
import type { Stream } from "./stream.ts";

/** An accepted connection with its ends as values. */
export interface Caller {
  readonly socket: Stream;
  readonly remoteAddress: Address;
  /** The interface that a link-local caller is on; null, or absent, for every other. */
  readonly zone?: string | null;
  readonly remotePort: number;
  readonly localAddress: Address;
}

export interface ListenerOptions {
  readonly addresses: readonly Address[];
  /** 0 = any free one (tests). */
  readonly port: number;
  /** Options of sockets; where there are none, no caller that needs one is let in by its peer. */
  readonly load: () => LoadedCalls;
  /** The kernel takes no key for this caller. */
  keyRefused(address: Address, error: unknown): void;
}

/** What the kernel is to ask of a caller before anybody sees it. */
export interface Admission {
  readonly address: Address;
  readonly md5Key: string | null;
  readonly aoKeys: readonly AoKey[];
  readonly minimumTtl: number | null;
}

/** Accepts BGP connections on the addresses of `bgp.listen`. Whose they are is decided by the owner, at once: a caller that is nobody's is closed. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #onCaller: (caller: Caller) => void;
  readonly #servers: Server[] = [];
  readonly #keys: ListenerKeys[] = [];
  #admissions = new Map<string, string>();
  /** Callers of whom the kernel asks something else since a moment ago, and how many changes of it are that young. */
  readonly #unsettled = new Map<string, number>();

  constructor(options: ListenerOptions, onCaller: (caller: Caller) => void) {
    this.#options = options;
    this.#onCaller = onCaller;
  }

  /** @throws {SpeakerError} ADDRESS_IN_USE, or CONFIG_INVALID for an address that is not on this host or a port that needs a privilege. */
  async start(): Promise<readonly { readonly address: Address; readonly port: number }[]> {
    const ready: { readonly address: Address; readonly port: number }[] = [];
    try {
      for (const address of this.#options.addresses) ready.push({ address, port: await this.#listen(address) });
    } catch (error) {
      this.stop();
      throw error;
    }
    return ready;
  }

  /** Who has to sign segments, and from how near they have to come. Replaces what was said before; connections that are up keep what they have. */
  admit(admissions: readonly Admission[]): void {
    const asked = new Map<string, string>();
    for (const { address, md5Key, aoKeys, minimumTtl } of admissions) {
      if (md5Key === null && aoKeys.length === 0 && minimumTtl === null) continue;
      asked.set(address.key, `${asked.get(address.key) ?? ""}${minimumTtl} ${md5Key} ${JSON.stringify(aoKeys)}\n`);
    }
    for (const [caller, what] of asked) if (this.#admissions.get(caller) !== what) this.#unsettle(caller);
    this.#admissions = asked;
    for (const keys of this.#keys) keys.replace(admissions);
  }

  /** Frees the ports at once. Accepted connections belong to their peers and live on. */
  stop(): void {
    this.#keys.splice(0);
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #listen(address: Address): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    const { port, load, keyRefused } = this.#options;
    const loaded = load();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(describeListenError(address, port, error)));
      if (!loaded.ok) return void server.listen({ host: formatAddress(address), port, ipv6Only: true }, resolve);
      try {
        const fd = openListener(loaded.calls, address, port);
        server.listen({ fd }, () => {
          this.#keys.push(new ListenerKeys(loaded.calls, fd, address.family, keyRefused));
          resolve();
        });
      } catch (error) {
        reject(describeListenError(address, port, error instanceof Error ? error : new Error(String(error))));
      }
    });
    this.#servers.push(server);
    const bound = server.address();
    return typeof bound === "object" && bound !== null ? bound.port : port;
  }

  /**
   * What was complete before the kernel asked, waits to be accepted, perhaps with a message in it that nobody checked. All of it is accepted within a
   * whole turn of the event loop: so long this caller is turned away, and calls again.
   */
  #unsettle(caller: string): void {
    this.#unsettled.set(caller, (this.#unsettled.get(caller) ?? 0) + 1);
    const settle = (): void => {
      const changes = (this.#unsettled.get(caller) ?? 0) - 1;
      if (changes > 0) this.#unsettled.set(caller, changes);
      else this.#unsettled.delete(caller);
    };
    setImmediate(() => setImmediate(settle));
  }

  #accept(socket: Socket): void {
    const remote = socketEnd(socket.remoteAddress);
    const local = socketEnd(socket.localAddress);
    // Gone before it was looked at.
    if (remote === null || local === null || socket.destroyed || this.#unsettled.has(remote.address.key)) {
      socket.destroy();
      return;
    }
    const { address: remoteAddress, zone } = remote;
    this.#onCaller({ socket, remoteAddress, zone, remotePort: socket.remotePort ?? 0, localAddress: local.address });
  }
}

function describeListenError(address: Address, port: number, error: Error): SpeakerError {
  const code = "code" in error ? error.code : "";
  const where = `bgp.listen ${formatAddress(address)} port ${port}`;
  if (code === "EADDRINUSE") {
    const pid = findTcpListener(port);
    return new SpeakerError("ADDRESS_IN_USE", `${where}: in use by ${pid === null ? "another process" : describeProcess(pid)}`, {
      remedy: "stop it or set bgp.port; to dial only, leave bgp.listen empty",
      cause: error,
    });
  }
  if (code === "EADDRNOTAVAIL") {
    return new SpeakerError("CONFIG_INVALID", `${where}: the address is not on this host`, {
      remedy: "set bgp.listen to addresses of this host",
      cause: error,
    });
  }
  if (code === "EACCES") {
    return new SpeakerError("CONFIG_INVALID", `${where}: permission denied`, {
      remedy: "ports below 1024 need NET_BIND_SERVICE; set bgp.port or leave bgp.listen empty",
      cause: error,
    });
  }
  return new SpeakerError("CONFIG_INVALID", `${where}: ${error.message}`, { remedy: "set bgp.listen", cause: error });
}

/** What a caller is compared with. */
export interface Callee {
  readonly name: string;
  readonly address: Address;
  readonly zone?: string | null;
  readonly port: number;
  readonly sourceAddress: Address | null;
  readonly passive: boolean;
  /** A session of this peer is up, or a connection of it waits for its OPEN. */
  readonly busy: boolean;
}

/**
 * The peer that a caller is. Several peers may share one address: told apart by our end of the connection where they name a `sourceAddress`, then by the port it comes
 * from, then by who waits for a call. Null = nobody's.
 */
export function findCallee<T extends Callee>(callees: Iterable<T>, caller: Omit<Caller, "socket">): T | null {
  let best: T | null = null;
  for (const callee of callees) {
    if (callee.address.key !== caller.remoteAddress.key || (callee.zone ?? null) !== (caller.zone ?? null)) continue;
    if (callee.sourceAddress !== null && callee.sourceAddress.key !== caller.localAddress.key) continue;
    if (best === null || compareCallees(callee, best, caller.remotePort) < 0) best = callee;
  }
  return best;
}

function compareCallees(a: Callee, b: Callee, remotePort: number): number {
  return (
    Number(b.port === remotePort) - Number(a.port === remotePort) ||
    Number(b.sourceAddress !== null) - Number(a.sourceAddress !== null) ||
    Number(a.busy) - Number(b.busy) ||
    Number(b.passive) - Number(a.passive) ||
    (a.name < b.name ? -1 : 1)
  );
}
