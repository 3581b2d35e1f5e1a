import type { Address, Family } from "../../ip/address.ts";
import { endOfRibLength, writeEndOfRib } from "../wire/update-frames.ts";
import type { FamilyOut } from "./family-out.ts";
import { type OutboundSession, SessionBlocks, usableNextHop } from "./session-attributes.ts";
import { writeRefreshMarker } from "./update-writer.ts";

/** Rows that a route refresh makes pending before the next of them is sent: some 0.3 ms of work. */
const REPEATED_AT_ONCE = 16_384;

/** One family on the session that is up: its encoded attributes, its route refresh and its End-of-RIB. */
export class FamilySession {
  readonly family: Family;
  readonly out: FamilyOut;
  blocks: SessionBlocks;
  endOfRibSent = false;
  /** The next hop that `blocks` and what was sent have; null until one was known. */
  #nextHop: Address | null;
  /** `asked`: to be started; `running`: routes are being repeated; `again`: and then once more, however often that was asked for. */
  #refresh: "none" | "asked" | "running" | "again" = "none";
  /** Where the repetition goes on, 0 when all of it was made pending. */
  #repeatFrom = 0;
  /** BoRR was sent for the refresh that is running, so EoRR is owed. */
  #marked = false;

  constructor(session: OutboundSession, family: Family, out: FamilyOut) {
    this.family = family;
    this.out = out;
    this.blocks = new SessionBlocks(session, family);
    this.#nextHop = usableNextHop(session, family);
    out.setBlocks(this.blocks);
    out.setGate(this.#nextHop === null ? "withdraw" : "open");
  }

  /** The session with another next hop for this family: what was sent is sent again in place, or withdrawn where there is none. */
  changeNextHop(session: OutboundSession): void {
    const usable = usableNextHop(session, this.family);
    this.out.setGate(usable === null ? "withdraw" : "open");
    if (usable === null || usable.key === this.#nextHop?.key) return;
    this.#nextHop = usable;
    this.blocks = new SessionBlocks(session, this.family);
    this.out.setBlocks(this.blocks);
    this.out.markStale(1, Number.MAX_SAFE_INTEGER);
  }

  askRefresh(): void {
    if (this.#refresh === "none") this.#refresh = "asked";
    else if (this.#refresh === "running") this.#refresh = "again";
  }

  /** A refresh is under way, and its next step does not wait for what is pending. */
  get isRefreshDue(): boolean {
    return this.#refresh === "asked" || (this.#refresh !== "none" && this.out.staleCount === 0);
  }

  /**
   * Starts the refresh that was asked for, makes the next part of the routes pending again, ends it when all were repeated. Octets of the marker, 0 for none.
   * Before End-of-RIB a refresh has no markers: the rest of the initial dump would be taken for the refresh (RFC 7313 §4).
   */
  stepRefresh(session: OutboundSession, buffer: Uint8Array, at: number): number {
    const { family, out } = this;
    for (;;) {
      if (this.#refresh === "none") return 0;
      if (this.#refresh === "asked") {
        this.#refresh = "running";
        this.#repeatFrom = 1;
        this.#marked = session.enhancedRouteRefresh && this.endOfRibSent;
        if (this.#marked) return writeRefreshMarker(family, "begin", buffer, at);
      }
      if (out.staleCount > REPEATED_AT_ONCE || (out.staleCount > 0 && this.#repeatFrom === 0)) return 0;
      if (this.#repeatFrom > 0) {
        this.#repeatFrom = out.markStale(this.#repeatFrom, REPEATED_AT_ONCE);
        continue;
      }
      const marked = this.#marked;
      this.#marked = false;
      this.#refresh = this.#refresh === "again" ? "asked" : "none";
      if (marked) return writeRefreshMarker(family, "end", buffer, at);
    }
  }

  /** Nothing is left that has to precede End-of-RIB. */
  get isDumpComplete(): boolean {
    return !this.endOfRibSent && this.out.pending === 0;
  }

  writeEndOfRib(buffer: Uint8Array, at: number): number {
    this.endOfRibSent = true;
    writeEndOfRib(buffer, at, this.family);
    return endOfRibLength(this.family);
  }
}
