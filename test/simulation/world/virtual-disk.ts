/**
 * The disk of a node: holds the state file through crashes and losses of power. A write takes its time, and a process that dies meanwhile leaves the old file. A disk
 * may be full, read-only or slow for a while, and what it holds may be damaged.
 */

import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock, VirtualClock } from "./virtual-clock.ts";

/** From the first octet to the rename that the disk has. */
const WRITE_MILLIS = { least: 1, most: 61 };
/** The same while it is slow: longer than a stop waits, and than changes are apart. */
const SLOW_MILLIS = { least: 400, most: 4_000 };

/** `full`: writes are refused. `readOnly`: so is everything else that changes it. */
export const DISK_FAULTS = ["full", "readOnly", "slow"] as const;
export type DiskFault = (typeof DISK_FAULTS)[number];

export class VirtualDisk {
  readonly #clock: VirtualClock;
  readonly #dice: Dice;
  /** Writes that took long. */
  slowWrites = 0;
  #content: string | null = null;
  #fault: DiskFault | null = null;
  /** When it began to keep writes back; null = what was written since is on it. */
  #behindSince: number | null = null;

  constructor(clock: VirtualClock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  get fault(): DiskFault | null {
    return this.#fault;
  }

  set fault(fault: DiskFault | null) {
    this.#fault = fault;
    if (fault !== null) this.#behindSince ??= this.#clock.now;
  }

  /** What was to be written before then is on it, or newer. */
  get savedUntil(): number {
    return this.#behindSince ?? this.#clock.now;
  }

  /** Cut off, or one octet is another; false = it holds nothing. */
  damage(): boolean {
    const content = this.#content;
    if (content === null || content.length === 0) return false;
    const at = this.#dice.below(content.length);
    const other = content[at] === "x" ? "y" : "x";
    this.#content = this.#dice.chance(2) ? content.slice(0, at) : content.slice(0, at) + other + content.slice(at + 1);
    return true;
  }

  /** For the process on `clock`. */
  storage(clock: ProcessClock): StateStorage {
    // Not a timer of the process: it may end while the disk is at work, and then nothing comes of that.
    const pause = (millis: number) => new Promise<void>((resolve) => this.#clock.after(millis, () => clock.ended || resolve()));
    return {
      lock: () => ({ release: () => {} }),
      open: () => ({
        read: () => this.#content,
        write: async (pieces) => {
          const content = [...pieces].filter((piece) => piece !== null).join("");
          const fault = this.#fault;
          if (fault === "slow") this.slowWrites++;
          const { least, most } = fault === "slow" ? SLOW_MILLIS : WRITE_MILLIS;
          await pause(least + this.#dice.below(most - least));
          this.#allow("full", "readOnly");
          this.#content = content;
          if (fault === null && this.#fault === null) this.#behindSince = null;
        },
        discard: () => {
          this.#allow("readOnly");
          this.#content = null;
        },
        putAside: () => {
          this.#allow("readOnly");
          this.#content = null;
          return "aside";
        },
      }),
    };
  }

  #allow(...refusing: readonly DiskFault[]): void {
    if (this.#fault === null || !refusing.includes(this.#fault)) return;
    const code = this.#fault === "full" ? "ENOSPC" : "EROFS";
    throw Object.assign(new Error(`${code}: the disk refuses`), { code });
  }
}
