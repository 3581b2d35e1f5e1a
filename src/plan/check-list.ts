import { CHECKS, REASON_CHECK, type ReasonCode } from "./reasons.ts";
import type { CheckReport } from "./report.ts";
import type { Words } from "./words.ts";

/** Words of a check about no object. */
export const NOTHING_SAID: Words = { object: null, field: "", value: "", text: "" };

/** The seventeen checks of one pair, as far as they went. */
export class CheckList {
  reason: ReasonCode | "" = "";
  readonly #checks: CheckReport[] = [];

  copy(): CheckList {
    const other = new CheckList();
    other.#checks.push(...this.#checks);
    return other;
  }

  /** Number of the last check looked at. */
  get reached(): number {
    return this.#checks.length;
  }

  pass(number: number, words: Words, assumed = false): this {
    this.#checks.push({ number, name: nameOf(number), result: "pass", assumed, reason: "", ...words });
    return this;
  }

  /** The check that gives the reason fails. */
  fail(reason: ReasonCode, words: Words): this {
    return this.failAt(REASON_CHECK[reason], reason, words);
  }

  failAt(number: number, reason: ReasonCode, words: Words): this {
    this.reason = reason;
    this.#checks.push({ number, name: nameOf(number), result: "fail", assumed: false, reason, ...words });
    return this;
  }

  /** All seventeen. */
  checks(): CheckReport[] {
    return CHECKS.map(
      (name, i) => this.#checks[i] ?? { number: i + 1, name, result: "notReached", assumed: false, reason: "", ...NOTHING_SAID },
    );
  }
}

function nameOf(number: number): (typeof CHECKS)[number] {
  const name = CHECKS[number - 1];
  if (name === undefined) throw new Error(`there is no check ${number}`);
  return name;
}
