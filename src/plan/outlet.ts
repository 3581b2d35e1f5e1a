/**
 * From what is wanted of a prefix to what is sent: hold-down (check 16), the peers' limits (check 17) and the damping of weights. Almost every
 * prefix passes through and leaves nothing behind; an entry is kept only for those that came and went, that carry young weights, or that stand
 * in line for a peer with a limit.
 */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { Family } from "../ip/address.ts";
import { formatPrefix } from "../ip/format.ts";
import type { Prefix } from "../ip/prefix.ts";
import { Agenda } from "./agenda.ts";
import { AnnounceLimit } from "./announce-limit.ts";
import {
  type AnnouncedPeer,
  type Announcement,
  announcementTo,
  NOTHING,
  untold,
  type Wish,
  type WishPool,
  without,
} from "./announcement.ts";
import type { Cause, Damping } from "./change.ts";
import type { RestoredRoute } from "./facts.ts";
import { HoldDown } from "./hold-down.ts";
import type { PeerVerdict } from "./peers.ts";
import { WeightDamping } from "./weight-damping.ts";

/** What keeps a wanted prefix from being sent. Equal keys mean equal overrides. */
export interface Override {
  readonly key: string;
  /** Check 10: not to these peers, which had not been told of it when the node began to leave. */
  readonly late: readonly string[];
  /** Check 16: to nobody. */
  readonly held: boolean;
  /** Check 17: not to these peers. */
  readonly limited: readonly string[];
}

/** Hears of a prefix that is sent otherwise: once for all that {@link Outlet.flush} tells of. */
export type Emit = (prefix: Prefix, before: Announcement, after: Announcement) => void;

/** A prefix is wanted otherwise. */
export interface PrefixWish {
  readonly prefix: Prefix;
  /** What was wanted until now. */
  readonly before: Announcement;
  readonly after: Announcement;
  /** creationTimestamp of the oldest owner, as `Place.age`; asked only where a peer has a limit. */
  readonly age: () => string;
  readonly cause: Cause | null;
}

/** A prefix is held back, or no longer, and what made that so. */
export interface ChangedPrefix {
  readonly prefix: Prefix;
  readonly cause: Cause | null;
}

interface Entry {
  readonly prefix: Prefix;
  wanted: Announcement;
  sent: Announcement;
  /** What was sent before the step of that number: within a step only its end counts. */
  before: { readonly step: number; readonly sent: Announcement };
  age: string;
  override: Override | null;
  holdDown: HoldDown | null;
  readonly weights: Map<string, WeightDamping>;
  /** Limits it stands in line for. */
  readonly lines: Set<string>;
  /** When it is looked at again, and when whether it is still needed; infinite = not at all. */
  dueMillis: number;
  fadesMillis: number;
}

export class Outlet {
  readonly #damping: Damping;
  readonly #pool: WishPool;
  readonly #entries = new Map<string, Entry>();
  readonly #agenda = new Agenda<Entry>();
  /** Entries that may have become needless. Nobody has to wake up for them. */
  readonly #fading = new Agenda<Entry>();
  readonly #limits = new Map<string, AnnounceLimit>();
  readonly #overridden = new Map<string, Override>();
  readonly #changed = new Map<string, ChangedPrefix>();
  /** What was sent, and what is to be: told by `flush`. */
  readonly #unsent = new Map<string, { readonly prefix: Prefix; readonly before: Announcement; after: Announcement }>();
  /** Prefixes whose place in a line changed through others, with what changed those. */
  readonly #moved = new Map<string, Cause | null>();
  /** Entries of routes that outlived a restart, until it is known what is wanted of them. */
  readonly #restored = new Set<Entry>();
  #nowMillis: number | null = null;
  #step = 0;
  #leaving = false;

  constructor(damping: Damping, pool: WishPool) {
    this.#damping = damping;
    this.#pool = pool;
  }

  /** Some peer has a limit: every plan of a prefix has to be told, changed or not. */
  get limits(): boolean {
    return this.#limits.size > 0;
  }

  /** Something is held or limited. */
  get overrides(): boolean {
    return this.#overridden.size > 0;
  }

  /** Some prefix may be sent otherwise than it is wanted. */
  get holdsSomething(): boolean {
    return this.#entries.size > 0;
  }

  /** When time alone changes something next; null = never. */
  get wakeAtMillis(): number | null {
    return this.#agenda.next;
  }

  overrideOf(prefixKey: string): Override | null {
    return this.#overridden.get(prefixKey) ?? null;
  }

  /** The limits that leave prefixes out, and how many. */
  *exceeded(): IterableIterator<{ readonly peer: string; readonly family: Family; readonly limit: number; readonly leftOut: number }> {
    for (const [line, { limit, leftOut }] of this.#limits) if (leftOut > 0) yield { ...lineParts(line), limit, leftOut };
  }

  /** What is sent, where that may be something else than what is wanted. */
  sentOf(prefixKey: string): Announcement | undefined {
    return this.#entries.get(prefixKey)?.sent;
  }

  /** The weight that is wanted and waits. */
  waitingWeight(prefixKey: string, peer: string): { readonly wanted: number; readonly dueMillis: number } | null {
    const entry = this.#entries.get(prefixKey);
    const dueMillis = entry?.weights.get(peer)?.dueMillis ?? null;
    const wanted = entry?.wanted.peers.find((one) => one.peer === peer)?.wish.attributes.linkBandwidth?.bytesPerSecond;
    return dueMillis === null || wanted === undefined ? null : { wanted, dueMillis };
  }

  /** Until when a prefix is held down, in the milliseconds of the time fact; null = it is not. */
  heldUntilMillis(prefixKey: string): number | null {
    return this.#entries.get(prefixKey)?.holdDown?.untilMillis ?? null;
  }

  /** The node is about to go: what nobody was told about stays so. */
  setLeaving(leaving: boolean): void {
    if (this.#leaving === leaving) return;
    this.#leaving = leaving;
    for (const [key, { late }] of this.#overridden) if (late.length > 0) this.#moved.set(key, null);
  }

  /** A graceful start: peers have these routes, whatever is wanted of them now. To be called before anything is wanted. */
  restore(routes: readonly RestoredRoute[]): void {
    for (const { prefix, to } of routes) {
      const peers = [...to]
        .sort((a, b) => (a.peer < b.peer ? -1 : 1))
        .map(({ peer, attributes }): AnnouncedPeer => ({ peer, wish: this.#pool.intern(attributes) }));
      const entry = this.#entry(prefix, announcementTo(peers, false), NOTHING);
      this.#restored.add(entry);
    }
  }

  /** A new step begins: what happens within it is seen as one change. */
  begin(nowMillis: number | null): void {
    this.#step++;
    this.#nowMillis = nowMillis;
  }

  /** The step ends: everybody's wish is known, so places in line are final; looks again at what others moved and what time has reached. */
  end(): void {
    for (const entry of this.#restored) {
      if (entry.wanted === NOTHING) this.#settle(entry, { kind: "StateFile", name: formatPrefix(entry.prefix), resourceVersion: "" });
    }
    this.#restored.clear();
    this.#settleMoved();
    const now = this.#nowMillis;
    if (now === null) return;
    for (let due = this.#agenda.take(now); due !== null; due = this.#agenda.take(now)) {
      const { subject } = due;
      subject.dueMillis = Number.POSITIVE_INFINITY;
      const timer = { kind: "Timer", name: formatPrefix(subject.prefix), resourceVersion: "" };
      if (this.#entries.get(subject.prefix.key) === subject) this.#settle(subject, timer);
    }
    this.#settleMoved();
    this.#forget(now);
  }

  /** Tells what is sent otherwise since the last time, however often it changed in between. */
  flush(emit: Emit): void {
    for (const { prefix, before, after } of this.#unsent.values()) if (before.key !== after.key) emit(prefix, before, after);
    this.#unsent.clear();
  }

  /** Newest limits of the peers. A line where there was none fills as its prefixes are told again. */
  setLimits(peers: readonly PeerVerdict[]): void {
    const wanted = new Map<string, number>();
    for (const { name, peer } of peers) {
      const { ipv4, ipv6 } = peer.announceLimit;
      if (ipv4 !== null) wanted.set(lineOf(name, "IPv4"), ipv4);
      if (ipv6 !== null) wanted.set(lineOf(name, "IPv6"), ipv6);
    }
    for (const line of this.#limits.keys()) {
      if (wanted.has(line)) continue;
      this.#limits.delete(line);
      for (const [key, { lines }] of this.#entries) if (lines.has(line)) this.#moved.set(key, null);
    }
    for (const [line, limit] of wanted) {
      const known = this.#limits.get(line);
      if (known === undefined) this.#limits.set(line, new AnnounceLimit(limit));
      else known.resize(limit, (key) => this.#moved.set(key, null));
    }
  }

  /** The newest wish for a prefix. */
  want({ prefix, before, after, age, cause }: PrefixWish, emit: Emit): void {
    let entry = this.#entries.get(prefix.key);
    if (entry === undefined) {
      if (!this.#concerns(before, after, prefix)) {
        if (before.key === after.key) return;
        const unsent = this.#unsent.get(prefix.key);
        if (unsent === undefined) emit(prefix, before, after);
        else unsent.after = after;
        return;
      }
      entry = this.#entry(prefix, before, before);
    }
    entry.wanted = after;
    if (this.#limits.size > 0) entry.age = age();
    this.#settle(entry, cause);
  }

  #entry(prefix: Prefix, sent: Announcement, wanted: Announcement): Entry {
    const entry: Entry = {
      prefix,
      wanted,
      sent,
      before: { step: this.#step, sent },
      age: "",
      override: null,
      holdDown: null,
      weights: new Map(sent.peers.map(({ peer, wish }) => [peer, new WeightDamping(wish.attributes.linkBandwidth)])),
      lines: new Set(),
      dueMillis: Number.POSITIVE_INFINITY,
      fadesMillis: Number.POSITIVE_INFINITY,
    };
    this.#entries.set(prefix.key, entry);
    return entry;
  }

  /** Prefixes whose override became another since the last time. */
  takeChanged(): readonly ChangedPrefix[] {
    if (this.#changed.size === 0) return NONE;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    return changed;
  }

  /** An entry is needed: something may be held back, now or by what is remembered. */
  #concerns(before: Announcement, after: Announcement, prefix: Prefix): boolean {
    if (this.#limits.size > 0 && after.peers.some(({ peer }) => this.#limits.has(lineOf(peer, prefix.address.family)))) return true;
    if (this.#leaving && untold(after, before).length > 0) return true;
    if (this.#nowMillis === null || before.key === after.key) return false;
    if (this.#damping.announceHoldDown && before.peers.length > 0 && after.peers.length === 0) return true;
    const isWeighted = ({ wish }: AnnouncedPeer) => wish.attributes.linkBandwidth !== null;
    return after.peers.some(isWeighted) || (after.peers.length > 0 && before.peers.some(isWeighted));
  }

  #settle(entry: Entry, cause: Cause | null): void {
    const { prefix, wanted } = entry;
    if (entry.before.step !== this.#step) entry.before = { step: this.#step, sent: entry.sent };
    const heldUntil = this.#holdDown(entry);
    // Within a step only what came before it was told.
    const late = this.#leaving ? untold(wanted, entry.before.sent) : NOBODY;
    const passing = heldUntil === null ? without(wanted, late) : NOTHING;
    const limited = this.#stand(entry, passing, cause);
    const { announcement, dueMillis } = this.#damp(entry, without(passing, limited));
    if (entry.sent.key !== announcement.key) {
      const unsent = this.#unsent.get(prefix.key);
      if (unsent === undefined) this.#unsent.set(prefix.key, { prefix, before: entry.sent, after: announcement });
      else unsent.after = announcement;
    }
    entry.sent = announcement;
    this.#override(entry, { late, held: heldUntil !== null, limited }, cause);
    const due = Math.min(heldUntil ?? Number.POSITIVE_INFINITY, dueMillis);
    if (due < entry.dueMillis) {
      entry.dueMillis = due;
      this.#agenda.add(due, entry);
    }
    this.#fade(entry);
  }

  /** Check 16: until when nothing is sent; null = it may be. */
  #holdDown(entry: Entry): number | null {
    const now = this.#nowMillis;
    if (now === null || !this.#damping.announceHoldDown) return null;
    if (entry.wanted.peers.length > 0) return entry.holdDown?.wanted(now, this.#step, entry.wanted.elsewhere) ?? null;
    if (entry.before.sent.peers.length > 0) {
      entry.holdDown ??= new HoldDown();
      entry.holdDown.withdrawn(now, this.#step);
    }
    return null;
  }

  /** Check 17: the peers that it is beyond the limit of. */
  #stand(entry: Entry, passing: Announcement, cause: Cause | null): string[] {
    if (this.#limits.size === 0 && entry.lines.size === 0) return [];
    const { key, address } = entry.prefix;
    const changed = (other: string) => this.#moved.set(other, cause);
    const limited: string[] = [];
    const left = new Set(entry.lines);
    entry.lines.clear();
    for (const { peer } of passing.peers) {
      const line = lineOf(peer, address.family);
      const limit = this.#limits.get(line);
      if (limit === undefined) continue;
      left.delete(line);
      entry.lines.add(line);
      limit.put({ prefix: entry.prefix, age: entry.age }, changed);
      if (limit.isCut(key)) limited.push(peer);
    }
    for (const line of left) this.#limits.get(line)?.remove(key, changed);
    return limited;
  }

  /** Those that others moved across a limit; settling one may move more. */
  #settleMoved(): void {
    for (const [key, cause] of this.#moved) {
      this.#moved.delete(key);
      const entry = this.#entries.get(key);
      if (entry !== undefined) this.#settle(entry, cause);
    }
  }

  /** The weights that are sent in place of the wanted ones, and when the next of them changes. */
  #damp(entry: Entry, allowed: Announcement): { readonly announcement: Announcement; readonly dueMillis: number } {
    const now = this.#nowMillis;
    let dueMillis = Number.POSITIVE_INFINITY;
    if (now === null) return { announcement: allowed, dueMillis };
    let differs = false;
    const peers = allowed.peers.map(({ peer, wish }): AnnouncedPeer => {
      const sent = entry.before.sent.peers.find((one) => one.peer === peer)?.wish.attributes.linkBandwidth ?? null;
      const wanted = wish.attributes.linkBandwidth;
      let damping = entry.weights.get(peer);
      if (damping === undefined) {
        if (wanted === null) return { peer, wish };
        damping = new WeightDamping(null);
        entry.weights.set(peer, damping);
      }
      const chosen = damping.choose(sent, wanted, { nowMillis: now, step: this.#step }, this.#damping);
      dueMillis = Math.min(dueMillis, damping.dueMillis ?? Number.POSITIVE_INFINITY);
      if (chosen === wanted) return { peer, wish };
      differs = true;
      return { peer, wish: this.#weighted(wish, chosen) };
    });
    return { announcement: differs ? announcementTo(peers, allowed.elsewhere) : allowed, dueMillis };
  }

  #weighted({ attributes }: Wish, linkBandwidth: RouteAttributes["linkBandwidth"]): Wish {
    return this.#pool.intern({ ...attributes, linkBandwidth });
  }

  #override(entry: Entry, { late, held, limited }: Omit<Override, "key">, cause: Cause | null): void {
    const key = `${late.map((peer) => `late ${peer}\n`).join("")}${held ? "held" : ""}${limited.join("\n")}`;
    if (key === (entry.override?.key ?? "")) return;
    entry.override = key === "" ? null : { key, late, held, limited };
    if (entry.override === null) this.#overridden.delete(entry.prefix.key);
    else this.#overridden.set(entry.prefix.key, entry.override);
    this.#changed.set(entry.prefix.key, { prefix: entry.prefix, cause });
  }

  /** An entry that is needed for its memory alone is looked at again when that may have faded. */
  #fade(entry: Entry): void {
    const { prefix, wanted, sent, override, holdDown, weights, lines } = entry;
    if (override !== null || lines.size > 0 || sent.key !== wanted.key) return;
    let fades = holdDown?.forgottenAtMillis ?? Number.NEGATIVE_INFINITY;
    for (const damping of weights.values()) fades = Math.max(fades, damping.forgottenAtMillis(this.#damping));
    if (this.#nowMillis === null || fades <= this.#nowMillis) this.#entries.delete(prefix.key);
    else if (fades < entry.fadesMillis) {
      entry.fadesMillis = fades;
      this.#fading.add(fades, entry);
    }
  }

  #forget(nowMillis: number): void {
    for (let faded = this.#fading.take(nowMillis); faded !== null; faded = this.#fading.take(nowMillis)) {
      const { subject } = faded;
      subject.fadesMillis = Number.POSITIVE_INFINITY;
      if (this.#entries.get(subject.prefix.key) === subject) this.#fade(subject);
    }
  }
}

const NONE: readonly ChangedPrefix[] = [];
const NOBODY: readonly string[] = [];

function lineOf(peer: string, family: Family): string {
  return `${family} ${peer}`;
}

function lineParts(line: string): { readonly family: Family; readonly peer: string } {
  return { family: line.startsWith("IPv4") ? "IPv4" : "IPv6", peer: line.slice("IPv4 ".length) };
}
