/**
 * Adj-RIB-Out towards one peer (RFC 4271 §3.2): what it should have, what it was told, and the bytes that turn one into the other. The owner states wishes at any
 * time, the newest counts; the socket's side pulls bytes when it can take them. What `fill` wrote counts as sent: call it only for bytes that go to the kernel.
 *
 * Order of what is pulled: BoRR or EoRR of a route refresh; withdrawals (see `covering.ts` for those that wait); one bucket of prefixes per attribute set in
 * the order in which they came up, a bucket that was not finished goes behind the others; End-of-RIB when nothing of its family is left to precede it.
 */

import { type Address, FAMILIES, type Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import type { AttributeTable } from "./attribute-table.ts";
import { FamilyOut } from "./family-out.ts";
import { FamilySession } from "./family-session.ts";
import { familyOfId, type PrefixTable, prefixId, rowOfId } from "./prefix-table.ts";
import type { RouteAttributes } from "./route.ts";
import type { OutboundSession } from "./session-attributes.ts";
import { announcementBound, withdrawalBound, writeAnnouncement, writeWithdrawal } from "./update-writer.ts";

/** Fixed octets of a message without prefixes, with room to spare: End-of-RIB and the refresh markers are shorter. */
const SMALL_MESSAGE = 32;
/** Rows of a list of wishes that are looked at together: some 1 ms of work. */
const WISHES_AT_ONCE = 256;

export class AdjRibOut {
  readonly #prefixes: PrefixTable;
  readonly #attributes: AttributeTable;
  readonly #outs: Readonly<Record<Family, FamilyOut>>;
  #session: OutboundSession | null = null;
  #families: FamilySession[] = [];
  #endOfRibAllowed = false;
  #updates = 0;
  #rejections = 0;
  /** Where the last UPDATE of this `fill` came from. */
  #served: { readonly state: FamilySession; readonly bucket: number } | null = null;

  constructor(prefixes: PrefixTable, attributes: AttributeTable) {
    this.#prefixes = prefixes;
    this.#attributes = attributes;
    this.#outs = { IPv4: new FamilyOut(prefixes.rowsOf("IPv4"), attributes), IPv6: new FamilyOut(prefixes.rowsOf("IPv6"), attributes) };
  }

  /** The newest wish for a prefix; null: the peer shall not have it. Costs the same whatever is pending. */
  want(prefix: Prefix, attributes: RouteAttributes | null): void {
    if (attributes === null) {
      const id = this.#prefixes.find(prefix);
      if (id !== 0) this.wantId(id, 0);
      return;
    }
    const id = this.#prefixes.intern(prefix);
    const attributeId = this.#attributes.intern(attributes);
    this.wantId(id, attributeId);
    this.#attributes.release(attributeId);
    this.#prefixes.release(id);
  }

  /** As `want`, by the ids of the tables (0 = no wish). The caller holds references to both; this table takes its own. */
  wantId(id: number, attributeId: number): void {
    this.#outs[familyOfId(id)].want(rowOfId(id), attributeId);
  }

  /** A session is up: the peer has nothing, all wishes of the negotiated families are pending. */
  open(session: OutboundSession): void {
    this.close();
    this.#session = session;
    this.#families = FAMILIES.filter((family) => session.families.includes(family)).map(
      (family) => new FamilySession(session, family, this.#outs[family]),
    );
  }

  /** The session is down: nothing counts as sent. Wishes stay. */
  close(): void {
    this.#session = null;
    for (const { out } of this.#families) out.forget();
    this.#families = [];
  }

  /**
   * The node's address for routes of a family has changed: those sent are sent again with it, in place. With null, or where the session cannot carry it (an IPv6 next
   * hop for IPv4 without RFC 8950), they are withdrawn.
   */
  setNextHop(family: Family, address: Address | null): void {
    const before = this.#session;
    if (before === null || before.nextHop[family]?.key === address?.key) return;
    const session = { ...before, nextHop: { ...before.nextHop, [family]: address } };
    this.#session = session;
    this.#families.find((state) => state.family === family)?.changeNextHop(session);
  }

  /** The peer asked for a route refresh (RFC 2918): everything it has is repeated, changed or not. Families not negotiated are ignored. */
  refresh(family: Family): void {
    this.#families.find((state) => state.family === family)?.askRefresh();
  }

  /** The wishes are complete: from now on each session says End-of-RIB once per family, after what is pending then. */
  allowEndOfRib(): void {
    this.#endOfRibAllowed = true;
  }

  /**
   * Writes whole messages into the buffer and counts them as sent. Returns the octets written, 0 when nothing is pending. The work is bounded by the buffer: about
   * 0.3 ms for 64 KiB, after which the caller looks at its other business.
   * @throws {Error} when the buffer is shorter than the negotiated message limit (a bug).
   */
  fill(buffer: Uint8Array): number {
    const session = this.#session;
    if (session === null) return 0;
    if (buffer.length < session.sendLimit)
      throw new Error(`a buffer of ${buffer.length} octets does not hold a message of ${session.sendLimit}`);
    this.#served = null;
    // Always the same class, whatever Buffer the socket's side has: code compiled for one of the two would be thrown away at the other.
    const plain = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
    for (let at = 0; ; ) {
      const octets = this.#writeNext(session, plain, at);
      at += octets;
      if (octets > 0) continue;
      if (at > 0) this.#yieldTurn();
      return at;
    }
  }

  /** Changes the peer will be told about; at most one per prefix. */
  get pending(): number {
    return this.#families.reduce((sum, { out }) => sum + out.pending, 0);
  }

  /** False when `fill` would write nothing. */
  get hasOutput(): boolean {
    return this.#families.some((state) => state.out.pending > 0 || state.isRefreshDue || (this.#endOfRibAllowed && state.isDumpComplete));
  }

  /** Routes of the family the peer has been told about. */
  announced(family: Family): number {
    return this.#outs[family].sentCount;
  }

  /** Wishes of the family, whether they can be sent or not. */
  wishes(family: Family): number {
    return this.#outs[family].wantedCount;
  }

  /** UPDATEs produced since the start, End-of-RIB included. */
  get updates(): number {
    return this.#updates;
  }

  /** True when the End-of-RIB of the family was sent on this session. */
  endOfRibSent(family: Family): boolean {
    return this.#families.find((state) => state.family === family)?.endOfRibSent ?? false;
  }

  /** What the peer was told about a prefix, null for nothing. */
  sent(prefix: Prefix): RouteAttributes | null {
    const id = this.#prefixes.find(prefix);
    const attributeId = id === 0 ? 0 : this.#outs[familyOfId(id)].sent(rowOfId(id));
    return attributeId === 0 ? null : this.#attributes.attributes(attributeId);
  }

  /** The newest wish for a prefix, null for none. */
  wanted(prefix: Prefix): RouteAttributes | null {
    const id = this.#prefixes.find(prefix);
    const attributeId = id === 0 ? 0 : this.#outs[familyOfId(id)].wanted(rowOfId(id));
    return attributeId === 0 ? null : this.#attributes.attributes(attributeId);
  }

  /** Every wish, some at a time; null = a moment at which other things may happen, and wishes change. */
  *eachWish(): Generator<{ readonly prefix: Prefix; readonly attributes: RouteAttributes } | null> {
    for (const family of FAMILIES) {
      const out = this.#outs[family];
      for (let row = 1; row !== 0; ) {
        const part: { readonly prefix: Prefix; readonly attributes: RouteAttributes }[] = [];
        row = out.visitWanted(row, WISHES_AT_ONCE, (wanted, attributeId) =>
          part.push({ prefix: out.rows.prefix(wanted), attributes: this.#attributes.attributes(attributeId) }),
        );
        yield* part;
        yield null;
      }
    }
  }

  forEachSent(visit: (prefixId: number, attributeId: number) => void): void {
    for (const family of FAMILIES) this.#outs[family].forEachSent((row, attributeId) => visit(prefixId(family, row), attributeId));
  }

  forEachWanted(visit: (prefixId: number, attributeId: number) => void): void {
    for (const family of FAMILIES) this.#outs[family].forEachWanted((row, attributeId) => visit(prefixId(family, row), attributeId));
  }

  /** Wishes whose attributes leave no room for the prefix in a message of this session. They are tried again when the wish, the next hop or the session changes. */
  forEachUnsendable(visit: (prefixId: number, attributeId: number) => void): void {
    for (const family of FAMILIES) {
      const out = this.#outs[family];
      for (const row of out.unsendable) visit(prefixId(family, row), out.wanted(row));
    }
  }

  get unsendable(): number {
    return this.#outs.IPv4.unsendable.size + this.#outs.IPv6.unsendable.size;
  }

  /** How often a wish was found not to fit: while neither this nor `unsendable` changes, the same prefixes do not fit. */
  get rejections(): number {
    return this.#rejections;
  }

  /** The bucket that had the end of a buffer, and is not empty, comes behind the others. */
  #yieldTurn(): void {
    const served = this.#served;
    if (served === null || served.state.out.bucket !== served.bucket) return;
    served.state.out.buckets.yieldTurn(served.bucket);
    this.#families = [...this.#families.filter((state) => state !== served.state), served.state];
  }

  /** One message at `at`; 0 when there is none, or the next one may not fit. */
  #writeNext(session: OutboundSession, buffer: Uint8Array, at: number): number {
    const room = buffer.length - at;
    if (room < SMALL_MESSAGE) return 0;
    for (const state of this.#families) {
      const octets = state.stepRefresh(session, buffer, at);
      if (octets > 0) return octets;
    }
    for (const state of this.#families) {
      const { out } = state;
      const list = out.pendingWithdrawals === 0 ? 0 : out.covering.due(out.gate === "open");
      if (list === 0) continue;
      if (room < Math.min(session.sendLimit, withdrawalBound(out, list))) return 0;
      this.#updates++;
      return writeWithdrawal(out, list, session.extendedNextHop, buffer, at, Math.min(session.sendLimit, room));
    }
    for (const state of this.#families) {
      const octets = this.#writeBucket(session, state, buffer, at);
      if (octets !== null) return octets;
    }
    for (const state of this.#families) {
      if (!this.#endOfRibAllowed || !state.isDumpComplete) continue;
      this.#updates++;
      return state.writeEndOfRib(buffer, at);
    }
    return 0;
  }

  /** One UPDATE of the bucket whose turn it is; null when the family has nothing to announce, 0 when the buffer has no room for it. */
  #writeBucket(session: OutboundSession, state: FamilySession, buffer: Uint8Array, at: number): number | null {
    const { out } = state;
    const room = buffer.length - at;
    let rejected = false;
    for (let bucket = out.bucket; bucket !== 0; bucket = out.bucket) {
      const attributeId = out.buckets.attributeOf(bucket);
      const block = state.blocks.block(attributeId, this.#attributes.attributes(attributeId));
      if (room < Math.min(session.sendLimit, announcementBound(out, bucket, block))) {
        // It could be longer than what is left, and waits for the next buffer.
        return 0;
      }
      const octets = writeAnnouncement(out, bucket, block, buffer, at, Math.min(session.sendLimit, room));
      if (octets > 0) {
        this.#updates++;
        this.#served = { state, bucket };
        return octets;
      }
      out.reject(out.lists.head(bucket));
      this.#rejections++;
      rejected = true;
    }
    // What was rejected may have to be withdrawn, ahead of everything else.
    return rejected ? this.#writeNext(session, buffer, at) : null;
  }
}
