/**
 * A network of hosts with TCP between them, by seed: octets of one connection arrive in order and unharmed or not at all, those of different connections in
 * any order. What is lost is sent again, so loss is delay; a link that is cut holds everything back until it is mended; a connection may be
 * reset in the middle of a message.
 */

import type { Address } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import type { Dial, DialSink, DialTarget } from "../../../src/speaker/dialer.ts";
import type { Caller } from "../../../src/speaker/listener.ts";
import type { Transport } from "../../../src/speaker/transport.ts";
import type { Dice } from "../../support/dice.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { type Segment, VirtualStream } from "./virtual-stream.ts";

/** One way of a segment, in milliseconds. */
export const LINK_DELAY_MILLIS = 40;
/** What a lost segment costs on top: TCP's retransmission timeout begins at 200 ms on Linux. */
export const RETRANSMIT_MILLIS = 400;
/** After a cut TCP tries again at growing distances: the first octets come so late at most. */
export const BACKLOG_MILLIS = 3_000;
/** SYNs are sent again after 1, 2, 4, ... s. */
const SYN_RETRY_MILLIS = 1_000;

export interface NetworkWeather {
  /** Of so many segments one is lost. */
  readonly lossOneIn: number;
  /** Octets in flight that a kernel takes at most. */
  readonly windowOctets: number;
}

/** A machine: on, or without power. Streams of its one process that speaks. */
export interface Host {
  readonly address: Address;
  readonly text: string;
  powered: boolean;
  listener: ((caller: Caller) => void) | null;
  readonly streams: Set<VirtualStream>;
}

export class Network {
  readonly clock: VirtualClock;
  readonly weather: NetworkWeather;
  readonly #dice: Dice;
  readonly #hosts = new Map<string, Host>();
  readonly #cuts = new Set<string>();
  /** Streams whose octets a cut keeps back, or kept back until a moment ago. */
  readonly #behind = new Set<VirtualStream>();
  #port = 40_000;
  /** Told of every octet that a kernel took. */
  onSent: (from: VirtualStream, octets: Uint8Array) => void = () => {};
  /** Told of every link that is cut or mended. */
  onLink: () => void = () => {};

  constructor(clock: VirtualClock, dice: Dice, weather: NetworkWeather) {
    this.clock = clock;
    this.#dice = dice;
    this.weather = weather;
  }

  host(address: Address): Host {
    const text = formatAddress(address);
    const known = this.#hosts.get(text);
    if (known !== undefined) return known;
    const host: Host = { address, text, powered: true, listener: null, streams: new Set() };
    this.#hosts.set(text, host);
    return host;
  }

  isCut(one: Host, other: Host): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(linkOf(one, other));
  }

  cut(one: Host, other: Host): void {
    this.#cuts.add(linkOf(one, other));
    this.onLink();
  }

  mend(one: Host, other: Host): void {
    if (!this.#cuts.delete(linkOf(one, other))) return;
    this.onLink();
    for (const stream of this.#behind) if (linkOf(stream.host, stream.remote) === linkOf(one, other)) this.#release(stream);
  }

  /** Octets of a cut, or of one that was mended, are still on their way. */
  hasBacklog(one: Host, other: Host): boolean {
    if (this.#behind.size === 0) return false;
    for (const stream of this.#behind) {
      if (stream.held.length === 0 && stream.lastArrival <= this.clock.now) this.#behind.delete(stream);
      else if (linkOf(stream.host, stream.remote) === linkOf(one, other)) return true;
    }
    return false;
  }

  /** The process of the host ends: its kernel closes what it left behind, unless the power went with it. */
  kill(host: Host, how: "fin" | "rst"): void {
    host.listener = null;
    for (const stream of [...host.streams]) stream.orphan(host.powered ? how : "silence");
    host.streams.clear();
  }

  /** Resets that were planned and have not happened do not happen. */
  calm(): void {
    for (const host of this.#hosts.values()) for (const stream of host.streams) stream.resetAfterOctets = null;
  }

  /** One connection between the two, or none. */
  anyStream(one: Host, other: Host): VirtualStream | undefined {
    return this.#dice.any([...one.streams].filter((stream) => stream.remote === other && !stream.destroyed));
  }

  transport(host: Host): Transport {
    return {
      dial: (target, sink) => this.#dial(host, target, sink),
      listen: ({ addresses, port }, onCaller) => ({
        start: async () => {
          if (addresses.length > 0) host.listener = onCaller;
          return addresses.map((address) => ({ address, port }));
        },
        stop: () => {
          host.listener = null;
        },
        // Nothing here asks for a password or a TTL.
        admit: () => {},
      }),
    };
  }

  /** Sends a segment on its way. */
  carry(from: VirtualStream, segment: Segment): void {
    if (this.isCut(from.host, from.remote) || from.held.length > 0) {
      // Nobody sends a reset twice.
      if (segment.kind === "rst") return;
      from.held.push(segment);
      this.#behind.add(from);
      return;
    }
    this.#schedule(from, segment, this.#delay());
  }

  /** Cuts data into what packets carry. */
  pieces(octets: Uint8Array): Uint8Array[] {
    if (octets.length < 2 || !this.#dice.chance(4)) return [octets];
    const at = 1 + this.#dice.below(octets.length - 1);
    return [octets.subarray(0, at), octets.subarray(at)];
  }

  #delay(): number {
    const lost = this.#dice.chance(this.weather.lossOneIn) ? this.#dice.below(RETRANSMIT_MILLIS) : 0;
    return 1 + this.#dice.below(LINK_DELAY_MILLIS) + lost;
  }

  #schedule(from: VirtualStream, segment: Segment, delay: number): void {
    const to = from.partner;
    if (to === null) return;
    const at = Math.max(from.lastArrival, this.clock.now + delay);
    from.lastArrival = at;
    this.clock.at(at, () => {
      if (to.host.powered) to.receive(segment);
    });
  }

  /** What a cut held back goes on, all of it behind the first retransmission. */
  #release(stream: VirtualStream): void {
    const held = stream.held.splice(0);
    if (held.length === 0) return;
    const delay = this.#delay() + this.#dice.below(BACKLOG_MILLIS - RETRANSMIT_MILLIS - LINK_DELAY_MILLIS);
    for (const segment of held) this.#schedule(stream, segment, delay);
  }

  #dial(host: Host, target: DialTarget, sink: DialSink): Dial {
    const text = formatAddress(target.address);
    const client = new VirtualStream(this, host, this.host(target.address));
    const attempt = { over: false };
    host.streams.add(client);
    client.onConnected = () => {
      if (attempt.over) {
        client.destroy();
        return;
      }
      attempt.over = true;
      sink.connected(client);
    };
    client.onRefused = () => {
      if (attempt.over) return;
      attempt.over = true;
      host.streams.delete(client);
      sink.failed("connection refused");
    };
    const port = this.#port++;
    const knock = (wait: number): void => {
      if (attempt.over || client.partner !== null || client.destroyed) return;
      const remote = this.#hosts.get(text);
      const isSilent = remote === undefined || !remote.powered || this.isCut(host, remote) || this.#dice.chance(this.weather.lossOneIn);
      if (isSilent) this.clock.after(wait, () => knock(2 * wait));
      else this.clock.after(this.#delay(), () => this.#onSyn(client, remote, port));
    };
    knock(SYN_RETRY_MILLIS);
    return {
      cancel: () => {
        attempt.over = true;
        client.destroy();
      },
    };
  }

  #onSyn(client: VirtualStream, remote: Host, port: number): void {
    if (!remote.powered || client.destroyed) return;
    const server = new VirtualStream(this, remote, client.host);
    server.partner = client;
    client.partner = server;
    if (remote.listener === null) {
      this.carry(server, { kind: "rst", octets: NONE });
      return;
    }
    remote.streams.add(server);
    server.onConnected = () => {
      const { listener } = remote;
      if (listener === null) server.destroy();
      else listener({ socket: server, remoteAddress: client.host.address, remotePort: port, localAddress: remote.address });
    };
    this.carry(server, { kind: "synAck", octets: NONE });
  }
}

const NONE = new Uint8Array(0);

function linkOf(one: Host, other: Host): string {
  return one.text < other.text ? `${one.text} ${other.text}` : `${other.text} ${one.text}`;
}
