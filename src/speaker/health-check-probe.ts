import type { Clock } from "../clock.ts";
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import type { ProbeChange } from "../plan/change.ts";
import type { Fact, ProbeAnswer } from "../plan/facts.ts";
import type { HostAddresses } from "./host-addresses.ts";
import type { HttpAsk } from "./http-ask.ts";
import { isNews, isOpen } from "./probe-answers.ts";
import type { Exchange, Question } from "./probe-pool.ts";

export interface HealthCheckPorts {
  readonly clock: Clock;
  readonly ask: HttpAsk;
  readonly hostAddresses: HostAddresses;
  state(fact: Fact): void;
}

/** Is the service proxy programmed for one Service? Asked at the Service's health check port, until it is. */
export class HealthCheckProbe implements Question {
  readonly urgent = false;
  readonly #ports: HealthCheckPorts;
  readonly #change: ProbeChange;
  readonly #address: Address;
  readonly #startedAt: number;
  #stated: ProbeAnswer | null = null;

  constructor(ports: HealthCheckPorts, change: ProbeChange, address: Address) {
    this.#ports = ports;
    this.#change = change;
    this.#address = address;
    this.#startedAt = ports.clock.now();
  }

  ask(answered: (answer: ProbeAnswer) => void): Exchange {
    const { clock, hostAddresses } = this.#ports;
    // Written when its turn comes: thousands may start together.
    const address = formatAddress(this.#address);
    // The health check of another node would answer for that node.
    if (!hostAddresses.has(address, this.#startedAt))
      return clock.setTimer(0, () => answered({ answer: "notAsked", why: `${address} is not an address of this host` }));
    const host = this.#change.family === "IPv6" ? `[${address}]` : address;
    return this.#ports.ask(new URL(`http://${host}:${this.#change.port}/healthz`), answered);
  }

  answered(answer: ProbeAnswer): boolean {
    const { service, uid, family, port } = this.#change;
    if (isNews(answer, this.#stated)) this.#ports.state({ name: "healthCheckAnswer", service, uid, family, port, answer });
    this.#stated = answer;
    return isOpen(answer);
  }
}
