import type { Address } from "../ip/address.ts";
import type { Service } from "../objects/kinds.ts";
import type { Holder } from "./address-book.ts";
import type { Queueable } from "./ordered-queue.ts";
import type { Pool } from "./pool.ts";
import type { Problem } from "./problem.ts";
import type { SharingTerms } from "./sharing.ts";
import type { Wish } from "./wish.ts";

export const NO_ADDRESSES: readonly Address[] = [];
export const UNTROUBLED: readonly Problem[] = [];
const NO_CONFLICTS: ReadonlySet<string> = new Set();

/** One Service of ours. */
export class Entry implements Holder, Queueable {
  readonly key: string;
  readonly createdAt: string;
  queued = false;
  /** Noted since the last decision. */
  changed = true;
  service: Service;
  wish: Wish;
  terms: SharingTerms;
  held: readonly Address[] = NO_ADDRESSES;
  /** What it held before the decision under way; null = the decision has not touched it. */
  before: readonly Address[] | null = null;
  /** Held addresses on which it was found with another that does not share them. */
  conflicts: ReadonlySet<string> = NO_CONFLICTS;
  problems: readonly Problem[] = UNTROUBLED;
  said = "";
  candidates: readonly Pool[] | null = null;
  epoch = -1;
  /** Nothing was decided about it yet. */
  fresh = true;
  forgotten = false;

  constructor(key: string, service: Service, wish: Wish) {
    this.key = key;
    this.createdAt = service.metadata.creationTimestamp;
    this.service = service;
    this.wish = wish;
    this.terms = wish.sharing;
  }
}
