/**
 * No prefix flaps more often than its cause. Every route that a router is told, or told to forget, needs something that asked for it: a change of what the speaker
 * knows, a session that came up, a refresh, a process that began or ended. And nothing is sent that the router has already.
 */

import type { Move } from "./adj-rib-in.ts";
import type { Wanted } from "./oracle.ts";
import type { Pair } from "./pair.ts";
import { Violation } from "./violation.ts";

/** A change of attributes together with a weight that waits is two UPDATEs. */
const UPDATES_PER_CHANGE = 2;

interface Account {
  announcements: number;
  withdrawals: number;
  mayAnnounce: number;
  mayWithdraw: number;
}

export class FlapBudget {
  readonly #accounts = new Map<string, Account>();

  /**
   * What a speaker knows is another than before: `null` = nothing yet. Both as if the node were not drained: while it leaves, changes are told on.
   * @param drain it began or ended with this
   */
  viewed(pair: Pair, before: Wanted | null, after: Wanted, drain: "began" | "ended" | null): void {
    const turned = drain !== null;
    for (const key of new Set([...(before?.keys() ?? []), ...after.keys()])) {
      const [router, prefix = ""] = key.split(" ");
      if (router !== pair.router || (!turned && before?.get(key) === after.get(key))) continue;
      const account = this.#account(pair, prefix);
      if (after.has(key)) account.mayAnnounce += UPDATES_PER_CHANGE;
      if (drain === "began" || !after.has(key)) account.mayWithdraw++;
    }
  }

  /** @throws {Violation} */
  moved(pair: Pair, move: Move): void {
    if (move.name === "announced") {
      const { idle, prefix } = move;
      const account = this.#account(pair, prefix);
      account.announcements++;
      if (idle) {
        throw new Violation("nothing twice", `${pair.name} ${prefix} is announced again without a difference`);
      }
      const may = account.mayAnnounce + pair.sessions + pair.refreshes;
      if (account.announcements > may) {
        throw new Violation(
          "no flap without a cause",
          `${pair.name} ${prefix} is announced ${account.announcements} times for ${may} causes`,
        );
      }
    }
    if (move.name === "withdrawn") {
      const account = this.#account(pair, move.prefix);
      account.withdrawals++;
      if (move.before === undefined) throw new Violation("nothing twice", `${pair.name} ${move.prefix} is withdrawn and was not there`);
      const may = account.mayWithdraw + pair.lives;
      if (account.withdrawals > may) {
        throw new Violation(
          "no flap without a cause",
          `${pair.name} ${move.prefix} is withdrawn ${account.withdrawals} times for ${may} causes`,
        );
      }
    }
  }

  #account(pair: Pair, prefix: string): Account {
    const key = `${pair.name} ${prefix}`;
    const known = this.#accounts.get(key) ?? { announcements: 0, withdrawals: 0, mayAnnounce: 0, mayWithdraw: 0 };
    this.#accounts.set(key, known);
    return known;
  }
}
