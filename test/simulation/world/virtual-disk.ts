/** The disk of a node: holds the state file through crashes and losses of power. A write takes its time, and a process that dies meanwhile leaves the old file. */

import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock } from "./virtual-clock.ts";

/** From the first octet to the rename that the disk has. */
export const WRITE_MILLIS = 60;

export class VirtualDisk {
  readonly #dice: Dice;
  #content: string | null = null;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** For the process on `clock`. */
  storage(clock: ProcessClock): StateStorage {
    return {
      lock: () => ({ release: () => {} }),
      open: () => ({
        read: () => this.#content,
        write: async (pieces) => {
          const content = [...pieces].filter((piece) => piece !== null).join("");
          await new Promise<void>((resolve) => clock.setTimer(1 + this.#dice.below(WRITE_MILLIS), resolve));
          this.#content = content;
        },
        discard: () => {
          this.#content = null;
        },
        putAside: () => "aside",
      }),
    };
  }
}
