/**
 * Objects and facts in, differences out. Inputs only mark what they touch; `decide` then plans those Services again and compares. Equal
 * circumstances share one decision value, so a Service that is planned again without effect costs a look-up per address.
 *
 * An address of one Service is decided with that Service; one that several have is settled after all its owners were planned. What is wanted of
 * a prefix then goes through the outlet, which may hold it back.
 */

import type { Address, Family } from "../ip/address.ts";
import { hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { Finding } from "../objects/kinds.ts";
import { NOTHING, WishPool } from "./announcement.ts";
import { Backlog } from "./backlog.ts";
import { type BalanceOptions, balanceOfSpeaker, hasService } from "./balance.ts";
import { type Causes, causeFor } from "./causes.ts";
import type { Cause, PlanChange, PlannerOptions } from "./change.ts";
import { CoveringTable, coveringWishes } from "./covering.ts";
import { detailTo } from "./detail.ts";
import { type DrainState, drainStateOf } from "./drain-phase.ts";
import { explainSubject } from "./explain.ts";
import type { Fact, Input } from "./facts.ts";
import { HealthGates } from "./health-gates.ts";
import { Inventory, type Touched } from "./inventory.ts";
import { JointAddresses } from "./joint-addresses.ts";
import { type Decision, refusal, wantedOf } from "./judge.ts";
import { Ledger, type Planned } from "./ledger.ts";
import { flatRoutes, listNegatives, listRoutes, listServices, type PlannedView } from "./listing.ts";
import { findingsInPieces } from "./oddities.ts";
import { Outlet } from "./outlet.ts";
import { ownersOf } from "./owners.ts";
import { type Paused, runThrough } from "./pauses.ts";
import type { ReasonCode } from "./reasons.ts";
import type { BalanceItem, Explain, Negative, NodeRoute, Route, ServiceAddress } from "./report.ts";
import { causeOf, Round, type Touch } from "./round.ts";
import type { Question, Scene } from "./scene.ts";
import { type Refreshed, SceneKeeper } from "./scene-keeper.ts";
import { Sending } from "./sending.ts";
import type { ServiceEntry } from "./service-entry.ts";
import type { Subject } from "./subject.ts";

const DEFAULT_TRANSITION_LIMIT = 1_000;

/** Decides for one node what it announces to which peer. Pure: the same inputs give the same state, whatever their order between kinds. */
export class Planner {
  readonly options: PlannerOptions;
  readonly #inventory: Inventory;
  readonly #keeper: SceneKeeper;
  readonly #gates = new HealthGates();
  readonly #outlet: Outlet;
  readonly #ledger = new Ledger();
  readonly #sending: Sending;
  readonly #joint: JointAddresses;
  readonly #coverings = new CoveringTable();
  readonly #backlog: Backlog;
  /** Host prefixes that changed hands or are joint, settled when all Services are planned. */
  readonly #touchedHosts = new Map<string, Touch>();
  /** Of the input being taken. */
  #cause: Cause | null = null;
  /** A step is half-way: some of its work is left. */
  #underWay = false;
  readonly #touched: Touched;

  /** @param inventory shared with other planners of the same objects; then none of them takes object inputs. */
  constructor(options: PlannerOptions, inventory?: Inventory) {
    this.options = options;
    const pool = new WishPool();
    this.#inventory = inventory ?? new Inventory(options.heraldNamespace);
    this.#outlet = new Outlet(options.damping, pool);
    this.#keeper = new SceneKeeper(options, this.#inventory, pool, this.#gates);
    this.#sending = new Sending(this.#outlet, this.#inventory, this.#ledger);
    this.#joint = new JointAddresses(this.#inventory, this.#ledger, this.#sending);
    this.#backlog = new Backlog(this.#ledger.planned, inventory?.services() ?? null);
    this.#touched = {
      ...this.#keeper.touched(() => this.#cause),
      service: (entry, moved, family) => this.#backlog.touch(entry, this.#cause, moved, family),
    };
  }

  /** Takes the inputs in order and decides everything they touch: `note`, then `decide` without a bound. */
  apply(inputs: readonly Input[]): PlanChange {
    this.note(inputs);
    return this.decide();
  }

  /** Takes the inputs without deciding anything, as before the first full sync. */
  note(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (input.input === "fact") {
        this.#takeFact(input.fact);
        continue;
      }
      this.#cause = causeOf(input.change);
      this.#inventory.apply(input.change, this.#touched);
    }
  }

  /**
   * Does at most about `limit` Services' worth of what is to be decided since (0 = takes in what peers, advertisements and nodes are now); call again while `pending` is not 0. What leaves is right only
   * then: until the last call some prefixes may be told more than once. Peers that go are told in the first call.
   */
  decide(limit = Number.POSITIVE_INFINITY): PlanChange {
    const round = new Round(this.options.transitionLimit ?? DEFAULT_TRANSITION_LIMIT, this.#touchedHosts);
    const refreshed = this.#keeper.refresh();
    const { scene, peers } = refreshed;
    if (!this.#underWay) this.#beginStep();
    this.#outlet.setLeaving(scene.parts.leaving !== null);
    this.#enterScene(refreshed, round);

    const left = this.#backlog.work(limit, (entry, causes, before) => this.#plan(scene, entry, causes, before, round));
    if (left > 0 && this.#backlog.size === 0) {
      this.#joint.settle(scene, left, round, (entry) => {
        if (scene.covers || this.#ledger.planned.get(entry)?.covering != null) round.recover.add(entry);
      });
    }
    this.#recover(scene, round);
    const pending = this.#backlog.size + this.#touchedHosts.size;
    if (pending === 0) this.#endStep(scene, round);
    this.#sending.settle(scene, round);
    this.#underWay = pending > 0;
    const view = this.#view();
    return {
      routes: round.routes,
      peers,
      transitions: round.describe((...about) => detailTo(view, ...about)),
      transitionsOmitted: round.transitionsOmitted,
      probes: this.#gates.takeProbes(),
      wakeAtMillis: earliest(this.#outlet.wakeAtMillis, this.#gates.wakeAtMillis, this.#keeper.wakeAtMillis),
      awaitsGates: this.#keeper.awaitsProxy || this.#gates.awaitsAnswer,
      drain: this.drain.phase,
      pending,
    };
  }

  /** Whether and why this node is drained, as of the last `decide`. */
  get drain(): DrainState {
    return drainStateOf(this.#keeper.scene.parts);
  }

  /** When the grace period of a drain is over, in the milliseconds of the time fact; null = there is none. */
  get leavesAtMillis(): number | null {
    return this.#keeper.leavesAtMillis;
  }

  /** The seventeen checks for every address the subject means; null when nothing of that name or address exists. `timeline` is null. */
  explain(subject: Subject): Explain | null {
    return explainSubject(this.#view(), subject);
  }

  /** Every (Service, address, kind) on this node in the order of all lists, one Service's (`namespace/name`) or all. */
  services(filter?: { readonly service: string }): ServiceAddress[] {
    return listServices(this.#view(), filter);
  }

  /** Every route in force, in the order of all lists. */
  routes(): NodeRoute[] {
    return listRoutes(this.#view());
  }

  /** Every route towards every peer, one row each, as `herald plan` lists them. */
  peerRoutes(): Route[] {
    return flatRoutes(this.#view());
  }

  /** Everything that is not announced and why. */
  negatives(): Negative[] {
    return listNegatives(this.#view());
  }

  /** What part of each address's flows every node and endpoint gets; null = a pause (balance.ts). */
  balance(options: BalanceOptions): Iterable<BalanceItem | null> {
    return balanceOfSpeaker(this.#view(), options);
  }

  /** Services that have the prefix announced, `namespace/name`. */
  ownersOf(prefix: Prefix): string[] {
    return ownersOf(this.#view(), prefix);
  }

  /** True when there is a Service of that `namespace/name`. */
  knowsService(key: string): boolean {
    return hasService(this.#inventory, key);
  }

  /** metadata.uid of a Service by `namespace/name`; null where there is none. */
  serviceUid(key: string): string | null {
    const slash = key.indexOf("/");
    return this.#inventory.service(key.slice(0, slash), key.slice(slash + 1))?.service?.metadata.uid ?? null;
  }

  /** How many (Service, address, kind) are announced, and how many are not by reason. */
  decisions(): { readonly announced: number; readonly notAnnounced: Readonly<Partial<Record<ReasonCode, number>>> } {
    return this.#ledger.totals();
  }

  /** What is wrong with or between the objects in force: unknown aliases and pools, attribute conflicts, disagreeing sharers, nodeUnknown. */
  findings(): Finding[] {
    return runThrough(this.findingsInPieces());
  }

  /** {@link findings} with pauses. */
  findingsInPieces(): Paused<Finding[]> {
    return findingsInPieces(this.#view());
  }

  /** The state as of the last `decide`, for lists and explanations. */
  #view(): PlannedView {
    const planned = this.#ledger.planned;
    return {
      scene: this.#keeper.scene,
      outlet: this.#outlet,
      joint: this.#joint,
      nowMillis: this.#keeper.nowMillis,
      decisionsOf: (entry) => planned.get(entry)?.decisions ?? [],
      coveringOf: (entry) => planned.get(entry)?.covering ?? null,
      entries: () => planned.keys(),
      coverings: () => this.#coverings.announcements(),
    };
  }

  #takeFact(fact: Fact): void {
    this.#keeper.takeFact(fact);
    if (fact.name === "restored") {
      this.#outlet.restore(fact.routes);
      for (const { prefix, owners } of fact.routes) this.#gates.restore(owners, prefix.address.family);
    }
    if (fact.name !== "healthCheckAnswer") return;
    const slash = fact.service.indexOf("/");
    const entry = this.#inventory.service(fact.service.slice(0, slash), fact.service.slice(slash + 1));
    if (entry !== undefined && this.#gates.answer(entry, fact)) {
      this.#backlog.mark(entry, { kind: "HealthCheck", name: entry.key, resourceVersion: "" });
    }
  }

  /** Time may have passed: waits for answers may be over. */
  #beginStep(): void {
    const { nowMillis } = this.#keeper;
    this.#gates.begin();
    this.#outlet.begin(nowMillis);
    if (nowMillis === null) return;
    for (const entry of this.#gates.overdue(nowMillis)) this.#backlog.mark(entry, { kind: "Timer", name: entry.key, resourceVersion: "" });
  }

  #enterScene({ scene, affected, advertisements, changed, node }: Refreshed, round: Round): void {
    if (node !== undefined) for (const entry of this.#gates.asking()) this.#backlog.mark(entry, node);
    if (!changed) return;
    this.#backlog.markAffected(affected, advertisements);
    this.#outlet.setLimits(scene.parts.peers);
    this.#coverings.enter(scene);
    this.#joint.enter(scene, round, (entry) => this.#backlog.mark(entry, null));
  }

  #plan(scene: Scene, entry: ServiceEntry, causes: Causes | Cause | null, before: Planned | undefined, round: Round): void {
    const { service } = entry;
    const isSame = before !== undefined && before.service === service && before.epoch === this.#keeper.epoch;
    const matching = service === null ? [] : isSame ? before.matching : scene.matching(entry, service);
    if (this.#gates.concern(entry, service))
      this.#gates.review(entry, service, matching, scene, (family) => isAnnounced(before, family), this.#keeper.nowMillis);
    const sameList = service !== null && before !== undefined && before.list === entry.addresses;
    const decisions = sameList ? before.decisions : this.#ledger.moveAddresses(entry, before, causeFor(causes, null), round);
    if (!sameList) for (const { key } of before?.list.addresses ?? []) this.#joint.forget(entry, key);
    if (service === null) {
      this.#ledger.planned.delete(entry);
      if (before !== undefined) this.#coverings.replace(before.covering, null);
      return;
    }
    if (!isSame || !sameList) {
      const { epoch } = this.#keeper;
      this.#ledger.planned.set(entry, { service, epoch, matching, list: entry.addresses, decisions, covering: before?.covering ?? null });
    }
    const { addresses } = entry.addresses;
    if (addresses.length === 0) {
      // Check 1 comes before check 2.
      const none = refusal(service.metadata.deleting ? "serviceDeleted" : "noAddress");
      this.#ledger.replace(entry, null, decisions, 0, none, causeFor(causes, null), round);
    }
    const question: Question = { entry, service, matching, memo: scene.memo() };
    const listIsNew = before !== undefined && !sameList;
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[i];
      if (address !== undefined)
        this.#planAddress(scene, question, i, address, decisions, listIsNew, causeFor(causes, address.family), round);
    }
    if (scene.covers || before?.covering != null) round.recover.add(entry);
  }

  #planAddress(
    scene: Scene,
    question: Question,
    index: number,
    address: Address,
    decisions: Decision[],
    listIsNew: boolean,
    cause: Cause | null,
    round: Round,
  ): void {
    const { entry, service } = question;
    const old = decisions[index];
    const before = old === undefined ? null : wantedOf(old).announcement;
    if (this.#joint.has(scene, address.key)) {
      // Another owner may have a say. `old` was announced unless it was joint already.
      round.touchBy(entry, address, cause, before);
      question.anywhere ??= scene.matchingAnywhere(entry, service);
      this.#joint.note(scene, entry, address, question.anywhere);
      return;
    }
    const wanted = scene.decide(question, index, null, old === undefined ? undefined : wantedOf(old));
    if (listIsNew || round.touched.has(address.key)) round.touchBy(entry, address, cause, before);
    else if (this.#outlet.limits || (before ?? NOTHING).key !== wanted.announcement.key) {
      const age = this.#outlet.limits ? () => service.metadata.creationTimestamp : AGELESS;
      this.#sending.want({ prefix: hostPrefix(address), before: before ?? NOTHING, after: wanted.announcement, age, cause }, round);
    }
    const decision = this.#sending.overrule(scene, wanted, address);
    if (decision !== old) this.#ledger.replace(entry, address, decisions, index, decision, cause, round);
  }

  /** Services whose decisions changed have other wishes for what covers them. */
  #recover(scene: Scene, round: Round): void {
    for (const entry of round.recover) {
      const planned = this.#ledger.planned.get(entry);
      if (planned === undefined) continue;
      const wishes = scene.covers ? coveringWishes(planned.list, planned.decisions) : null;
      this.#coverings.replace(planned.covering, wishes);
      planned.covering = wishes;
    }
  }

  /** Every Service is decided: what many of them have a say in can be settled, and what time held back be sent. */
  #endStep(scene: Scene, round: Round): void {
    this.#coverings.settle(scene, this.#outlet.limits, (prefix, before, after, age) =>
      this.#sending.want({ prefix, before, after, age, cause: null }, round),
    );
    this.#outlet.end();
  }
}

/** Nobody asks for an age where no peer has a limit. */
const AGELESS = () => "";

/** Some address of the family was announced as of the decision before. */
function isAnnounced(planned: Planned | undefined, family: Family): boolean {
  if (planned === undefined) return false;
  return planned.list.addresses.some((address, i) => {
    const decision = planned.decisions[i];
    return address.family === family && decision !== undefined && wantedOf(decision).announced;
  });
}

function earliest(...times: readonly (number | null)[]): number | null {
  return times.reduce((least, at) => (least === null || (at !== null && at < least) ? at : least), null);
}
