/**
 * The disk of a node: holds the state file through crashes and losses of power. A write takes its time, and a process that dies meanwhile leaves the old file. A disk
 * may be full, read-only or slow for a while, and what it holds may be damaged.
 */

import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock, VirtualClock } from "./virtual-clock.ts";

/** Of every node. A drain by command has a file of its own beside it. */
export const STATE_FILE = "/state.json";

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
  readonly #files = new Map<string, string>();
  #fault: DiskFault | null = null;
  /** When it began to keep writes of the state back; null = what was written since is on it. */
  #behindSince: number | null = null;

  constructor(clock: VirtualClock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  holds(file: string): boolean {
    return this.#files.has(file);
  }

  get fault(): DiskFault | null {
    return this.#fault;
  }

  set fault(fault: DiskFault | null) {
    this.#fault = fault;
    if (fault !== null) this.#behindSince ??= this.#clock.now;
  }

  /** State that was to be written before then is on it, or newer. */
  get savedUntil(): number {
    return this.#behindSince ?? this.#clock.now;
  }

  /** The file is cut off, or one octet of it is another; false = it holds nothing. */
  damage(file: string): boolean {
    const content = this.#files.get(file) ?? "";
    if (content.length === 0) return false;
    const at = this.#dice.below(content.length);
    const other = content[at] === "x" ? "y" : "x";
    this.#files.set(file, this.#dice.chance(2) ? content.slice(0, at) : content.slice(0, at) + other + content.slice(at + 1));
    return true;
  }

  /** For the process on `clock`. */
  storage(clock: ProcessClock): StateStorage {
    // Not a timer of the process: it may end while the disk is at work, and then nothing comes of that.
    const pause = (millis: number) => new Promise<void>((resolve) => this.#clock.after(millis, () => clock.ended || resolve()));
    return {
      lock: () => ({ release: () => {} }),
      open: (file) => ({
        read: () => this.#files.get(file) ?? null,
        write: async (pieces) => {
          const content = [...pieces].filter((piece) => piece !== null).join("");
          const fault = this.#fault;
          if (fault === "slow") this.slowWrites++;
          const { least, most } = fault === "slow" ? SLOW_MILLIS : WRITE_MILLIS;
          await pause(least + this.#dice.below(most - least));
          this.#allow("full", "readOnly");
          this.#files.set(file, content);
          if (file === STATE_FILE && fault === null && this.#fault === null) this.#behindSince = null;
        },
        discard: async () => {
          this.#allow("readOnly");
          this.#files.delete(file);
        },
        putAside: () => {
          this.#allow("readOnly");
          this.#files.delete(file);
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
