/**
 * When a changed weight is sent. Weights move established flows of all nodes, so they change rarely: at most once in the hold-down time, small
 * changes only after a quiet minute. To and from no weight at all is at once.
 */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { Damping } from "./change.ts";

type Weight = RouteAttributes["linkBandwidth"];

const QUIET_MILLIS = 60_000;

/** The weight of one prefix towards one peer. */
export class WeightDamping {
  #wanted: number | null;
  #wantedSinceMillis = Number.NEGATIVE_INFINITY;
  #changedAtMillis = Number.NEGATIVE_INFINITY;
  /** When the change that waits is sent; null = none waits. */
  dueMillis: number | null = null;

  /** @param weight in force for long; null = none. */
  constructor(weight: Weight) {
    this.#wanted = weight?.bytesPerSecond ?? null;
  }

  /** The weight to send, `sent` or `wanted`. @param sent null also where the prefix is not announced to the peer. */
  choose(sent: Weight, wanted: Weight, nowMillis: number, { weightHoldDownMillis, weightTolerance }: Damping): Weight {
    const value = wanted?.bytesPerSecond ?? null;
    if (value !== this.#wanted) this.#wantedSinceMillis = nowMillis;
    this.#wanted = value;
    this.dueMillis = null;
    if (sent?.bytesPerSecond === wanted?.bytesPerSecond) return wanted;
    if (sent !== null && wanted !== null) {
      const part = Math.abs(wanted.bytesPerSecond - sent.bytesPerSecond) / sent.bytesPerSecond;
      const heldUntil = this.#changedAtMillis + weightHoldDownMillis;
      const due = part >= weightTolerance ? heldUntil : Math.max(heldUntil, this.#wantedSinceMillis + QUIET_MILLIS);
      if (nowMillis < due) {
        this.dueMillis = due;
        return sent;
      }
    }
    this.#changedAtMillis = nowMillis;
    return wanted;
  }

  /** From when on whatever comes next is judged as if nothing had been; infinite while a change waits. */
  forgottenAtMillis({ weightHoldDownMillis }: Damping): number {
    return this.dueMillis === null ? this.#changedAtMillis + weightHoldDownMillis : Number.POSITIVE_INFINITY;
  }
}
