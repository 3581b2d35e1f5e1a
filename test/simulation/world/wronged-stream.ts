/** Between a speaker and the network: every message that the speaker writes may become another, several, or none. */

import { formatAddress } from "../../../src/ip/format.ts";
import type { Stream } from "../../../src/speaker/stream.ts";
import type { Transport } from "../../../src/speaker/transport.ts";

import { HANDLE } from "./virtual-stream.ts";

/** What becomes of a whole message. It must not be changed in place. */
export type Wrong = (message: Uint8Array) => readonly Uint8Array[];

/** Octets 16 and 17 of a header (RFC 4271 §4.1). */
const LENGTH_AT = 16;

export class Wronged implements Stream {
  readonly inner: Stream;
  /** Address of the other end. */
  readonly remote: string;
  readonly _handle = HANDLE;
  wrong: Wrong = (message) => [message];

  constructor(inner: Stream, remote: string) {
    this.inner = inner;
    this.remote = remote;
  }

  get localAddress(): string | undefined {
    return this.inner.localAddress;
  }
  get destroyed(): boolean {
    return this.inner.destroyed;
  }
  get writable(): boolean {
    return this.inner.writable;
  }
  get writableLength(): number {
    return this.inner.writableLength;
  }

  setNoDelay(): void {}

  /** A speaker writes whole messages. */
  write(octets: Uint8Array, taken: () => void): void {
    const messages: Uint8Array[] = [];
    for (let at = 0; at < octets.length; ) {
      const length = ((octets[at + LENGTH_AT] ?? 0) << 8) | (octets[at + LENGTH_AT + 1] ?? 0);
      messages.push(Uint8Array.prototype.slice.call(octets, at, at + length));
      at += length;
    }
    this.inner.write(Buffer.concat(messages.flatMap((message) => this.wrong(message))), taken);
  }

  end(): void {
    this.inner.end();
  }
  destroy(): void {
    this.inner.destroy();
  }
  pause(): void {
    this.inner.pause();
  }
  resume(): void {
    this.inner.resume();
  }

  on(event: "data", listener: (chunk: Buffer) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(...[event, listener]: ["data", (chunk: Buffer) => void] | ["error", (error: Error) => void]): void {
    if (event === "data") this.inner.on(event, listener);
    else this.inner.on(event, listener);
  }

  once(event: "end" | "close", listener: () => void): void {
    this.inner.once(event, listener);
  }
}

/** @param makeWrong asked once for every connection. */
export function wrongedTransport(transport: Transport, makeWrong: (stream: Wronged) => Wrong): Transport {
  const wronged = (inner: Stream, remote: string): Wronged => {
    const stream = new Wronged(inner, remote);
    stream.wrong = makeWrong(stream);
    return stream;
  };
  return {
    dial: (target, sink) =>
      transport.dial(target, {
        connected: (socket) => sink.connected(wronged(socket, formatAddress(target.address))),
        failed: (why) => sink.failed(why),
      }),
    listen: (options, onCaller) =>
      transport.listen(options, (caller) => onCaller({ ...caller, socket: wronged(caller.socket, formatAddress(caller.remoteAddress)) })),
  };
}
