/**
 * When a changed weight is sent. Weights move established flows of all nodes, so they change rarely: at most once in the hold-down time, small
 * changes only after a quiet minute. To and from no weight at all is at once.
 */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { Damping } from "./change.ts";

type Weight = RouteAttributes["linkBandwidth"];

const QUIET_MILLIS = 60_000;

interface Memory {
  readonly wanted: number | null;
  readonly wantedSinceMillis: number;
  readonly changedAtMillis: number;
}

/** The weight of one prefix towards one peer. */
export class WeightDamping {
  #memory: Memory;
  /** Before the present step: what is chosen again within it is chosen from there. */
  #before: { readonly step: number; readonly memory: Memory };
  /** When the change that waits is sent; null = none waits. */
  dueMillis: number | null = null;

  /** @param weight in force for long; null = none. */
  constructor(weight: Weight) {
    const never = Number.NEGATIVE_INFINITY;
    this.#memory = { wanted: weight?.bytesPerSecond ?? null, wantedSinceMillis: never, changedAtMillis: never };
    this.#before = { step: never, memory: this.#memory };
  }

  /**
   * The weight to send, `sent` or `wanted`.
   * @param sent before the step; null also where the prefix was not announced to the peer.
   */
  choose(sent: Weight, wanted: Weight, time: { readonly nowMillis: number; readonly step: number }, damping: Damping): Weight {
    const { nowMillis, step } = time;
    if (this.#before.step !== step) this.#before = { step, memory: this.#memory };
    const { memory } = this.#before;
    const value = wanted?.bytesPerSecond ?? null;
    const wantedSinceMillis = value === memory.wanted ? memory.wantedSinceMillis : nowMillis;
    this.#memory = { ...memory, wanted: value, wantedSinceMillis };
    this.dueMillis = null;
    if (sent?.bytesPerSecond === wanted?.bytesPerSecond) return wanted;
    if (sent !== null && wanted !== null) {
      const part = Math.abs(wanted.bytesPerSecond - sent.bytesPerSecond) / sent.bytesPerSecond;
      const heldUntil = memory.changedAtMillis + damping.weightHoldDownMillis;
      const due = part >= damping.weightTolerance ? heldUntil : Math.max(heldUntil, wantedSinceMillis + QUIET_MILLIS);
      if (nowMillis < due) {
        this.dueMillis = due;
        return sent;
      }
    }
    this.#memory = { ...this.#memory, changedAtMillis: nowMillis };
    return wanted;
  }

  /** From when on whatever comes next is judged as if nothing had been; infinite while a change waits. */
  forgottenAtMillis({ weightHoldDownMillis }: Damping): number {
    return this.dueMillis === null ? this.#memory.changedAtMillis + weightHoldDownMillis : Number.POSITIVE_INFINITY;
  }
}
