/**
 * Objects and facts in, differences out. Inputs only mark what they touch; `decide` then plans those Services again and compares. Equal
 * circumstances share one decision value, so a Service that is planned again without effect costs a look-up per address.
 *
 * An address of one Service is decided with that Service. One that several have (or that is also a block) is settled after all its owners
 * were planned, and its announcement kept in `#joint`. A Service that lost addresses is planned before one that never was planned, so that
 * an address that changes hands is one replacement and never a withdrawal.
 */

import type { Address } from "../ip/address.ts";
import type { Finding } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { type Announcement, announce, type Contribution, contributionOf, NOTHING } from "./announcement.ts";
import type { Cause, PlanChange, PlannerOptions } from "./change.ts";
import { CoveringTable, coveringWishes } from "./covering.ts";
import { explainSubject } from "./explain.ts";
import type { Input } from "./facts.ts";
import { Inventory, type Touched } from "./inventory.ts";
import { refusal } from "./judge.ts";
import { Ledger, PENDING } from "./ledger.ts";
import { flatRoutes, listNegatives, listRoutes, listServices, type PlannedView } from "./listing.ts";
import { listFindings } from "./oddities.ts";
import type { ReasonCode } from "./reasons.ts";
import type { Explain, Negative, NodeRoute, Route, ServiceAddress } from "./report.ts";
import { causeOf, Round } from "./round.ts";
import type { Scene } from "./scene.ts";
import { SceneKeeper } from "./scene-keeper.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { judgeSharing } from "./sharing.ts";
import type { Subject } from "./subject.ts";

const DEFAULT_TRANSITION_LIMIT = 1_000;

/** Decides for one node what it announces to which peer. Pure: the same inputs give the same state, whatever their order between kinds. */
export class Planner {
  readonly options: PlannerOptions;
  readonly #inventory: Inventory;
  readonly #keeper: SceneKeeper;
  readonly #ledger = new Ledger();
  readonly #dirty = new Map<ServiceEntry, Cause | null>();
  /** Those of `#dirty` whose planned addresses are no longer the right ones. */
  readonly #moved = new Set<ServiceEntry>();
  /** Addresses that several have a say in, with what is announced; removed when only one is left. */
  readonly #joint = new Map<string, { readonly address: Address; announced: Announcement }>();
  readonly #coverings = new CoveringTable();
  /** Of the input being taken. */
  #cause: Cause | null = null;
  readonly #touched: Touched;

  /** @param inventory shared with other planners of the same objects; then none of them takes object inputs. */
  constructor(options: PlannerOptions, inventory?: Inventory) {
    this.options = options;
    this.#inventory = inventory ?? new Inventory(options.heraldNamespace);
    this.#keeper = new SceneKeeper(options, this.#inventory);
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
        this.#keeper.takeFact(input.fact);
        continue;
      }
      this.#cause = causeOf(input.change);
      this.#inventory.apply(input.change, this.#touched);
    }
  }

  /**
   * Decides at most `limit` of the Services touched since (those that lost or gained addresses in any case); call again while `pending` is
   * not 0. Peers that go are told in the first call, the withdrawals of their routes follow in the next ones.
   */
  decide(limit = Number.POSITIVE_INFINITY): PlanChange {
    const round = new Round(this.options.transitionLimit ?? DEFAULT_TRANSITION_LIMIT);
    const { scene, peers, affected, changed } = this.#keeper.refresh();
    if (changed) this.#enterScene(scene, affected, round);

    for (const entry of this.#moved) this.#plan(scene, entry, this.#dirty.get(entry) ?? null, round);
    let left = limit;
    for (const [entry, cause] of this.#dirty) {
      if (left-- <= 0) break;
      this.#plan(scene, entry, cause, round);
    }
    this.#settleTouched(scene, round);
    this.#settleCoverings(scene, round);
    return {
      routes: round.routes,
      peers,
      transitions: round.transitions,
      transitionsOmitted: round.transitionsOmitted,
      probes: [],
      wakeAtMillis: null,
      pending: this.#dirty.size,
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
      scene: this.#keeper.scene,
      decisionsOf: (entry) => planned.get(entry)?.decisions ?? [],
      coveringOf: (entry) => planned.get(entry)?.covering ?? null,
      entries: () => planned.keys(),
      jointOf: (key) => joint.get(key)?.announced,
      joint: () => joint.values(),
      coverings: () => this.#coverings.announcements(),
    };
  }

  #touchService(entry: ServiceEntry, moved: boolean): void {
    this.#dirty.set(entry, this.#cause);
    if (moved && this.#ledger.planned.has(entry)) this.#moved.add(entry);
  }

  #enterScene(
    scene: Scene,
    affected: (matching: readonly Advertisement[], entry: ServiceEntry) => Cause | null | false,
    round: Round,
  ): void {
    for (const [entry, { matching }] of this.#ledger.planned) {
      const cause = affected(matching, entry);
      if (cause !== false && !this.#dirty.has(entry)) this.#dirty.set(entry, cause);
    }
    this.#coverings.enter(scene);
    // Which nodes satisfy all owners, and which blocks meet an address, may have become another.
    for (const [key, { address }] of this.#joint) round.touch(key, address, null, null);
    for (const [key, { prefix }] of scene.hostBlocks) {
      if (this.#joint.has(key)) continue;
      for (const entry of this.#inventory.holders(key)) this.#dirty.set(entry, this.#dirty.get(entry) ?? null);
      round.touch(key, prefix.address, null, null);
    }
  }

  #plan(scene: Scene, entry: ServiceEntry, cause: Cause | null, round: Round): void {
    this.#dirty.delete(entry);
    this.#moved.delete(entry);
    const before = this.#ledger.planned.get(entry);
    const { service } = entry;
    const sameList = service !== null && before !== undefined && before.list === entry.addresses;
    const decisions = sameList ? before.decisions : this.#ledger.moveAddresses(entry, before, cause, round);
    if (service === null) {
      this.#ledger.planned.delete(entry);
      if (before !== undefined) this.#coverings.replace(before.covering, null);
      if (before?.covering != null) round.recover.add(entry);
      return;
    }
    const isSame = before !== undefined && before.service === service && before.epoch === this.#keeper.epoch;
    const matching = isSame ? before.matching : scene.matching(entry, service);
    if (!isSame) {
      const { epoch } = this.#keeper;
      this.#ledger.planned.set(entry, { service, epoch, matching, list: entry.addresses, decisions, covering: before?.covering ?? null });
    }
    const { addresses } = entry.addresses;
    const memo = scene.memo();
    if (addresses.length === 0) {
      // Check 1 comes before check 2.
      this.#ledger.replace(
        scene,
        entry,
        null,
        decisions,
        0,
        refusal(service.metadata.deleting ? "serviceDeleted" : "noAddress"),
        cause,
        round,
      );
    }
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[i];
      if (address === undefined) break;
      const { key } = address;
      const old = decisions[i];
      if (this.#isJoint(scene, key)) {
        // Another owner may have a say: settled when all of them are planned. `old` was announced unless it was joint already.
        round.touch(key, address, cause, old?.announcement ?? null);
        if (old === undefined) {
          decisions[i] = PENDING;
          this.#ledger.count(PENDING.reason, 1);
        }
        continue;
      }
      const decision = scene.decide(entry, service, matching, i, false, memo);
      const touched = round.touched.get(key);
      if (touched !== undefined || (before !== undefined && !sameList)) {
        round.touch(key, address, cause, old?.announcement ?? null).after = decision.announcement;
      } else if (decision !== old) {
        round.emitHost(address, old?.announcement ?? NOTHING, decision.announcement);
      }
      if (decision !== old) this.#ledger.replace(scene, entry, address, decisions, i, decision, cause, round);
    }
    if (scene.covers || before?.covering != null) round.recover.add(entry);
  }

  /** Settles every address that changed hands or is joint. */
  #settleTouched(scene: Scene, round: Round): void {
    // Planning an owner may touch further addresses: the map grows while it is walked.
    for (const key of round.touched.keys()) {
      for (const entry of this.#inventory.holders(key))
        if (this.#dirty.has(entry)) this.#plan(scene, entry, this.#dirty.get(entry) ?? null, round);
    }
    for (const [key, touched] of round.touched) {
      const joint = this.#joint.get(key);
      if (joint !== undefined || this.#isJoint(scene, key)) {
        touched.after = this.#settleJoint(scene, key, touched.cause, round);
        if (this.#inventory.isShared(key) || scene.hostBlocks.has(key))
          this.#joint.set(key, { address: touched.address, announced: touched.after });
        else this.#joint.delete(key);
      }
      const announcedBefore = joint === undefined ? touched.before : joint.announced;
      round.emitHost(touched.address, announcedBefore, touched.after);
    }
  }

  /** Decides an address for all its owners together. */
  #settleJoint(scene: Scene, key: string, cause: Cause | null, round: Round): Announcement {
    const sharing = judgeSharing(scene, key);
    const contributions: Contribution[] = [];
    for (const entry of this.#inventory.holders(key)) {
      const planned = this.#ledger.planned.get(entry);
      if (planned === undefined) continue;
      const shares = planned.list.addresses.flatMap((address, i) => {
        if (address.key !== key) return [];
        const decision = scene.decide(entry, planned.service, planned.matching, i, sharing.blocked);
        if (decision !== planned.decisions[i]) {
          this.#ledger.replace(scene, entry, address, planned.decisions, i, decision, cause, round);
          if (scene.covers || planned.covering !== null) round.recover.add(entry);
        }
        return decision.host;
      });
      if (shares.length > 0) contributions.push(contributionOf(shares));
    }
    const block = scene.hostBlocks.get(key);
    if (block !== undefined) contributions.push(block.contribution);
    const { peers, pool } = scene.parts;
    const counted = contributions.map((contribution) => [contribution, 1] as const);
    return contributions.length === 0 ? NOTHING : announce(counted, peers, key.length === 4 ? "IPv4" : "IPv6", pool);
  }

  #settleCoverings(scene: Scene, round: Round): void {
    for (const entry of round.recover) {
      const planned = this.#ledger.planned.get(entry);
      if (planned === undefined) continue;
      const wishes = scene.covers ? coveringWishes(planned.list, planned.decisions) : null;
      this.#coverings.replace(planned.covering, wishes);
      planned.covering = wishes;
    }
    this.#coverings.settle(scene, (prefix, before, after) => round.emit(prefix, before, after));
  }

  #isJoint(scene: Scene, key: string): boolean {
    return (
      this.#inventory.isShared(key) ||
      (scene.hostBlocks.size > 0 && scene.hostBlocks.has(key)) ||
      (this.#joint.size > 0 && this.#joint.has(key))
    );
  }
}
