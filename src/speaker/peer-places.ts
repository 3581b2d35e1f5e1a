/**
 * Where a peer is that its object gives no address: the one router on a link, or a default gateway of this host. The kernel is asked again and again, for a
 * dump costs less than to follow every change of a node's neighbours. An address once found stays until another one takes its place or its link goes, for
 * the kernel forgets neighbours that nobody talks to.
 */

import type { Clock, Timer } from "../clock.ts";
import { type Address, isLinkLocal } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import type { Log } from "../log.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import type { Gateways } from "./default-gateway.ts";
import type { LinkRouters } from "./link-routers.ts";
import type { PeerStatus } from "./peer-status.ts";

/** The far end of a session. */
export interface Remote {
  readonly address: Address;
  /** The interface that a link-local address belongs to; null for every other address. */
  readonly zone: string | null;
}

export type Place = { readonly known: true; readonly remote: Remote } | { readonly known: false; readonly why: string };

export interface SoughtPeer {
  readonly peer: BGPPeer;
  /** Its session is up. */
  readonly up: boolean;
  /** When a dial to it last was not answered at all, since its session was up; null = none was. */
  readonly silentAt: Date | null;
}

export interface PeerPlacesPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Routers that the kernel knows on a link. */
  routersOn(device: string): LinkRouters;
  /** Shows this host to the routers on a link. Returns why it could not; "" = it did. */
  advertise(device: string): string;
  gateways(family: "IPv4" | "IPv6"): Gateways;
  /** The peers there are now, and how their sessions are. */
  wanted(): readonly SoughtPeer[];
  /** The place of some peer is another. */
  changed(): void;
}

const POLL_MILLIS = 1000;
/** While a session is sought (RFC 4861 §10, MIN_DELAY_BETWEEN_RAS), and while all are up. */
const ADVERTISE_MILLIS = { seeking: 3000, up: 10_000 } as const;

export class PeerPlaces {
  readonly #ports: PeerPlacesPorts;
  /** By what is looked for: peers that share it share the answer. */
  readonly #places = new Map<string, { readonly place: Place; readonly since: Date }>();
  /** By interface: when this host last showed itself there, and what kept it from that. */
  readonly #advertised = new Map<string, { readonly at: number; readonly why: string }>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(ports: PeerPlacesPorts) {
    this.#ports = ports;
  }

  of(peer: BGPPeer): Place {
    if (peer.peerAddress !== null) return declaredPlace(peer);
    const key = keyOf(peer);
    const known = this.#places.get(key);
    if (known !== undefined) return known.place;
    const place = this.#look(peer, null, false);
    this.#keep(key, place);
    this.#wake();
    return place;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wake(): void {
    if (this.#timer === null && !this.#stopped) this.#timer = this.#ports.clock.setTimer(POLL_MILLIS, () => this.#poll());
  }

  #poll(): void {
    this.#timer = null;
    const sought = this.#ports.wanted().filter(({ peer }) => peer.peerAddress === null);
    const wanted = new Map(sought.map((one) => [keyOf(one.peer), one]));
    for (const key of this.#places.keys()) if (!wanted.has(key)) this.#places.delete(key);
    for (const { peer, up } of sought) if (peer.interface !== null && peer.adminDown === null) this.#advertise(peer.interface, up);
    let changed = false;
    for (const [key, { peer, silentAt }] of wanted) {
      const known = this.#places.get(key);
      const before = known?.place;
      const isSilent = silentAt !== null && known !== undefined && silentAt > known.since;
      const place = this.#look(peer, before?.known === true ? before.remote.address : null, isSilent);
      this.#keep(key, place);
      if (before !== undefined && wordsOf(before) === wordsOf(place)) continue;
      changed = true;
      if (place.known) this.#ports.log({ event: "peer.found", peer: peer.metadata.name, address: wordsOf(place) });
    }
    if (wanted.size > 0) this.#wake();
    if (changed) this.#ports.changed();
  }

  #advertise(device: string, up: boolean): void {
    const { clock, log, advertise } = this.#ports;
    const last = this.#advertised.get(device);
    if (last !== undefined && clock.now() - last.at < (up ? ADVERTISE_MILLIS.up : ADVERTISE_MILLIS.seeking)) return;
    const why = advertise(device);
    this.#advertised.set(device, { at: clock.now(), why });
    if (why !== "" && why !== last?.why) log({ event: "link.notAdvertised", device, why });
  }

  #keep(key: string, place: Place): void {
    const before = this.#places.get(key);
    const isSame = before !== undefined && wordsOf(before.place) === wordsOf(place);
    this.#places.set(key, { place, since: isSame ? before.since : this.#ports.clock.wall() });
  }

  #look(peer: BGPPeer, current: Address | null, isSilent: boolean): Place {
    if (peer.interface !== null) return routerOn(peer.interface, this.#ports.routersOn(peer.interface), current, isSilent);
    if (peer.defaultGateway !== null) return gatewayOf(peer.defaultGateway, this.#ports.gateways(peer.defaultGateway), current);
    return declaredPlace(peer);
  }
}

/** What the search has to know of a peer. */
export function soughtPeer(peer: BGPPeer, { state, lastError }: Pick<PeerStatus, "state" | "lastError">): SoughtPeer {
  const up = state === "Established";
  return { peer, up, silentAt: !up && lastError?.silent === true ? lastError.at : null };
}

/** Where the object itself says that the peer is. */
export function declaredPlace({ peerAddress }: BGPPeer): Place {
  return peerAddress === null ? { known: false, why: "no peerAddress" } : { known: true, remote: { address: peerAddress, zone: null } };
}

/** `fe80::1%eth0`, as people and the system write it. */
export function formatRemote({ address, zone }: Remote): string {
  return zone === null ? formatAddress(address) : `${formatAddress(address)}%${zone}`;
}

export function sameRemote(one: Remote | null, other: Remote | null): boolean {
  return one?.address.key === other?.address.key && one?.zone === other?.zone;
}

/**
 * The one router on a link. `current` stays while it answers, and while nobody else does. The kernel takes most of a minute to give up a router that fell silent: one that
 * does not answer a dial (`isSilent`) makes place for the only other one at once.
 */
export function routerOn(device: string, seen: LinkRouters, current: Address | null, isSilent: boolean): Place {
  if (!seen.ok) return { known: false, why: seen.why };
  const found = (address: Address): Place => ({ known: true, remote: { address, zone: device } });
  const [first, ...others] = seen.routers;
  const [successor, ...rivals] = seen.routers.filter(({ key }) => key !== current?.key);
  if (isSilent && current !== null && successor !== undefined && rivals.length === 0) return found(successor);
  if (current !== null && (first === undefined || seen.routers.some(({ key }) => key === current.key))) return found(current);
  if (first === undefined) {
    return {
      known: false,
      why: `no router has been seen on ${device}: it has to send IPv6 router advertisements there (FRR: neighbor ${device} interface)`,
    };
  }
  if (others.length === 0) return found(first);
  const names = seen.routers.map(formatAddress).join(", ");
  return { known: false, why: `several routers are on ${device} (${names}): interface is for a link with one; name one by peerAddress` };
}

/** The default gateway of the lowest metric. */
export function gatewayOf(family: "IPv4" | "IPv6", seen: Gateways, current: Address | null): Place {
  if (!seen.ok) return { known: false, why: seen.why };
  const [first, ...others] = seen.gateways;
  if (first === undefined) return { known: false, why: `this host has no ${family} default route with a gateway` };
  const chosen = seen.gateways.find(({ address }) => address.key === current?.key) ?? first;
  if (chosen === first && others.length > 0 && first.address.key !== current?.key) {
    const names = seen.gateways.map(({ address }) => formatAddress(address)).join(", ");
    return { known: false, why: `this host has several ${family} default gateways (${names}): name one by peerAddress` };
  }
  return { known: true, remote: { address: chosen.address, zone: isLinkLocal(chosen.address) ? chosen.device : null } };
}

function keyOf(peer: BGPPeer): string {
  return peer.interface === null ? `gateway ${peer.defaultGateway}` : `interface ${peer.interface}`;
}

function wordsOf(place: Place): string {
  return place.known ? formatRemote(place.remote) : place.why;
}
