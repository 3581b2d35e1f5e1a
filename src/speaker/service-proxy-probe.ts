import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Fact, ProbeAnswer } from "../plan/facts.ts";
import type { HttpAsk } from "./http-ask.ts";
import { isNews, isOpen } from "./probe-answers.ts";
import type { Exchange, Question } from "./probe-pool.ts";

interface ServiceProxyPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly ask: HttpAsk;
  state(fact: Fact): void;
}

/** Nobody listening for so long is worth a warning: the service proxy does not run here, or has its health elsewhere. */
const REFUSED_MILLIS = 60_000;

/** Is the node's service proxy alive? Asked until it was, once. */
export class ServiceProxyProbe implements Question {
  /** Everything else waits for it. */
  readonly urgent = true;
  readonly #ports: ServiceProxyPorts;
  readonly #url: URL;
  readonly #words: string;
  readonly #startedAt: number;
  #stated: ProbeAnswer | null = null;
  #refusedSince: number | null = null;
  #warned = false;

  /** @param words the URL as it may be shown */
  constructor(ports: ServiceProxyPorts, url: URL, words: string) {
    this.#ports = ports;
    this.#url = url;
    this.#words = words;
    this.#startedAt = ports.clock.now();
  }

  ask(answered: (answer: ProbeAnswer) => void): Exchange {
    return this.#ports.ask(this.#url, answered);
  }

  answered(answer: ProbeAnswer): boolean {
    const { clock, log } = this.#ports;
    if (answer.answer === "refused") this.#warn(clock.now());
    else this.#refusedSince = null;
    if (isOpen(answer)) {
      log({ event: "dataplane.open", healthz: this.#words, milliseconds: Math.round(clock.now() - this.#startedAt) });
    }
    if (isNews(answer, this.#stated)) this.#ports.state({ name: "proxyAnswer", answer });
    this.#stated = answer;
    return isOpen(answer);
  }

  #warn(now: number): void {
    this.#refusedSince ??= now;
    if (this.#warned || now - this.#refusedSince < REFUSED_MILLIS) return;
    this.#warned = true;
    this.#ports.log({ event: "dataplane.refused", healthz: this.#words, seconds: Math.round((now - this.#refusedSince) / 1000) });
  }
}
