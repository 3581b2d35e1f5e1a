/** The service proxy of one node as far as it can be asked: alive or not, and programmed for what it has heard of the cluster. */

import type { ClusterObject } from "../../../src/objects/kinds.ts";
import type { ProbeAnswer } from "../../../src/plan/facts.ts";
import type { HttpAsk } from "../../../src/speaker/http-ask.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock, VirtualClock } from "./virtual-clock.ts";

/** From a change of the cluster to the rules of the node. */
const PROGRAMMING_MILLIS = 1_000;
const ANSWER_MILLIS = 20;

export class ServiceProxy {
  readonly #node: string;
  readonly #clock: VirtualClock;
  readonly #dice: Dice;
  #alive = true;
  /** Ports whose Service has a ready endpoint here. */
  #ready = new Set<number>();
  #programmedAt = 0;

  constructor(node: string, clock: VirtualClock, dice: Dice) {
    this.#node = node;
    this.#clock = clock;
    this.#dice = dice;
  }

  get alive(): boolean {
    return this.#alive;
  }

  set alive(alive: boolean) {
    this.#alive = alive;
  }

  /** It hears of the cluster, and is programmed for it some time later. */
  hear(objects: readonly ClusterObject[]): void {
    this.#programmedAt = Math.max(this.#programmedAt, this.#clock.now + this.#dice.below(PROGRAMMING_MILLIS));
    this.#clock.at(this.#programmedAt, () => {
      this.#ready = readyPorts(objects, this.#node);
    });
  }

  /** For the process on `clock`. */
  asker(clock: ProcessClock): HttpAsk {
    return (url, answered) => {
      const timer = clock.setTimer(1 + this.#dice.below(ANSWER_MILLIS), () => answered(this.#answer(url)));
      return { cancel: () => timer.cancel() };
    };
  }

  #answer(url: URL): ProbeAnswer {
    if (!this.#alive) return { answer: "refused" };
    if (url.hostname === "127.0.0.1") return { answer: "status", status: 200 };
    return { answer: "status", status: this.#ready.has(Number(url.port)) ? 200 : 503 };
  }
}

function readyPorts(objects: readonly ClusterObject[], node: string): Set<number> {
  const ready = new Set<number>();
  for (const object of objects) {
    if (object.kind !== "Service" || object.healthCheckNodePort === null) continue;
    const { name } = object.metadata;
    const slices = objects.filter((one) => one.kind === "EndpointSlice" && one.serviceName === name);
    const isHere = slices.some((one) => one.kind === "EndpointSlice" && [...one.endpoints].some((e) => e.ready && e.nodeName === node));
    if (isHere) ready.add(object.healthCheckNodePort);
  }
  return ready;
}
