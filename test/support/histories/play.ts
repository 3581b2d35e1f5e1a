/** Plays a history to a planner and to the naive one side by side, and compares all they say after every step. */

import type { ClusterObject } from "../../../src/objects/kinds.ts";
import type { PlanChange, PlannerOptions } from "../../../src/plan/change.ts";
import type { Fact, Input } from "../../../src/plan/facts.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { type NaivePlan, NaivePlanner } from "../naive-planner.ts";
import { compare, Disagreement, decisionsOf, Follower } from "./follower.ts";
import { enact, type History, type Step } from "./random-history.ts";

/** What a history is played to. */
export type Played = Pick<Planner, "note" | "decide" | "services" | "explain" | "peerRoutes" | "decisions">;

export interface Failure {
  readonly subject: string;
  readonly message: string;
  /** Index of the step; past the last one while time goes on alone. */
  readonly step: number;
  /** The objects at that moment and all facts stated until then. */
  readonly objects: readonly ClusterObject[];
  readonly facts: readonly Fact[];
}

/** What was met on the way, so that a test can tell that it met anything. */
export interface Tally {
  comparisons: number;
  /** By reason, `announced` among them: decisions of an address or of a peer. */
  readonly verdicts: Map<string, number>;
  /** Wakes at which time alone changed a route. */
  wakes: number;
  probes: number;
}

export function emptyTally(): Tally {
  return { comparisons: 0, verdicts: new Map(), wakes: 0, probes: 0 };
}

/** After a history, time alone goes on for at most so many wakes. */
const MOST_WAKES = 12;

/** @returns the first comparison that failed, or null. */
export function play(
  { options, steps }: History,
  makePlanner: (options: PlannerOptions) => Played = (given) => new Planner(given),
  tally: Tally = emptyTally(),
): Failure | null {
  const match = new Match(options, makePlanner(options), tally);
  let done = 0;
  try {
    for (const step of steps) {
      match.step(step);
      done++;
    }
    for (let wakes = 0; wakes < MOST_WAKES && match.wakeAt !== null; wakes++) {
      match.step({ inputs: [timeFact(match.wakeAt)], sliced: false, explained: false });
      done++;
    }
    return null;
  } catch (error) {
    const message =
      error instanceof Error ? (error instanceof Disagreement ? error.message : (error.stack ?? error.message)) : String(error);
    const subject = error instanceof Disagreement ? error.subject : "exception";
    return { subject, message, step: done, objects: match.objects, facts: match.facts };
  }
}

class Match {
  readonly #objects = new Map<string, ClusterObject>();
  readonly #planner: Played;
  readonly #naive: NaivePlanner;
  readonly #follower = new Follower();
  readonly facts: Fact[] = [];
  /** As the planner said last. */
  wakeAt: number | null = null;

  readonly #tally: Tally;

  constructor(options: PlannerOptions, planner: Played, tally: Tally) {
    this.#planner = planner;
    this.#tally = tally;
    this.#naive = new NaivePlanner(options);
  }

  get objects(): readonly ClusterObject[] {
    return [...this.#objects.values()];
  }

  step({ inputs, sliced, explained }: Step): void {
    enact(this.#objects, inputs);
    const facts = inputs.flatMap((input) => (input.input === "fact" ? [input.fact] : []));
    this.facts.push(...facts);
    this.#planner.note(inputs);
    // In slices, the first of which takes in the scene alone: what is half planned is no one's business before the end.
    const changes = [this.#planner.decide(sliced ? 0 : undefined)];
    while (sliced && (changes.at(-1)?.pending ?? 0) > 0) changes.push(this.#planner.decide(1));
    for (const change of changes) this.#follower.take(change);

    const plan = this.#naive.step(this.objects, facts);
    compare("decisions", decisionsOf(this.#planner.services()), plan.decisions);
    compare("routes", this.#follower.routes, plan.routes);
    compare("probes", this.#follower.probes, plan.probes);
    this.#compareTotals(plan);
    if (explained) compareExplanations(this.#planner, plan);
    this.#compareWake(changes.at(-1), plan);
    this.#count(plan, inputs.length === 1 && facts[0]?.name === "time" && changes.some(({ routes }) => routes.length > 0));
  }

  #count({ decisions, probes }: NaivePlan, isWake: boolean): void {
    this.#tally.comparisons++;
    this.#tally.probes += probes.size;
    if (isWake) this.#tally.wakes++;
    const { verdicts } = this.#tally;
    for (const said of decisions.values()) {
      for (const verdict of new Set(said.split(" ").map((one) => one.slice(one.indexOf("=") + 1)))) {
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      }
    }
  }

  #compareTotals(plan: NaivePlan): void {
    const { announced, notAnnounced } = this.#planner.decisions();
    const counted = [...plan.decisions.values()].filter((value) => value.startsWith("announced")).length;
    const all = announced + Object.values(notAnnounced).reduce((sum, n) => sum + n, 0);
    if (announced !== counted || all !== plan.decisions.size)
      throw new Disagreement("totals", `${announced} of ${all} announced instead of ${counted} of ${plan.decisions.size}`);
    const rows = this.#planner.peerRoutes().length;
    if (rows !== plan.routes.size) throw new Disagreement("totals", `${rows} routes listed instead of ${plan.routes.size}`);
  }

  /** The planner must not sleep past the next moment at which time alone changes a route or a decision, nor wake without getting on. */
  #compareWake(change: PlanChange | undefined, plan: NaivePlan): void {
    this.wakeAt = change?.wakeAtMillis ?? null;
    const { now } = this.#naive;
    if (now === null) {
      this.wakeAt = null;
      return;
    }
    const wakeAt = this.wakeAt ?? Number.POSITIVE_INFINITY;
    if (wakeAt <= now) throw new Disagreement("wake", `at ${wakeAt} ms, which is not after ${now} ms`);
    const moments = [...this.#naive.timers(), ...(Number.isFinite(wakeAt) ? [wakeAt - 1] : [now + 1_000_000])];
    for (const at of moments.filter((one) => one > now && one < wakeAt)) {
      const later = this.#naive.copy().step(this.objects, [{ name: "time", nowMillis: at }]);
      for (const subject of ["routes", "decisions"] as const) {
        if (!sameMap(later[subject], plan[subject]))
          throw new Disagreement("wake", `${this.wakeAt ?? "never"}, although ${subject} change by time alone at ${at} ms or before`);
      }
    }
  }
}

/** Explains each decision: the sentence must end with the same reason. */
function compareExplanations(planner: Played, plan: NaivePlan): void {
  for (const key of new Set([...plan.decisions.keys()].map((one) => one.slice(0, one.indexOf(" "))))) {
    const [inNamespace = "", name = ""] = key.split("/");
    const explained = planner.explain({ type: "service", namespace: inNamespace, name });
    const best = new Map<string, { announced: boolean; reason: string; reached: number; order: string }>();
    for (const item of explained?.items ?? []) {
      if (item.checks.length !== 17) throw new Disagreement("explanations", `${item.checks.length} checks of ${key}`);
      const at = `${item.service} ${item.address ?? "-"} ${item.kind ?? "-"}`;
      const reached = item.announced ? 99 : item.checks.findIndex(({ result }) => result === "fail");
      const order = `${item.advertisement} ${item.peer ?? ""}`;
      const known = best.get(at);
      if (known === undefined || reached > known.reached || (reached === known.reached && order < known.order)) {
        best.set(at, { announced: item.announced, reason: item.reason, reached, order });
      }
    }
    const said = new Map([...best].map(([at, { announced, reason }]) => [at, announced ? "announced" : reason]));
    const meant = new Map([...best.keys()].map((at) => [at, plan.decisions.get(at)?.split(" ")[0] ?? "nothing"]));
    if (best.size === 0) throw new Disagreement("explanations", `none of ${key}`);
    compare("explanations", said, meant);
  }
}

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function timeFact(nowMillis: number): Input {
  return { input: "fact", fact: { name: "time", nowMillis } };
}
