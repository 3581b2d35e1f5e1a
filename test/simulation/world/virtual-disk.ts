/** The disk of a node: holds the state file through crashes and losses of power. A write takes its time, and a process that dies meanwhile leaves the old file. */

import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock } from "./virtual-clock.ts";

/** From the first octet to the rename that the disk has. */
export const WRITE_MILLIS = 60;

export class VirtualDisk {
  readonly #dice: Dice;
  readonly #files = new Map<string, string>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  holds(file: string): boolean {
    return this.#files.has(file);
  }

  /** For the process on `clock`. */
  storage(clock: ProcessClock): StateStorage {
    return {
      lock: () => ({ release: () => {} }),
      open: (file) => ({
        read: () => this.#files.get(file) ?? null,
        write: async (pieces) => {
          const content = [...pieces].filter((piece) => piece !== null).join("");
          await new Promise<void>((resolve) => clock.setTimer(1 + this.#dice.below(WRITE_MILLIS), resolve));
          this.#files.set(file, content);
        },
        discard: async () => {
          this.#files.delete(file);
        },
        putAside: () => "aside",
      }),
    };
  }
}
