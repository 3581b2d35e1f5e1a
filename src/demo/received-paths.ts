/**
 * What one speaker announced to the built-in router, as the helper of Graceful Restart keeps it (RFC 4724 §4.2): paths of a session that ended without a
 * word are stale until the speaker announces them again, says End-of-RIB, comes back without having kept its forwarding, or stays away too long.
 */

import type { Clock, Timer } from "../clock.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { ReceivedPath } from "./table.ts";

interface Kept {
  readonly family: Family;
  readonly path: ReceivedPath;
  stale: boolean;
}

export class ReceivedPaths {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #paths = new Map<string, Kept>();
  #away: Timer | null = null;

  /** @param onChange called where time alone took paths away */
  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  all(): readonly ReceivedPath[] {
    return [...this.#paths.values()].map(({ path }) => path);
  }

  announce({ key, address: { family } }: Prefix, path: ReceivedPath): void {
    this.#paths.set(key, { family, path, stale: false });
  }

  withdraw({ key }: Prefix): void {
    this.#paths.delete(key);
  }

  /** @param keptMillis for how long the speaker may stay away; 0 = nothing is kept */
  sessionDown(keptMillis: number): void {
    // What was stale already has been kept long enough (RFC 4724 §4.2).
    this.#drop(FAMILIES);
    if (keptMillis === 0) {
      this.clear();
      return;
    }
    for (const kept of this.#paths.values()) kept.stale = true;
    this.#away?.cancel();
    this.#away = this.#clock.setTimer(keptMillis, () => {
      this.clear();
      this.#onChange();
    });
  }

  /** The speaker is back. @param preserved families that it went on forwarding */
  sessionUp(preserved: readonly Family[]): void {
    this.#away?.cancel();
    this.#away = null;
    this.#drop(FAMILIES.filter((family) => !preserved.includes(family)));
  }

  /** All that the speaker wants of the family was announced again. */
  endOfRib(family: Family): void {
    this.#drop([family]);
  }

  clear(): void {
    this.#away?.cancel();
    this.#away = null;
    this.#paths.clear();
  }

  #drop(families: readonly Family[]): void {
    for (const [key, { family, stale }] of this.#paths) if (stale && families.includes(family)) this.#paths.delete(key);
  }
}
