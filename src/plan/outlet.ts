/**
 * From what is wanted of a prefix to what is sent: hold-down (check 16), the peers' limits (check 17) and the damping of weights. Almost every
 * prefix passes through and leaves nothing behind; an entry is kept only for those that came and went, that carry young weights, or that stand
 * in line for a peer with a limit.
 */

import { formatPrefix } from "../ip/format.ts";
import type { Prefix } from "../ip/prefix.ts";
import { Agenda } from "./agenda.ts";
import { type AnnouncedPeer, type Announcement, announcementTo, NOTHING, untold, type WishPool, without } from "./announcement.ts";
import type { Cause, Damping } from "./change.ts";
import { DampedWeights } from "./damped-weights.ts";
import type { RestoredRoute } from "./facts.ts";
import { HoldDown } from "./hold-down.ts";
import { type ExceededLimit, type InLine, LimitLines } from "./limit-lines.ts";
import type { PeerVerdict } from "./peers.ts";

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

interface Entry extends InLine {
  wanted: Announcement;
  sent: Announcement;
  /** What was sent before the step of that number: within a step only its end counts. */
  before: { readonly step: number; readonly sent: Announcement };
  override: Override | null;
  holdDown: HoldDown | null;
  readonly weights: DampedWeights;
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
  /** Check 17. */
  readonly #lines = new LimitLines();
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
    return this.#lines.some;
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
  exceeded(): IterableIterator<ExceededLimit> {
    return this.#lines.exceeded();
  }

  /** What is sent, where that may be something else than what is wanted. */
  sentOf(prefixKey: string): Announcement | undefined {
    return this.#entries.get(prefixKey)?.sent;
  }

  /** The weight that is wanted and waits. */
  waitingWeight(prefixKey: string, peer: string): { readonly wanted: number; readonly dueMillis: number } | null {
    const entry = this.#entries.get(prefixKey);
    const dueMillis = entry?.weights.dueMillis(peer) ?? null;
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
    const gone = this.#lines.set(peers, (key) => this.#moved.set(key, null));
    if (gone.size === 0) return;
    for (const [key, { lines }] of this.#entries) if ([...lines].some((line) => gone.has(line))) this.#moved.set(key, null);
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
    if (this.#lines.some) entry.age = age();
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
      weights: new DampedWeights(sent, this.#damping),
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
    if (this.#lines.concern(after, prefix.address.family)) return true;
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
    const limited = this.#lines.stand(entry, passing, (other) => this.#moved.set(other, cause));
    const allowed = without(passing, limited);
    const { announcement, dueMillis } =
      this.#nowMillis === null
        ? { announcement: allowed, dueMillis: Number.POSITIVE_INFINITY }
        : entry.weights.damp(allowed, entry.before.sent, { nowMillis: this.#nowMillis, step: this.#step }, this.#pool);
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

  /** Those that others moved across a limit; settling one may move more. */
  #settleMoved(): void {
    for (const [key, cause] of this.#moved) {
      this.#moved.delete(key);
      const entry = this.#entries.get(key);
      if (entry !== undefined) this.#settle(entry, cause);
    }
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
    const fades = Math.max(holdDown?.forgottenAtMillis ?? Number.NEGATIVE_INFINITY, weights.forgottenAtMillis);
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
