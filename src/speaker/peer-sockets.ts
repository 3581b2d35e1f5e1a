/** The sockets of one peer: the dial under way, and a connection in each of the two slots while a collision is being decided (RFC 4271 §6.8). */

import type { Negotiated, PeerEvent, Slot } from "../bgp/fsm/session.ts";
import { decodeMessage, encodeMessage, INITIAL_CONTEXT } from "../bgp/wire/codec.ts";
import { EXTENDED_MAXIMUM, STANDARD_MAXIMUM } from "../bgp/wire/framer.ts";
import { MESSAGE_TYPE } from "../bgp/wire/iana.ts";
import type { Frame, Message, UpdateContext, UpdateMessage } from "../bgp/wire/messages.ts";
import type { Clock } from "../clock.ts";
import type { Address } from "../ip/address.ts";
import { Connection } from "./connection.ts";
import type { Dial, DialTarget } from "./dialer.ts";
import type { MessageCounters } from "./message-counters.ts";
import { socketEnd } from "./socket-end.ts";
import { descriptorOf, type StreamOptions, setMd5Key, setUserTimeout, shapeAccepted } from "./sockopt/streams.ts";
import { replaceAoKeys } from "./sockopt/tcp-ao.ts";
import type { Stream } from "./stream.ts";
import type { Transport } from "./transport.ts";

/** A connection in its slot. */
export interface Link {
  readonly connection: Connection;
  /** Our end. */
  readonly localAddress: Address;
  /** How UPDATEs are to be read; null before the session is up. */
  context: UpdateContext | null;
}

export interface PeerSocketsPorts {
  readonly clock: Clock;
  readonly transport: Pick<Transport, "dial">;
  readonly counters: MessageCounters;
  handle(event: PeerEvent): void;
}

export class PeerSockets {
  readonly #ports: PeerSocketsPorts;
  readonly #links = new Map<Slot, Link>();
  readonly #closing = new Set<Promise<void>>();
  #dial: Dial | null = null;
  #accepting: Stream | null = null;

  constructor(ports: PeerSocketsPorts) {
    this.#ports = ports;
  }

  get(slot: Slot): Link | undefined {
    return this.#links.get(slot);
  }

  /** Dials, connections and closed ones that have not ended yet. */
  get size(): number {
    return this.#links.size + this.#closing.size + (this.#dial === null ? 0 : 1);
  }

  get connected(): boolean {
    return this.#links.size > 0;
  }

  dial(target: DialTarget): void {
    this.#dial?.cancel();
    this.#dial = this.#ports.transport.dial(target, {
      connected: (socket) => {
        this.#dial = null;
        this.#link("outgoing", socket);
        this.#ports.handle({ name: "tcpConnected", slot: "outgoing" });
      },
      failed: (why) => {
        this.#dial = null;
        this.#ports.handle({ name: "tcpFailed", slot: "outgoing", why });
      },
    });
  }

  /**
   * Asks the state machine about an accepted connection; one that it does not take is closed, and one that has gone already.
   * @throws {SystemCallError} where the kernel refuses an option: the connection is the caller's to close.
   */
  offer(socket: Stream, peer: Address, options: DialTarget["options"]): void {
    if (options !== null) {
      const fd = descriptorOf(socket);
      if (fd === null) return void socket.destroy();
      shapeAccepted(options.calls, fd, peer, options.stream);
    }
    this.#accepting = socket;
    this.#ports.handle({ name: "tcpConnected", slot: "incoming" });
    this.refuse();
  }

  /** The offered connection takes its slot. */
  accept(): void {
    const socket = this.#accepting;
    this.#accepting = null;
    if (socket !== null) this.#link("incoming", socket);
  }

  refuse(): void {
    this.#accepting?.destroy();
    this.#accepting = null;
  }

  send(slot: Slot, message: Message): void {
    const link = this.#links.get(slot);
    if (link === undefined) return;
    if (message.name === "update") throw new Error("UPDATEs are pulled from the Adj-RIB-Out, not sent one by one");
    link.connection.send(encodeMessage(message));
    this.#ports.counters.count("sent", MESSAGE_TYPE[message.name]);
    if (message.name === "notification") this.#ports.counters.countNotification("sent", message.code, message.subcode);
  }

  close(slot: Slot, how: "flush" | "abort"): void {
    if (slot === "outgoing") {
      this.#dial?.cancel();
      this.#dial = null;
    }
    const link = this.#links.get(slot);
    if (link === undefined) return;
    this.#links.delete(slot);
    const { done } = link.connection;
    this.#closing.add(done);
    void done.then(() => this.#closing.delete(done));
    link.connection.close(how);
  }

  /** The session on this slot is up: its UPDATEs can be read, and its messages may be as long as was agreed. */
  setContext(slot: Slot, negotiated: Negotiated): void {
    const link = this.#links.get(slot);
    if (link === undefined) return;
    link.context = negotiated;
    link.connection.setReceiveMaximum(negotiated.receiveLimit > STANDARD_MAXIMUM ? EXTENDED_MAXIMUM : STANDARD_MAXIMUM);
  }

  /** The session that is up: from here on its own timers watch it, and the kernel only after them. */
  trust(options: DialTarget["options"]): void {
    for (const { connection, context } of this.#links.values()) {
      const fd = context === null ? null : connection.descriptor;
      if (options !== null && fd !== null) setUserTimeout(options.calls, fd, options.stream.userTimeoutMillis);
    }
  }

  /** Connections that are up are signed and checked with the keys of `options` from here on (RFC 2385 §4.5: the other side has to change them too). */
  changeKeys(peer: Address, before: StreamOptions, options: DialTarget["options"]): void {
    if (options === null) return;
    const { md5Key, aoKeys } = options.stream;
    for (const { connection } of this.#links.values()) {
      const fd = connection.descriptor;
      if (fd === null) continue;
      if (md5Key !== null) setMd5Key(options.calls, fd, peer, md5Key);
      if (aoKeys.length > 0) replaceAoKeys(options.calls, fd, peer, before.aoKeys, aoKeys);
    }
  }

  /** Resolves when nothing is left of the closed connections. */
  async ended(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  #link(slot: Slot, socket: Stream): void {
    const local = socketEnd(socket.localAddress);
    const { handle } = this.#ports;
    if (local === null) {
      // Reset between the handshake and now.
      socket.destroy();
      handle({ name: "tcpFailed", slot, why: "the connection closed at once" });
      return;
    }
    // A slot that the machine forgot to clear would leak its socket.
    this.close(slot, "abort");
    const connection = new Connection(
      socket,
      {
        frame: (frame) => this.#onFrame(slot, link, frame),
        wireError: (error) => handle({ name: "wireError", slot, error }),
        closed: (why) => {
          handle({ name: "tcpClosed", slot, why });
          if (this.#links.get(slot) === link) this.#links.delete(slot);
        },
        sendProgress: () => handle({ name: "sendProgress", slot }),
        updatesSent: () => handle({ name: "updatesSent", slot }),
      },
      this.#ports.clock,
    );
    const link: Link = { connection, localAddress: local.address, context: null };
    this.#links.set(slot, link);
  }

  /** @throws {WireError} what the connection answers by closing. */
  #onFrame(slot: Slot, link: Link, frame: Frame): void {
    const { counters, handle } = this.#ports;
    counters.count("received", frame.type);
    const message =
      frame.type === MESSAGE_TYPE.update && link.context === null ? UNREAD_UPDATE : decodeMessage(frame, link.context ?? INITIAL_CONTEXT);
    if (message.name === "notification") counters.countNotification("received", message.code, message.subcode);
    handle({ name: "message", slot, message });
  }
}

/** Stands for an UPDATE before the session is up: an error of the state whatever it holds (RFC 6608), so it is not looked into. */
const UNREAD_UPDATE: UpdateMessage = {
  name: "update",
  announced: [],
  withdrawn: [],
  attributes: {},
  endOfRib: null,
  faults: [],
  action: "accept",
  ignoredFamilies: 0,
};
