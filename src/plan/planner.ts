/**
 * Objects and facts in, differences out. Inputs only mark what they touch; `decide` then plans those Services again and compares. Equal
 * circumstances share one decision value, so a Service that is planned again without effect costs a look-up per address.
 *
 * An address of one Service is decided with that Service. One that several have (or that is also a block) is settled after all its owners
 * were planned, and its announcement kept in `#joint`. A Service that lost addresses is planned before one that never was planned, so that
 * an address that changes hands is one replacement and never a withdrawal.
 */

import type { Address, Family } from "../ip/address.ts";
import { formatPrefix } from "../ip/format.ts";
import { hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { Finding } from "../objects/kinds.ts";
import { type Announcement, announce, type Contribution, contributionOf, NOTHING, type Share, WishPool } from "./announcement.ts";
import { type BalanceOptions, balanceOfSpeaker, hasService } from "./balance.ts";
import type { Cause, PlanChange, PlannerOptions } from "./change.ts";
import { CoveringTable, coveringWishes } from "./covering.ts";
import { explainSubject } from "./explain.ts";
import type { Fact, Input } from "./facts.ts";
import { HealthGates } from "./health-gates.ts";
import { Inventory, type Touched } from "./inventory.ts";
import { compareText, type Decision, refusal, wantedOf } from "./judge.ts";
import { Ledger, PENDING, type Planned } from "./ledger.ts";
import { flatRoutes, listNegatives, listRoutes, listServices, type PlannedView } from "./listing.ts";
import { listFindings } from "./oddities.ts";
import { Outlet } from "./outlet.ts";
import type { ReasonCode } from "./reasons.ts";
import type { BalanceItem, Explain, Negative, NodeRoute, Route, ServiceAddress } from "./report.ts";
import { causeOf, Round, type Touch } from "./round.ts";
import { coveringPrefix, isHost, type Question, type Scene } from "./scene.ts";
import { type Refreshed, SceneKeeper } from "./scene-keeper.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { judgeSharing } from "./sharing.ts";
import type { Subject } from "./subject.ts";
import type { Situation } from "./words.ts";

const DEFAULT_TRANSITION_LIMIT = 1_000;
/** Services looked at for one that is decided. */
const MARKS_PER_DECISION = 32;

/** Decides for one node what it announces to which peer. Pure: the same inputs give the same state, whatever their order between kinds. */
export class Planner {
  readonly options: PlannerOptions;
  readonly #inventory: Inventory;
  readonly #keeper: SceneKeeper;
  readonly #gates = new HealthGates();
  readonly #outlet: Outlet;
  readonly #ledger = new Ledger();
  readonly #dirty = new Map<ServiceEntry, Cause | null>();
  /** Those of `#dirty` whose planned addresses are no longer the right ones. */
  readonly #moved = new Set<ServiceEntry>();
  /** Services still to be looked at for what changes of the scene do to them, under all such changes since the walk began. */
  #marking: { readonly affected: Refreshed["affected"][]; left: IterableIterator<[ServiceEntry, Planned]> } | null = null;
  /** Host prefixes that changed hands or are joint, settled when nothing is dirty any more. */
  readonly #touchedHosts = new Map<string, Touch>();
  /** Addresses that several have a say in, with what is announced; removed when only one is left. */
  readonly #joint = new Map<string, { readonly address: Address; announced: Announcement }>();
  readonly #coverings = new CoveringTable();
  /** Prefixes that are held back, or no longer, and what made that so: the decisions about them follow at the end. */
  readonly #overruled = new Map<string, { readonly prefix: Prefix; readonly cause: Cause | null }>();
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
    const cause = () => this.#cause;
    this.#touched = { ...this.#keeper.touched(cause), service: (entry, moved) => this.#touchService(entry, moved) };
    if (inventory !== undefined) for (const entry of inventory.services()) this.#dirty.set(entry, null);
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
   * Does at most about `limit` Services' worth of what is to be decided since; call again while `pending` is not 0. What leaves is right only
   * then: until the last call some prefixes may be told more than once. Peers that go are told in the first call.
   */
  decide(limit = Number.POSITIVE_INFINITY): PlanChange {
    const round = new Round(this.options.transitionLimit ?? DEFAULT_TRANSITION_LIMIT, this.#touchedHosts);
    const { scene, peers, affected, changed, node } = this.#keeper.refresh();
    if (!this.#underWay) this.#beginStep(round);
    if (changed) this.#enterScene(scene, affected, round);
    if (node !== undefined) for (const entry of this.#gates.asking()) this.#markDirty(entry, node);

    let left = this.#mark(limit);
    left = this.#planDirty(scene, left, round);
    if (left > 0 && this.#marking === null && this.#dirty.size === 0) this.#settleTouched(scene, left, round);
    this.#settleCoverings(scene, round);
    this.#settleOverrides(round);
    const pending = this.#dirty.size + this.#touchedHosts.size + (this.#marking === null ? 0 : 1);
    this.#underWay = pending > 0;
    return {
      routes: round.routes,
      peers,
      transitions: round.transitions,
      transitionsOmitted: round.transitionsOmitted,
      probes: this.#gates.takeProbes(),
      wakeAtMillis: earliest(this.#outlet.wakeAtMillis, this.#gates.wakeAtMillis, this.#keeper.wakeAtMillis),
      pending,
    };
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

  /** True when there is a Service of that `namespace/name`. */
  knowsService(key: string): boolean {
    return hasService(this.#inventory, key);
  }

  /** How many (Service, address, kind) are announced, and how many are not by reason. */
  decisions(): { readonly announced: number; readonly notAnnounced: Readonly<Partial<Record<ReasonCode, number>>> } {
    return this.#ledger.totals();
  }

  /** What is wrong with or between the objects in force: unknown aliases and pools, attribute conflicts, disagreeing sharers, nodeUnknown. */
  findings(): Finding[] {
    return listFindings(this.#view());
  }

  /** The state as of the last `decide`, for lists and explanations. */
  #view(): PlannedView {
    const planned = this.#ledger.planned;
    const joint = this.#joint;
    return {
      ...this.#situation(this.#keeper.scene),
      decisionsOf: (entry) => planned.get(entry)?.decisions ?? [],
      coveringOf: (entry) => planned.get(entry)?.covering ?? null,
      entries: () => planned.keys(),
      jointOf: (key) => joint.get(key)?.announced,
      joint: () => joint.values(),
      coverings: () => this.#coverings.announcements(),
    };
  }

  #situation(scene: Scene): Situation {
    return { scene, outlet: this.#outlet, nowMillis: this.#keeper.nowMillis };
  }

  #takeFact(fact: Fact): void {
    this.#keeper.takeFact(fact);
    if (fact.name !== "healthCheckAnswer") return;
    const slash = fact.service.indexOf("/");
    const entry = this.#inventory.service(fact.service.slice(0, slash), fact.service.slice(slash + 1));
    if (entry !== undefined && this.#gates.answer(entry, fact)) {
      this.#dirty.set(entry, { kind: "HealthCheck", name: entry.key, resourceVersion: "" });
    }
  }

  #touchService(entry: ServiceEntry, moved: boolean): void {
    this.#dirty.set(entry, this.#cause);
    if (moved && this.#ledger.planned.has(entry)) this.#moved.add(entry);
  }

  #markDirty(entry: ServiceEntry, cause: Cause | null): void {
    if (!this.#dirty.has(entry)) this.#dirty.set(entry, cause);
  }

  /** What time alone has changed. */
  #beginStep(round: Round): void {
    const { nowMillis } = this.#keeper;
    this.#outlet.begin(nowMillis, round.emit);
    this.#noteOverruled((prefix) => ({ kind: "Timer", name: formatPrefix(prefix), resourceVersion: "" }));
    if (nowMillis === null) return;
    for (const entry of this.#gates.overdue(nowMillis)) this.#markDirty(entry, { kind: "Timer", name: entry.key, resourceVersion: "" });
  }

  #enterScene(scene: Scene, affected: Refreshed["affected"], round: Round): void {
    // Whoever was looked at under the changes before has to be looked at under this one too.
    this.#marking = { affected: [...(this.#marking?.affected ?? []), affected], left: this.#ledger.planned.entries() };
    this.#outlet.setLimits(scene.parts.peers, round.emit);
    this.#noteOverruled(() => null);
    this.#coverings.enter(scene);
    // Which nodes satisfy all owners, and which blocks meet an address, may have become another.
    for (const [key, { address }] of this.#joint) round.touch(key, address, null);
    for (const [key, { prefix }] of scene.hostBlocks) {
      if (this.#joint.has(key)) continue;
      for (const entry of this.#inventory.holders(key)) this.#markDirty(entry, null);
      round.touch(key, prefix.address, null);
    }
  }

  /** Looks for Services that changes of the scene touch. @returns what is left of `limit` */
  #mark(limit: number): number {
    const marking = this.#marking;
    if (marking === null) return limit;
    for (let left = limit * MARKS_PER_DECISION; left > 0; left--) {
      const next = marking.left.next();
      if (next.done === true) {
        this.#marking = null;
        return Math.max(1, left / MARKS_PER_DECISION);
      }
      const [entry, { matching }] = next.value;
      if (this.#dirty.has(entry)) continue;
      for (const affected of marking.affected) {
        const cause = affected(matching, entry);
        if (cause === false) continue;
        this.#dirty.set(entry, cause);
        break;
      }
    }
    return 0;
  }

  #planDirty(scene: Scene, limit: number, round: Round): number {
    let left = limit;
    for (const entry of this.#moved) {
      if (left <= 0) return 0;
      this.#plan(scene, entry, this.#dirty.get(entry) ?? null, round);
      left--;
    }
    for (const [entry, cause] of this.#dirty) {
      if (left <= 0) return 0;
      this.#plan(scene, entry, cause, round);
      left--;
    }
    return left;
  }

  #plan(scene: Scene, entry: ServiceEntry, cause: Cause | null, round: Round): void {
    this.#dirty.delete(entry);
    this.#moved.delete(entry);
    const before = this.#ledger.planned.get(entry);
    const { service } = entry;
    const isSame = before !== undefined && before.service === service && before.epoch === this.#keeper.epoch;
    const matching = service === null ? [] : isSame ? before.matching : scene.matching(entry, service);
    this.#gates.review(entry, service, matching, scene, (family) => isAnnounced(before, family), this.#keeper.nowMillis);
    const sameList = service !== null && before !== undefined && before.list === entry.addresses;
    const decisions = sameList ? before.decisions : this.#ledger.moveAddresses(entry, before, cause, round);
    if (service === null) {
      this.#ledger.planned.delete(entry);
      if (before !== undefined) this.#coverings.replace(before.covering, null);
      return;
    }
    if (!isSame || !sameList) {
      const { epoch } = this.#keeper;
      this.#ledger.planned.set(entry, { service, epoch, matching, list: entry.addresses, decisions, covering: before?.covering ?? null });
    }
    if (entry.addresses.addresses.length === 0) {
      // Check 1 comes before check 2.
      const none = refusal(service.metadata.deleting ? "serviceDeleted" : "noAddress");
      this.#ledger.replace(this.#situation(scene), entry, null, decisions, 0, none, cause, round);
    }
    const question: Question = { entry, service, matching, memo: scene.memo() };
    const isNew = before !== undefined && !sameList;
    const { addresses } = entry.addresses;
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[i];
      if (address !== undefined) this.#planAddress(scene, question, i, address, decisions, isNew, cause, round);
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
    const { key } = address;
    const old = decisions[index];
    const oldAnnouncement = old === undefined ? null : wantedOf(old).announcement;
    if (this.#isJoint(scene, key)) {
      // Another owner may have a say: settled when all of them are planned. `old` was announced unless it was joint already.
      round.touchBy(entry, address, cause, oldAnnouncement);
      if (old === undefined) {
        decisions[index] = PENDING;
        this.#ledger.count(PENDING.reason, 1);
      }
      return;
    }
    const wanted = scene.decide(question, index, null, old === undefined || old === PENDING ? undefined : wantedOf(old));
    if (listIsNew || round.touched.has(key)) round.touchBy(entry, address, cause, oldAnnouncement).after = wanted.announcement;
    else if (old === undefined || wanted !== wantedOf(old) || this.#outlet.limits) {
      const age = () => service.metadata.creationTimestamp;
      this.#want(hostPrefix(address), oldAnnouncement ?? NOTHING, wanted.announcement, age, cause, round);
    }
    const decision = this.#overrule(scene, wanted, address);
    if (decision !== old) this.#ledger.replace(this.#situation(scene), entry, address, decisions, index, decision, cause, round);
  }

  /** Settles addresses that changed hands or are joint, once all their owners are planned; each owner counts towards `limit`. */
  #settleTouched(scene: Scene, limit: number, round: Round): void {
    let left = limit;
    for (const [key, touched] of round.touched) {
      if (left <= 0) return;
      const holders = this.#inventory.holders(key);
      left -= Math.max(1, holders.length);
      const joint = this.#joint.get(key);
      if (joint !== undefined || this.#isJoint(scene, key)) {
        touched.after = this.#settleJoint(scene, key, holders, touched.cause, round);
        if (this.#inventory.isShared(key) || scene.hostBlocks.has(key))
          this.#joint.set(key, { address: touched.address, announced: touched.after });
        else this.#joint.delete(key);
      }
      const announcedBefore = joint === undefined ? touched.before : joint.announced;
      round.touched.delete(key);
      const age = () => this.#oldestOwner(scene, key, holders);
      this.#want(hostPrefix(touched.address), announcedBefore, touched.after, age, touched.cause, round);
      // Its decisions were made before it was known what is held back.
      if (this.#outlet.overrides) this.#overruleHolders(scene, touched.address, touched.cause, round);
    }
  }

  /** Decides an address for all its owners together. */
  #settleJoint(scene: Scene, key: string, holders: readonly ServiceEntry[], cause: Cause | null, round: Round): Announcement {
    const sharing = judgeSharing(scene, key);
    // Equal contributions are counted: a hundred thousand Services on one address differ in little.
    const contributions = new Map<string, [Contribution, number]>();
    for (const entry of holders) {
      const planned = this.#ledger.planned.get(entry);
      if (planned === undefined) continue;
      const question: Question = { entry, service: planned.service, matching: planned.matching, memo: null };
      const shares: Share[] = [];
      planned.list.addresses.forEach((address, i) => {
        if (address.key !== key) return;
        const old = planned.decisions[i];
        const wanted = scene.decide(question, i, sharing, old === undefined || old === PENDING ? undefined : wantedOf(old));
        const decision = this.#overrule(scene, wanted, address);
        if (decision !== old) {
          this.#ledger.replace(this.#situation(scene), entry, address, planned.decisions, i, decision, cause, round);
          if (scene.covers || planned.covering !== null) round.recover.add(entry);
        }
        shares.push(...wanted.host);
      });
      if (shares.length === 0) continue;
      const contribution = contributionOf(shares);
      const known = contributions.get(contribution.key);
      if (known === undefined) contributions.set(contribution.key, [contribution, 1]);
      else known[1]++;
    }
    const block = scene.hostBlocks.get(key);
    const all = [...contributions.values()];
    if (block !== undefined) all.push([block.contribution, 1]);
    const { peers, pool } = scene.parts;
    return all.length === 0 ? NOTHING : announce(all, peers, key.length === 4 ? "IPv4" : "IPv6", pool);
  }

  /** creationTimestamp of the oldest that makes the address announced: Services, and the advertisements of its blocks. */
  #oldestOwner(scene: Scene, key: string, holders: readonly ServiceEntry[]): string {
    const ages = (scene.hostBlocks.get(key)?.contribution.shares ?? [])
      .filter(isPassing)
      .map(({ advertisement }) => advertisement.source.metadata.creationTimestamp);
    for (const entry of holders) {
      const planned = this.#ledger.planned.get(entry);
      const passes = planned?.list.addresses.some(
        (address, i) => address.key === key && wantedOf(planned.decisions[i] ?? PENDING).host.some(isPassing),
      );
      if (planned !== undefined && passes === true) ages.push(planned.service.metadata.creationTimestamp);
    }
    return ages.sort(compareText)[0] ?? "";
  }

  #settleCoverings(scene: Scene, round: Round): void {
    for (const entry of round.recover) {
      const planned = this.#ledger.planned.get(entry);
      if (planned === undefined) continue;
      const wishes = scene.covers ? coveringWishes(planned.list, planned.decisions) : null;
      this.#coverings.replace(planned.covering, wishes);
      planned.covering = wishes;
    }
    this.#coverings.settle(scene, this.#outlet.limits, (prefix, before, after, age) => this.#want(prefix, before, after, age, null, round));
  }

  #want(prefix: Prefix, before: Announcement, after: Announcement, age: () => string, cause: Cause | null, round: Round): void {
    this.#outlet.want(prefix, before, after, age, round.emit);
    this.#noteOverruled(() => cause);
  }

  #noteOverruled(causeOf: (prefix: Prefix) => Cause | null): void {
    for (const prefix of this.#outlet.takeChanged()) this.#overruled.set(prefix.key, { prefix, cause: causeOf(prefix) });
  }

  /** Decisions whose prefix is held back, or no longer, because of what happened to others or of time. */
  #settleOverrides(round: Round): void {
    const { scene } = this.#keeper;
    for (const { prefix, cause } of this.#overruled.values()) {
      if (isHost(prefix)) this.#overruleHolders(scene, prefix.address, cause, round);
      // Of an aggregate the members are not listed: it is held back seldom enough to look for them.
      else
        for (const [entry, planned] of this.#ledger.planned)
          if (planned.covering?.has(prefix.key)) this.#overruleEntry(scene, entry, null, cause, round);
    }
    this.#overruled.clear();
  }

  #overruleHolders(scene: Scene, address: Address, cause: Cause | null, round: Round): void {
    for (const entry of this.#inventory.holders(address.key)) this.#overruleEntry(scene, entry, address.key, cause, round);
  }

  /** @param key only this address; null = all. */
  #overruleEntry(scene: Scene, entry: ServiceEntry, key: string | null, cause: Cause | null, round: Round): void {
    const planned = this.#ledger.planned.get(entry);
    planned?.list.addresses.forEach((address, i) => {
      const old = planned.decisions[i];
      if (old === undefined || old === PENDING || (key !== null && address.key !== key)) return;
      const decision = this.#overrule(scene, wantedOf(old), address);
      if (decision !== old) this.#ledger.replace(this.#situation(scene), entry, address, planned.decisions, i, decision, cause, round);
    });
  }

  /** Checks 16 and 17. */
  #overrule(scene: Scene, wanted: Decision, address: Address): Decision {
    if (!this.#outlet.overrides) return wanted;
    return scene.judge.overrule(wanted, address.family, ({ advertisement }, mode) =>
      this.#outlet.overrideOf((mode === "host" ? hostPrefix(address) : coveringPrefix(advertisement, address)).key),
    );
  }

  #isJoint(scene: Scene, key: string): boolean {
    return (
      this.#inventory.isShared(key) ||
      (scene.hostBlocks.size > 0 && scene.hostBlocks.has(key)) ||
      (this.#joint.size > 0 && this.#joint.has(key))
    );
  }
}

function isPassing({ eligible, beyond }: Share): boolean {
  return eligible && !beyond;
}

/** Some address of the family was announced as of the decision before. */
function isAnnounced(planned: Planned | undefined, family: Family): boolean {
  return (
    planned?.list.addresses.some((address, i) => address.family === family && wantedOf(planned.decisions[i] ?? PENDING).announced) === true
  );
}

function earliest(...times: readonly (number | null)[]): number | null {
  return times.reduce((least, at) => (least === null || (at !== null && at < least) ? at : least), null);
}
