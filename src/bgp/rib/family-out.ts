/**
 * Adj-RIB-Out of one family towards one peer (RFC 4271 §3.2): per prefix row the attribute set wanted and the one sent, and the difference between the two
 * kept as linked lists, so that what is pending is never searched for. A prefix is on at most one list:
 *
 * - one bucket per wanted attribute set, in a queue, for what is to be announced (also while nothing can be sent: opening costs nothing then);
 * - `fresh`, `ready` and the lists of `covering.ts` for what is to be withdrawn.
 *
 * A wish only moves the prefix to the list where it now belongs; a session that ends makes `sent` empty, and the same difference is what the next one sends.
 */

import type { AttributeTable } from "./attribute-table.ts";
import { Buckets } from "./buckets.ts";
import { Covering } from "./covering.ts";
import { type FamilyPrefixes, grown } from "./family-prefixes.ts";
import { LinkedRows } from "./linked-rows.ts";
import { SentRows } from "./sent-rows.ts";
import type { SessionBlocks } from "./session-attributes.ts";

/** `shut`: no session, or not negotiated; `withdraw`: no next hop, so whatever was sent has to go; `open`: announcing. */
export type Gate = "shut" | "withdraw" | "open";

/** How many prefixes of other lengths are tried for the last octets of a message. */
const LOOK_AHEAD = 16;

export class FamilyOut {
  readonly rows: FamilyPrefixes;
  readonly lists = new LinkedRows();
  readonly buckets: Buckets;
  readonly covering: Covering;
  readonly #attributes: AttributeTable;
  /** Attribute set ids by row, 0 = none. */
  #wanted = new Int32Array(64);
  readonly #sent: SentRows;
  readonly #unsendable = new Set<number>();
  #gate: Gate = "shut";
  /** How sets are encoded on the session that is up. */
  #blocks: SessionBlocks | null = null;
  #wantedCount = 0;
  #announcements = 0;
  #withdrawals = 0;

  constructor(rows: FamilyPrefixes, attributes: AttributeTable) {
    this.rows = rows;
    this.#attributes = attributes;
    this.#sent = new SentRows(attributes);
    this.buckets = new Buckets(this.lists, attributes);
    this.covering = new Covering(rows, this.lists, this.buckets, (row) => this.#sent.mark(row) === 0);
  }

  get gate(): Gate {
    return this.#gate;
  }
  get wantedCount(): number {
    return this.#wantedCount;
  }
  /** Prefixes the peer was told about and not told to forget. */
  get sentCount(): number {
    return this.#sent.count;
  }
  /** Routes the peer has that are still to be repeated. */
  get staleCount(): number {
    return this.#sent.staleCount;
  }
  get unsendable(): ReadonlySet<number> {
    return this.#unsendable;
  }
  /** Changes that could leave now. */
  get pending(): number {
    return this.#gate === "open" ? this.#announcements + this.#withdrawals : this.pendingWithdrawals;
  }
  get pendingWithdrawals(): number {
    return this.#gate === "shut" ? 0 : this.#withdrawals;
  }
  /** The bucket whose turn it is, 0 when there is nothing to announce or nothing may be. */
  get bucket(): number {
    return this.#gate === "open" ? this.buckets.first : 0;
  }

  wanted(row: number): number {
    return this.#wanted[row] ?? 0;
  }
  sent(row: number): number {
    return this.#sent.attributeId(row);
  }

  /** The newest wish for a row: an attribute set, or 0 for none. The caller holds references to both while calling. */
  want(row: number, attributeId: number): void {
    if (row >= this.#wanted.length) {
      const capacity = Math.max(this.rows.capacity, row + 1);
      this.#wanted = grown(this.#wanted, capacity);
      this.#sent.reserve(capacity);
      this.lists.reserve(capacity);
    }
    const before = this.#wanted[row] ?? 0;
    if (before === attributeId) return;
    if (before === 0 && this.#sent.mark(row) === 0) this.rows.retain(row);
    if (attributeId !== 0) this.#attributes.retain(attributeId);
    this.#wantedCount += (attributeId === 0 ? 0 : 1) - (before === 0 ? 0 : 1);
    this.#wanted[row] = attributeId;
    if (this.#unsendable.size > 0) this.#unsendable.delete(row);
    this.#place(row);
    if (before !== 0) this.#attributes.release(before);
    this.#releaseUnused(row);
  }

  /** From now on sets are encoded like this; to be said before what may leave. */
  setBlocks(blocks: SessionBlocks): void {
    this.#blocks = blocks;
  }

  /** What may leave has changed: every row is put where it now belongs, sets that were too long are tried again. */
  setGate(gate: Gate): void {
    // A new session finds every wish in its bucket already: only what was sent, or could not be, may have to move.
    const moved = this.#sent.count > 0 || this.#unsendable.size > 0;
    this.#unsendable.clear();
    this.covering.releaseAll();
    this.#gate = gate;
    if (moved) this.#forEachRow((row) => this.#place(row));
  }

  /** What the peer has is to be told again, of `count` rows from `first` on. Returns the row to go on with, 0 at the end. */
  markStale(first: number, count: number): number {
    const end = this.#end();
    const last = Math.min(end, first + count);
    for (let row = first; row < last; row++) if (this.#sent.markStale(row)) this.#place(row);
    return last < end ? last : 0;
  }

  /** The peer has forgotten everything: the session ended. */
  forget(): void {
    this.#gate = "shut";
    this.#blocks = null;
    this.#unsendable.clear();
    this.covering.releaseAll();
    this.#forEachRow((row) => {
      if (this.#sent.mark(row) === 0) this.#place(row);
      else this.#forgetRow(row);
    });
  }

  /** Octets of NLRI from the list that fit `room`: in order, and where the next is too long, a shorter one close behind. 0 when not even one fits. */
  measure(list: number, room: number): number {
    const { nlri, stride } = this.rows;
    let octets = 0;
    let misses = 0;
    for (let row = this.lists.head(list); row !== 0 && misses < LOOK_AHEAD; row = this.lists.next(row)) {
      const own = 1 + (((nlri[row * stride] ?? 0) + 7) >> 3);
      if (octets + own > room) misses++;
      else octets += own;
    }
    return octets;
  }

  /** Copies the NLRI that `measure` found to fit from the bucket into the buffer, and counts them as sent. */
  takeAnnouncements(bucket: number, buffer: Uint8Array, start: number, octets: number): void {
    const attributeId = this.buckets.attributeOf(bucket);
    const end = start + octets;
    const before = this.#announcements;
    let at = this.covering.holdsBack ? start : this.#takeRun(bucket, attributeId, buffer, start, end);
    for (let row = this.lists.head(bucket); at < end; ) {
      const next = this.lists.next(row);
      const own = this.rows.nlriOctets(row);
      if (at + own <= end) {
        this.rows.copy(row * this.rows.stride, row * this.rows.stride + own, buffer, at);
        at += own;
        this.#leave(row);
        this.#sent.set(row, attributeId);
      }
      row = next;
    }
    this.#attributes.retain(attributeId, before - this.#announcements);
  }

  /** The part of `takeAnnouncements` that all dumps are made of: rows from the head of the bucket, moved in one go. Returns where the next octet goes. */
  #takeRun(bucket: number, attributeId: number, buffer: Uint8Array, start: number, end: number): number {
    const { nlri, stride } = this.rows;
    let at = start;
    let count = 0;
    let last = 0;
    // Octets that follow one another in the table too are copied in one go.
    let source = 0;
    let sourceEnd = 0;
    let target = start;
    // New ones, counted in stretches of equal length.
    let [fresh, freshLength] = [0, 0];
    for (let row = this.lists.head(bucket); row !== 0; row = this.lists.next(row)) {
      const from = row * stride;
      const length = nlri[from] ?? 0;
      const own = 1 + ((length + 7) >> 3);
      if (at + own > end) break;
      if (from !== sourceEnd) {
        this.rows.copy(source, sourceEnd, buffer, target);
        source = from;
        target = at;
      }
      sourceEnd = from + own;
      at += own;
      count++;
      last = row;
      const isNew = this.#sent.mark(row) === 0;
      this.#sent.set(row, attributeId);
      if (!isNew) continue;
      if (length !== freshLength) {
        this.covering.announcementsGone(freshLength, fresh);
        fresh = 0;
        freshLength = length;
      }
      fresh++;
    }
    this.rows.copy(source, sourceEnd, buffer, target);
    this.covering.announcementsGone(freshLength, fresh);
    this.#announcements -= count;
    if (count > 0) this.buckets.cutHead(bucket, last, count);
    return at;
  }

  /** As `takeAnnouncements`, for withdrawals of a list that `covering` gave. */
  takeWithdrawals(list: number, buffer: Uint8Array, start: number, octets: number): void {
    for (let row = this.lists.head(list), at = start; at < start + octets; ) {
      const next = this.lists.next(row);
      const own = this.rows.nlriOctets(row);
      if (at + own <= start + octets) {
        this.rows.copy(row * this.rows.stride, row * this.rows.stride + own, buffer, at);
        at += own;
        this.#forgetRow(row);
      }
      row = next;
    }
  }

  /** The attributes leave no room for this prefix: it is not announced, and withdrawn where an older version was. */
  reject(row: number): void {
    this.#unsendable.add(row);
    this.#place(row);
  }

  #end(): number {
    return Math.min(this.rows.end, this.#wanted.length);
  }

  /** Rows with a wish or something sent, ascending. */
  #forEachRow(visit: (row: number) => void): void {
    const end = this.#end();
    for (let row = 1; row < end; row++) if (((this.#wanted[row] ?? 0) | this.#sent.mark(row)) !== 0) visit(row);
  }

  /** Wishes of `count` rows from `first` on. Returns the row to go on with, 0 at the end. */
  visitWanted(first: number, count: number, visit: (row: number, attributeId: number) => void): number {
    const end = this.#end();
    const last = Math.min(end, first + count);
    for (let row = first; row < last; row++) if (this.wanted(row) !== 0) visit(row, this.wanted(row));
    return last < end ? last : 0;
  }

  forEachWanted(visit: (row: number, attributeId: number) => void): void {
    this.#forEachRow((row) => {
      if (this.wanted(row) !== 0) visit(row, this.wanted(row));
    });
  }

  forEachSent(visit: (row: number, attributeId: number) => void): void {
    this.#forEachRow((row) => {
      if (this.sent(row) !== 0) visit(row, this.sent(row));
    });
  }

  /** Moves a row to the list where it belongs; where it is there already it keeps its place. */
  #place(row: number): void {
    const wanted = this.#wanted[row] ?? 0;
    const sent = this.#sent.mark(row);
    const announce = wanted !== 0 && !(this.#unsendable.size > 0 && this.#unsendable.has(row));
    const list = this.lists.listOf(row);
    if (sent !== 0 && !(announce && this.#gate === "open")) {
      if (list !== 0 && this.buckets.attributeOf(list) === 0) return;
      this.#leave(row);
      this.#withdrawals++;
      this.covering.addWithdrawal(row);
      return;
    }
    if (!announce || wanted === sent) {
      this.#leave(row);
      return;
    }
    if (list !== 0 && this.buckets.attributeOf(list) === wanted) return;
    this.#leave(row);
    // A row that is to be told again is, whatever it says.
    if (sent !== 0 && sent === this.#sent.attributeId(row) && this.#looksAlike(wanted, sent)) {
      this.#attributes.retain(wanted);
      this.#sent.set(row, wanted);
      return;
    }
    this.buckets.append(wanted, row);
    this.#announcements++;
    if (sent === 0) this.covering.announcementAdded(row);
  }

  /** The peer could not tell the two sets apart: they differ in what this session does not say, as LOCAL_PREF towards another AS. */
  #looksAlike(wanted: number, sent: number): boolean {
    if (this.#gate !== "open" || this.#blocks === null) return false;
    const one = this.#blocks.block(wanted, this.#attributes.attributes(wanted)).octets;
    const other = this.#blocks.block(sent, this.#attributes.attributes(sent)).octets;
    return one.length === other.length && one.every((octet, at) => octet === other[at]);
  }

  /** Takes a row off its list; `sent` must still be what it was when the row came onto it. */
  #leave(row: number): void {
    const list = this.lists.listOf(row);
    if (list === 0) return;
    if (this.buckets.attributeOf(list) === 0) {
      this.#withdrawals--;
      this.covering.removeWithdrawal(row);
      return;
    }
    this.buckets.remove(row);
    this.#announcements--;
    if (this.#sent.mark(row) === 0) this.covering.announcementGone(row);
  }

  /** The peer no longer has the row. */
  #forgetRow(row: number): void {
    this.#leave(row);
    const attributeId = this.#sent.clear(row);
    this.#place(row);
    this.#attributes.release(attributeId);
    this.#releaseUnused(row);
  }

  #releaseUnused(row: number): void {
    if (this.#wanted[row] === 0 && this.#sent.mark(row) === 0) this.rows.release(row);
  }
}
