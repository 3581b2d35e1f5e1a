/** One end of a simulated TCP connection: behaves as `net.Socket` does, as far as a session can tell. */

import type { Stream } from "../../../src/speaker/stream.ts";
import type { Host, Network } from "./network.ts";

export interface Segment {
  readonly kind: "synAck" | "ack" | "data" | "fin" | "rst";
  /** Of data. */
  readonly octets: Uint8Array;
}

const NONE = new Uint8Array(0);
export const HANDLE = { fd: 0 } as const;

export class VirtualStream implements Stream {
  readonly host: Host;
  readonly remote: Host;
  readonly localAddress: string;
  /** The other end, once the first packet arrived. */
  partner: VirtualStream | null = null;
  /** Segments that a cut link keeps back. */
  readonly held: Segment[] = [];
  /** When the segment sent last arrives. */
  lastArrival = 0;
  onConnected: () => void = () => {};
  onRefused: () => void = () => {};
  /** The reset that was planned happens. */
  onReset: () => void = () => {};
  /** After so many more octets both ends get a reset; null = not planned. */
  resetAfterOctets: number | null = null;
  destroyed = false;
  /** Where options are set, as Node has it. Nothing here asks what they are. */
  readonly _handle = HANDLE;

  readonly #network: Network;
  readonly #data: ((chunk: Buffer) => void)[] = [];
  readonly #errors: ((error: Error) => void)[] = [];
  readonly #ends: (() => void)[] = [];
  readonly #closes: (() => void)[] = [];
  /** Not taken by the kernel yet. */
  readonly #pending: { readonly octets: Uint8Array; readonly taken: () => void }[] = [];
  readonly #inbox: Segment[] = [];
  #inFlight = 0;
  #connected = false;
  #paused = false;
  #ended = false;
  #finSent = false;
  #finReceived = false;
  /** Nobody listens any more: the process is gone, or it was told that the stream closed. */
  #over = false;

  constructor(network: Network, host: Host, remote: Host) {
    this.#network = network;
    this.host = host;
    this.remote = remote;
    this.localAddress = host.text;
  }

  /** The process has it: not merely its kernel. */
  get isOpen(): boolean {
    return this.#connected && !this.destroyed;
  }

  get writable(): boolean {
    return this.#connected && !this.#ended && !this.destroyed;
  }

  get writableLength(): number {
    return this.#pending.reduce((sum, { octets }) => sum + octets.length, 0);
  }

  setNoDelay(): void {}

  on(event: "data", listener: (chunk: Buffer) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(...[event, listener]: ["data", (chunk: Buffer) => void] | ["error", (error: Error) => void]): void {
    if (event === "data") this.#data.push(listener);
    else this.#errors.push(listener);
  }

  once(event: "end" | "close", listener: () => void): void {
    (event === "end" ? this.#ends : this.#closes).push(listener);
  }

  write(octets: Uint8Array, taken: () => void): void {
    if (!this.writable) return;
    this.#pending.push({ octets, taken });
    this.#push();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#network.clock.after(0, () => {
      while (!this.#paused && !this.#over) {
        const segment = this.#inbox.shift();
        if (segment === undefined) return;
        this.#take(segment);
      }
    });
  }

  end(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    if (this.#pending.length === 0) this.#sendFin();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.host.streams.delete(this);
    const isUnread = this.#inbox.some(({ kind }) => kind === "data");
    if (isUnread) this.#send({ kind: "rst", octets: NONE });
    else if (this.#connected) this.#sendFin();
    this.#close();
  }

  /** The process that held it is gone. */
  orphan(how: "fin" | "rst" | "silence"): void {
    this.#over = true;
    if (!this.destroyed && this.#connected && how !== "silence") {
      if (how === "rst") this.#send({ kind: "rst", octets: NONE });
      else this.#sendFin();
    }
    if (how === "silence") this.held.length = 0;
    this.destroyed = true;
  }

  /** A segment arrives at this end. */
  receive(segment: Segment): void {
    if (this.destroyed) {
      this.host.streams.delete(this);
      // Nobody is there any more to take it.
      if (segment.kind !== "rst") this.#send({ kind: "rst", octets: NONE });
      return;
    }
    switch (segment.kind) {
      case "synAck":
        this.#connected = true;
        this.#send({ kind: "ack", octets: NONE });
        this.onConnected();
        return;
      case "ack":
        this.#connected = true;
        this.onConnected();
        return;
      case "rst":
        this.#reset();
        return;
      case "data":
      case "fin":
        if (this.#paused) this.#inbox.push(segment);
        else this.#take(segment);
    }
  }

  #take({ kind, octets }: Segment): void {
    if (kind === "data") {
      const { partner } = this;
      if (partner !== null) this.#network.clock.after(1, () => partner.#acknowledged(octets.length));
      // Node hands out Buffers.
      for (const listener of this.#data) listener(Buffer.from(octets));
      return;
    }
    this.#finReceived = true;
    for (const listener of this.#ends.splice(0)) listener();
    // As a socket without `allowHalfOpen` does.
    this.end();
    this.#closeIfDone();
  }

  #acknowledged(octets: number): void {
    this.#inFlight -= octets;
    if (!this.destroyed) this.#push();
  }

  /** Gives the kernel what it takes: all of it, or as much as the window has room for. */
  #push(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const room = this.#network.weather.windowOctets - this.#inFlight;
      if (room <= 0) return;
      const { octets, taken } = first;
      // A Buffer's own slice would be a view of what its owner writes into next.
      const part = Uint8Array.prototype.slice.call(octets, 0, room);
      if (part.length < octets.length) this.#pending[0] = { octets: octets.subarray(room), taken };
      else this.#pending.shift();
      this.#transmit(part);
      if (this.destroyed) return;
      if (part.length === octets.length) this.#network.clock.after(0, () => this.#over || taken());
    }
    if (this.#ended) this.#sendFin();
  }

  #transmit(octets: Uint8Array): void {
    this.#network.onSent(this, octets);
    this.#inFlight += octets.length;
    const limit = this.resetAfterOctets;
    for (const piece of this.#network.pieces(limit === null ? octets : octets.subarray(0, limit))) {
      this.#send({ kind: "data", octets: piece });
    }
    if (limit === null) return;
    this.resetAfterOctets = limit - octets.length;
    if (this.resetAfterOctets > 0) return;
    this.resetAfterOctets = null;
    this.onReset();
    this.#send({ kind: "rst", octets: NONE });
    this.#network.clock.after(0, () => this.#reset());
  }

  #sendFin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#send({ kind: "fin", octets: NONE });
    this.#closeIfDone();
  }

  #send(segment: Segment): void {
    if (this.partner !== null) this.#network.carry(this, segment);
  }

  #reset(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.host.streams.delete(this);
    if (!this.#connected) {
      this.#over = true;
      this.onRefused();
      return;
    }
    const error = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    if (!this.#over) for (const listener of this.#errors) listener(error);
    this.#close();
  }

  #closeIfDone(): void {
    if (!this.#finSent || !this.#finReceived || this.destroyed) return;
    this.destroyed = true;
    this.host.streams.delete(this);
    this.#close();
  }

  #close(): void {
    this.#network.clock.after(0, () => {
      if (this.#over) return;
      this.#over = true;
      for (const listener of this.#closes.splice(0)) listener();
    });
  }
}
