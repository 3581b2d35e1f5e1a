/**
 * The BFD thread: its own sockets and timers, so that neither a long round of planning nor a collection of garbage on the main thread is taken for a
 * dead peer. It performs what `stepBfd` says, and tells the main thread of states.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { type MessagePort, parentPort } from "node:worker_threads";
import { decodeBfdPacket, encodeBfdPacket } from "../bgp/bfd/packet.ts";
import { type BfdEvent, type BfdSession, initialBfd, stepBfd } from "../bgp/bfd/session.ts";
import type { Address, Family } from "../ip/address.ts";
import { parseAddress } from "../ip/parse.ts";
import type { BfdTarget, FromBfdThread, ToBfdThread } from "./bfd-messages.ts";
import { admitSenders, openDatagram } from "./sockopt/datagrams.ts";
import { loadSystemCalls, type SystemCalls } from "./sockopt/system-calls.ts";
import type { TtlRule } from "./sockopt/ttl-filter.ts";

/** RFC 5881 §4, RFC 5883 §5. */
const PORT = { single: 3784, multihop: 4784 } as const;
/** RFC 5881 §4: the source port lies here, and stays the session's. */
const SOURCE_PORTS = { first: 49_152, last: 65_535 };
const SOURCE_PORT_TRIES = 64;
const SINGLE_HOP_TTL = 255;
/** Of a session whose sockets cannot be had. */
const RETRY_MILLIS = 5000;
/** AdminDown is said so often, since each packet may be lost. */
const FAREWELLS = 3;
const FAREWELL_MILLIS = 15;
const MAX_UINT32 = 0xffff_ffff;

/** Until it is told to stop. @throws outside a worker thread. */
function run(): void {
  const port = parentPort;
  if (port === null) throw new Error("the BFD worker is a thread");
  const loaded = loadSystemCalls();
  // The main thread asks for no session where there are none.
  if (!loaded.ok) throw new Error(loaded.why);
  new BfdThread(port, loaded.calls);
}

interface Entry {
  readonly key: string;
  target: BfdTarget;
  readonly address: Address;
  session: BfdSession;
  /** null = not open yet. */
  transmitter: Socket | null;
  timer: NodeJS.Timeout | null;
  /** A whole turn of the event loop is waited for before the peer is given up. */
  looking: boolean;
}

/** One socket that packets of several peers arrive on. */
interface Receiver {
  readonly socket: Socket;
  readonly fd: number;
}

class BfdThread {
  readonly #port: MessagePort;
  readonly #calls: SystemCalls;
  readonly #entries = new Map<string, Entry>();
  /** Sessions that say AdminDown and go, and when they have. */
  readonly #leaving = new Map<string, Entry>();
  readonly #farewells = new Set<Promise<void>>();
  readonly #receivers = new Map<string, Receiver>();

  constructor(port: MessagePort, calls: SystemCalls) {
    this.#port = port;
    this.#calls = calls;
    port.on("message", (message: ToBfdThread) => this.#obey(message));
  }

  #obey(message: ToBfdThread): void {
    switch (message.type) {
      case "set":
        this.#set(message.key, message.target);
        break;
      case "remove": {
        const entry = this.#entries.get(message.key);
        if (entry !== undefined) this.#remove(entry);
        break;
      }
      case "stop":
        void this.#stop();
        break;
    }
  }

  #set(key: string, target: BfdTarget): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.target = target;
      this.#admit();
      this.#step(known, { name: "configure", settings: target.settings });
      return;
    }
    const address = parseAddress(target.address);
    if (!address.ok) return;
    const session = initialBfd(target.settings, this.#newDiscriminator(), random32(), performance.now());
    const entry: Entry = { key, target, address: address.value, session, transmitter: null, timer: null, looking: false };
    // What the session before it has left to say would be taken for the new one's word.
    this.#leaving.delete(key);
    this.#entries.set(key, entry);
    this.#open(entry);
  }

  /** Opens what the session needs; tried again until it works or the session is gone. */
  #open(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    try {
      this.#receive(entry);
      entry.transmitter = this.#openTransmitter(entry);
      this.#admit();
      this.#arm(entry);
    } catch (error) {
      this.#tell({ type: "fault", key: entry.key, why: wordsOf(error, entry) });
      entry.timer = setTimeout(() => this.#open(entry), RETRY_MILLIS);
    }
  }

  #receive(entry: Entry): void {
    const { family } = entry.address;
    const { device, multihop } = entry.target;
    const name = receiverName(entry);
    if (this.#receivers.has(name)) return;
    const fd = openDatagram(this.#calls, { family, address: null, port: multihop ? PORT.multihop : PORT.single, device });
    const socket = createSocket({ type: family === "IPv4" ? "udp4" : "udp6" });
    socket.on("message", (octets, from) => this.#onPacket(name, octets, from));
    // A socket that only receives has no error that a peer could cause.
    socket.on("error", () => {});
    socket.bind({ fd });
    this.#receivers.set(name, { socket, fd });
  }

  #openTransmitter({ address, target }: Entry): Socket {
    const { family } = address;
    const source = target.sourceAddress === null ? null : parseAddress(target.sourceAddress);
    const from = source?.ok === true ? source.value : null;
    for (let tries = 1; ; tries++) {
      const port = SOURCE_PORTS.first + Math.floor(Math.random() * (SOURCE_PORTS.last - SOURCE_PORTS.first + 1));
      try {
        const fd = openDatagram(this.#calls, { family, address: from, port, device: target.device });
        const socket = createSocket({ type: family === "IPv4" ? "udp4" : "udp6" });
        // ICMP errors: what is not heard is what counts.
        socket.on("error", () => {});
        socket.bind({ fd });
        return socket;
      } catch (error) {
        const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
        if (!taken || tries === SOURCE_PORT_TRIES) throw error;
      }
    }
  }

  /** Who may send to each socket, by the sessions there are. */
  #admit(): void {
    for (const [name, { fd }] of this.#receivers) {
      const entries = [...this.#entries.values()].filter((entry) => receiverName(entry) === name);
      const [first] = entries;
      if (first === undefined) continue;
      const rules = entries.map(
        ({ address, target }): TtlRule => ({ address, minimumTtl: target.multihop ? target.minimumTtl : SINGLE_HOP_TTL }),
      );
      admitSenders(this.#calls, fd, first.address.family, rules);
    }
  }

  /** RFC 5880 §6.8.6: by our discriminator, else by the sender. */
  #onPacket(receiver: string, octets: Uint8Array, from: RemoteInfo): void {
    const decoded = decodeBfdPacket(octets);
    if (!decoded.ok) return;
    const { packet } = decoded;
    const sender = parseAddress(from.address.replace(/%.*$/, ""));
    if (!sender.ok) return;
    for (const entry of this.#entries.values()) {
      if (receiverName(entry) !== receiver || entry.address.key !== sender.value.key) continue;
      if (packet.yourDiscriminator !== 0 && packet.yourDiscriminator !== entry.session.discriminator) continue;
      this.#step(entry, { name: "packet", packet });
      return;
    }
  }

  #step(entry: Entry, event: BfdEvent): void {
    const { session, actions } = stepBfd(entry.session, event, performance.now());
    entry.session = session;
    for (const action of actions) {
      if (action.name === "send") this.#send(entry, encodeBfdPacket(action.packet));
      else {
        const { from, to, cause } = action;
        this.#tell({ type: "state", key: entry.key, from, to, cause, atEpochMillis: Date.now() });
      }
    }
    this.#arm(entry);
  }

  #arm(entry: Entry): void {
    if (entry.transmitter === null || entry.looking) return;
    if (entry.timer !== null) clearTimeout(entry.timer);
    const { transmitAt, detectAt } = entry.session;
    const at = Math.min(transmitAt ?? Number.POSITIVE_INFINITY, detectAt ?? Number.POSITIVE_INFINITY);
    entry.timer = Number.isFinite(at) ? setTimeout(() => this.#onTimer(entry), Math.max(0, at - performance.now())) : null;
  }

  #onTimer(entry: Entry): void {
    entry.timer = null;
    const { detectAt } = entry.session;
    if (detectAt === null || performance.now() < detectAt) {
      this.#step(entry, { name: "timer" });
      return;
    }
    // A thread that was not scheduled finds its timer due and the peer's packets unread: they are read first.
    entry.looking = true;
    setImmediate(() =>
      setImmediate(() => {
        entry.looking = false;
        if (this.#entries.get(entry.key) === entry) this.#step(entry, { name: "timer" });
      }),
    );
  }

  #send({ transmitter, target }: Entry, octets: Uint8Array): void {
    // No callback and no lookup: the address is one already.
    transmitter?.send(octets, target.multihop ? PORT.multihop : PORT.single, target.address, () => {});
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#leaving.set(entry.key, entry);
    const farewell = this.#leave(entry);
    this.#farewells.add(farewell);
    void farewell.then(() => this.#farewells.delete(farewell));
  }

  async #leave(entry: Entry): Promise<void> {
    if (entry.timer !== null) clearTimeout(entry.timer);
    const wasDown = entry.session.state === "Down";
    const { session, actions } = stepBfd(entry.session, { name: "adminDown" }, performance.now());
    entry.session = session;
    const [farewell] = actions.flatMap((action) => (action.name === "send" ? [encodeBfdPacket(action.packet)] : []));
    // Who was never heard misses nothing, and who was told Down is not to hear otherwise.
    for (let n = 0; n < FAREWELLS && farewell !== undefined && !wasDown && this.#leaving.get(entry.key) === entry; n++) {
      this.#send(entry, farewell);
      await new Promise((resolve) => setTimeout(resolve, FAREWELL_MILLIS));
    }
    if (this.#leaving.get(entry.key) === entry) this.#leaving.delete(entry.key);
    entry.transmitter?.close();
    this.#admit();
    const name = receiverName(entry);
    if ([...this.#entries.values()].some((other) => receiverName(other) === name)) return;
    this.#receivers.get(name)?.socket.close();
    this.#receivers.delete(name);
  }

  async #stop(): Promise<void> {
    for (const entry of this.#entries.values()) this.#remove(entry);
    await Promise.all(this.#farewells);
    this.#tell({ type: "stopped" });
    this.#port.close();
  }

  #tell(message: FromBfdThread): void {
    this.#port.postMessage(message);
  }

  #newDiscriminator(): number {
    const used = new Set([...this.#entries.values()].map(({ session }) => session.discriminator));
    for (;;) {
      const value = random32();
      if (value !== 0 && !used.has(value)) return value;
    }
  }
}

/** Packets of sessions with the same name arrive on one socket. */
function receiverName({ address, target }: Entry): string {
  const family: Family = address.family;
  return `${family} ${target.multihop} ${target.device ?? ""}`;
}

function random32(): number {
  return Math.floor(Math.random() * (MAX_UINT32 + 1));
}

function wordsOf(error: unknown, { target }: Entry): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const port = target.multihop ? PORT.multihop : PORT.single;
  switch (code) {
    case "EADDRINUSE":
      return `UDP port ${port} is taken: another BFD daemon runs on this host`;
    case "EADDRNOTAVAIL":
      return "the source address is not on this host";
    case "ENODEV":
      return "there is no such device or VRF on this host";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

run();
