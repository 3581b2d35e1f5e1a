/**
 * Check 12a: the node's service proxy has been seen alive. A latch for the life of the process: opened by the first 200, never shut again, so
 * that a proxy that restarts withdraws nothing.
 */

import type { BGPAdvertisement } from "../objects/kinds.ts";
import type { Fact, ProbeAnswer } from "./facts.ts";

type GateMode = BGPAdvertisement["dataplaneGate"];

/** Where a proxy is not installed nobody listens: `Prefer` takes that for an answer after this time. */
const REFUSED_MILLIS = 60_000;

/** The latch as decisions see it. */
export interface ProxyState {
  /** Somebody probes: the fact `gate` was stated. Otherwise every gate is open and the check assumed. */
  readonly probed: boolean;
  /** Only `Require` is gated: the objects come from a directory. */
  readonly onlyWhereRequired: boolean;
  readonly shut: Readonly<Record<GateMode, boolean>>;
  /** The proxy answered 200, or there is nothing to ask. */
  readonly evident: boolean;
  /** Somebody probes, and there is no proxy to ask. */
  readonly nothingToAsk: boolean;
  /** What is known, in words. */
  readonly text: string;
}

const ALL_OPEN = { Off: false, Prefer: false, Require: false } as const;

export class ProxyGate {
  #gate: (Fact & { readonly name: "gate" }) | null = null;
  #answered = false;
  /** The process before this one announced: it had seen the proxy alive, and the machine has not been started anew since. */
  #restored = false;
  #refusedLong = false;
  /** The answers of late are refusals; since when is the time of the step that saw the first, never where no time had been stated. */
  #refusing = false;
  #refusingIsNew = false;
  #refusedSinceMillis: number | null = null;
  #last: ProbeAnswer | null = null;

  take(fact: Fact & { readonly name: "gate" | "proxyAnswer" }): void {
    if (fact.name === "gate") {
      this.#gate = fact;
      return;
    }
    const { answer } = fact;
    this.#last = answer;
    if (answer.answer === "status" && answer.status === 200) this.#answered = true;
    const refused = answer.answer === "refused";
    if (refused && !this.#refusing) this.#refusingIsNew = true;
    this.#refusing = refused;
    if (!refused) this.#refusedSinceMillis = null;
  }

  /** A graceful start. */
  restore(): void {
    this.#restored = true;
  }

  /** Nobody has answered yet, where somebody is asked. */
  get awaitsAnswer(): boolean {
    return this.#gate !== null && this.#gate.healthz !== null && this.#last === null && !this.#restored;
  }

  /** When waiting opens it; null = never. */
  get dueMillis(): number | null {
    if (this.#answered || this.#restored || this.#refusedLong) return null;
    return this.#refusedSinceMillis === null ? null : this.#refusedSinceMillis + REFUSED_MILLIS;
  }

  state(nowMillis: number | null): ProxyState {
    if (this.#refusing && this.#refusingIsNew) this.#refusedSinceMillis = nowMillis;
    this.#refusingIsNew = false;
    const due = this.dueMillis;
    if (due !== null && nowMillis !== null && nowMillis >= due) this.#refusedLong = true;
    const gate = this.#gate;
    if (gate === null)
      return { probed: false, onlyWhereRequired: false, shut: ALL_OPEN, evident: true, nothingToAsk: false, text: "not probed" };
    const { onlyWhereRequired, healthz } = gate;
    const evident = healthz === null || this.#answered || this.#restored;
    const preferShut = !evident && !this.#refusedLong && !onlyWhereRequired;
    const shut = { Off: false, Prefer: preferShut, Require: !evident };
    return { probed: true, onlyWhereRequired, shut, evident, nothingToAsk: healthz === null, text: this.#text(healthz) };
  }

  #text(healthz: string | null): string {
    if (healthz === null) return "service proxy not probed";
    if (this.#answered) return `service proxy seen alive at ${healthz}`;
    if (this.#restored) return "service proxy seen alive before herald's graceful restart";
    const last = this.#last === null ? "has not answered yet" : `${answerWords(this.#last)}, not 200`;
    const open = this.#refusedLong ? `; refused for ${REFUSED_MILLIS / 1000} s, so Prefer no longer waits: is there a service proxy?` : "";
    return `service proxy at ${healthz} ${last}${open}`;
  }
}

/** `answered 503`, to stand after what was asked. */
export function answerWords(answer: ProbeAnswer): string {
  switch (answer.answer) {
    case "status":
      return `answered ${answer.status}`;
    case "refused":
      return "refused the connection";
    case "failed":
      return `gave no HTTP answer (${answer.why})`;
    case "notAsked":
      return `was not asked (${answer.why})`;
  }
}
