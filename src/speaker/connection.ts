/**
 * One TCP connection of a session.
 *
 * Out: UPDATEs are pulled. `fill` writes whole messages into one reused buffer, and is asked again only when the kernel took everything given before,
 * so at most one buffer of routes is ever ahead of a KEEPALIVE, a slow peer holds 64 KiB and nothing else, and "sent" means handed to the kernel.
 * In: whole messages in order; a flood is read in slices so that timers and other peers get their turn.
 * End: a NOTIFICATION must arrive. Closing a socket with unread input makes the kernel send RST, and RST discards what the other side has not
 * read yet; so the end is a half-close, and what still comes is read and dropped until the peer closes too or a second has passed.
 */

import { type EXTENDED_MAXIMUM, Framer, type STANDARD_MAXIMUM } from "../bgp/wire/framer.ts";
import type { Frame } from "../bgp/wire/messages.ts";
import type { Clock } from "../clock.ts";
import { WireError } from "../errors.ts";
import { descriptorOf } from "./sockopt/streams.ts";
import type { Stream } from "./stream.ts";

/** Octets given to the kernel at once. */
const CHUNK_OCTETS = 64 * 1024;
/** Longest stretch of encoding, and of reading, before the event loop gets its turn. */
const SLICE_MILLIS = 4;
const LINGER_MILLIS = 1000;

/** What a connection tells its peer. Nothing is called after `closed`, nor after {@link Connection.close}. */
export interface ConnectionSink {
  frame(frame: Frame): void;
  /** Framing is lost: nothing more will be read. */
  wireError(error: WireError): void;
  /** The peer or the network ended it. Everything that came before has been delivered. */
  closed(why: string): void;
  /** The kernel accepted octets (RFC 9687 §3.2: the send hold timer restarts). */
  sendProgress(): void;
  /** UPDATEs left (RFC 4271 §10: the keepalive timer restarts). */
  updatesSent(): void;
}

/** Writes whole messages into `buffer` from its start; returns the octets written, 0 = nothing is waiting. */
export type Fill = (buffer: Uint8Array) => number;

export class Connection {
  readonly #socket: Stream;
  readonly #clock: Clock;
  readonly #framer = new Framer();
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_OCTETS);
  readonly #done: Promise<void>;
  #sink: ConnectionSink | null;
  #fill: Fill | null = null;
  #waiting = false;
  #pumping = false;
  #pumpQueued = false;
  #readPaused = false;
  #sliceStart = -1;
  #lastError = "";

  constructor(socket: Stream, sink: ConnectionSink, clock: Clock) {
    this.#socket = socket;
    this.#sink = sink;
    this.#clock = clock;
    socket.setNoDelay(true);
    this.#done = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error) => {
      this.#lastError = describeSocketError(error);
    });
    socket.once("end", () => this.#end("the peer closed the connection"));
    socket.once("close", () => this.#end(this.#lastError === "" ? "the connection closed" : this.#lastError));
  }

  /** Resolves when the socket is gone. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** For options of the socket; null = it is closed. */
  get descriptor(): number | null {
    return descriptorOf(this.#socket);
  }

  /** True while input may be lying unread in this process or is being read in slices. */
  get readPending(): boolean {
    return this.#readPaused;
  }

  /** True while the kernel has not taken everything it was given. */
  get blocked(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** Longest message to be accepted from here on (RFC 8654 §4). */
  setReceiveMaximum(octets: typeof STANDARD_MAXIMUM | typeof EXTENDED_MAXIMUM): void {
    this.#framer.setMaximum(octets);
  }

  /** Sends one message ahead of everything that `fill` still holds. The octets must not change afterwards. */
  send(octets: Uint8Array): void {
    if (this.#sink === null || !this.#socket.writable) return;
    this.#socket.write(octets, this.#onWritten);
    if (this.#socket.writableLength === 0) this.#sink?.sendProgress();
    else this.#waiting = true;
  }

  /** Starts pulling UPDATEs. */
  startPulling(fill: Fill): void {
    this.#fill = fill;
    this.wake();
  }

  stopPulling(): void {
    this.#fill = null;
  }

  /** Something may be waiting in `fill`. Hands it to the kernel before returning, as far as the kernel takes it and one slice reaches. */
  wake(): void {
    if (!this.#pumpQueued) this.#pump();
  }

  /**
   * `flush`: what was sent still goes out, then FIN; what comes is dropped; the socket is gone within a second. `abort`: at once.
   * No event follows.
   */
  close(how: "flush" | "abort"): void {
    this.#sink = null;
    this.#fill = null;
    if (how === "abort" || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    this.#socket.resume();
    const linger = this.#clock.setTimer(LINGER_MILLIS, () => this.#socket.destroy());
    this.#socket.once("close", () => linger.cancel());
  }

  readonly #onWritten = (): void => {
    if (!this.#waiting || this.#socket.writableLength > 0) return;
    this.#waiting = false;
    this.#sink?.sendProgress();
    this.wake();
  };

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      const start = this.#clock.now();
      // Events of this loop may close the connection or take `fill` away: both are looked at anew each time.
      while (this.#fill !== null && this.#sink !== null && this.#socket.writable) {
        if (this.#socket.writableLength > 0) {
          this.#waiting = true;
          return;
        }
        const octets = this.#fill(this.#buffer);
        if (octets === 0) return;
        this.#socket.write(this.#buffer.subarray(0, octets), this.#onWritten);
        this.#sink.updatesSent();
        // The kernel took it all in the call: the buffer is free again.
        if (this.#socket.writableLength === 0) this.#sink?.sendProgress();
        if (this.#clock.now() - start >= SLICE_MILLIS) {
          this.#pumpQueued = true;
          this.#clock.immediate(() => {
            this.#pumpQueued = false;
            this.#pump();
          });
          return;
        }
      }
    } finally {
      this.#pumping = false;
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#sink === null) return;
    try {
      this.#framer.push(chunk);
      for (let frame = this.#framer.next(); frame !== null && this.#sink !== null; frame = this.#framer.next()) this.#sink.frame(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // After a framing error the stream has no message boundaries any more.
      this.#sink?.wireError(error);
      return;
    }
    this.#slice();
  }

  /** libuv reads one socket up to 32 times in a row: a flood would hold the loop for all of them. */
  #slice(): void {
    const now = this.#clock.now();
    if (this.#sliceStart < 0) {
      this.#sliceStart = now;
      this.#clock.immediate(() => {
        this.#sliceStart = -1;
        if (!this.#readPaused) return;
        this.#readPaused = false;
        this.#socket.resume();
      });
    } else if (now - this.#sliceStart >= SLICE_MILLIS && !this.#readPaused) {
      this.#readPaused = true;
      this.#socket.pause();
    }
  }

  #end(why: string): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#fill = null;
    sink?.closed(why);
  }
}

/** Words for a failed dial or a broken connection. */
export function describeSocketError(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return SOCKET_ERRORS[code] ?? error.message;
}

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the peer",
  EPIPE: "connection closed by the peer while sending",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "network unreachable",
  EADDRNOTAVAIL: "the source address is not on this host",
  EADDRINUSE: "the source address and port are in use",
  EACCES: "not permitted",
  EPERM: "not permitted",
  ENODEV: "there is no such device or VRF on this host",
  ENOPROTOOPT: "this kernel lacks a socket option that the peer asks for (TCP-MD5 needs CONFIG_TCP_MD5SIG)",
  ENOMEM: "the kernel takes no further TCP-MD5 key (net.core.optmem_max)",
};
