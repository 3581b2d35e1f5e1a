/**
 * Addresses that several Services have (or that are also a block) are settled once all their owners are planned; so are addresses that change
 * hands, so that this is one replacement and never a withdrawal.
 */

import type { Address } from "../ip/address.ts";
import { hostPrefix } from "../ip/prefix.ts";
import { type Announcement, announce, type Contribution, contributionOf, NOTHING, type Share } from "./announcement.ts";
import type { Cause } from "./change.ts";
import type { Inventory } from "./inventory.ts";
import { compareText, type Decision, wantedOf } from "./judge.ts";
import { type Ledger, PENDING } from "./ledger.ts";
import type { Round, Touch } from "./round.ts";
import type { Question, Scene } from "./scene.ts";
import type { Sending } from "./sending.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { judgeSharing } from "./sharing.ts";

export class JointAddresses {
  readonly #inventory: Inventory;
  readonly #ledger: Ledger;
  readonly #sending: Sending;
  /** With what is wanted; removed when only one owner is left. */
  readonly #joint = new Map<string, { readonly address: Address; announced: Announcement }>();

  constructor(inventory: Inventory, ledger: Ledger, sending: Sending) {
    this.#inventory = inventory;
    this.#ledger = ledger;
    this.#sending = sending;
  }

  /** What an address is to be announced with that several have a say in; undefined for all others. */
  wanted(key: string): Announcement | undefined {
    return this.#joint.get(key)?.announced;
  }

  values(): Iterable<{ readonly address: Address; readonly announced: Announcement }> {
    return this.#joint.values();
  }

  /** Several have a say in the address, or had until now. */
  has(scene: Scene, key: string): boolean {
    return (
      this.#inventory.isShared(key) ||
      (scene.hostBlocks.size > 0 && scene.hostBlocks.has(key)) ||
      (this.#joint.size > 0 && this.#joint.has(key))
    );
  }

  /** Another scene: which nodes satisfy all owners, and which blocks meet an address, may have become another. */
  enter(scene: Scene, round: Round, mark: (entry: ServiceEntry) => void): void {
    for (const [key, { address }] of this.#joint) round.touch(key, address, null);
    for (const [key, { prefix }] of scene.hostBlocks) {
      if (this.#joint.has(key)) continue;
      for (const entry of this.#inventory.holders(key)) mark(entry);
      round.touch(key, prefix.address, null);
    }
  }

  /** Settles what was touched; each owner counts towards `limit`. `changed` hears of owners whose decision became another. */
  settle(scene: Scene, limit: number, round: Round, changed: (entry: ServiceEntry) => void): void {
    let left = limit;
    for (const [key, touched] of round.touched) {
      if (left <= 0) return;
      const holders = this.#inventory.holders(key);
      left -= Math.max(1, holders.length);
      round.touched.delete(key);
      this.#settleOne(scene, key, touched, holders, round, changed);
    }
  }

  #settleOne(
    scene: Scene,
    key: string,
    touched: Touch,
    holders: readonly ServiceEntry[],
    round: Round,
    changed: (entry: ServiceEntry) => void,
  ): void {
    const joint = this.#joint.get(key);
    if (joint !== undefined || this.has(scene, key)) {
      touched.after = this.#decide(scene, key, holders, touched.cause, round, changed);
      if (this.#inventory.isShared(key) || scene.hostBlocks.has(key))
        this.#joint.set(key, { address: touched.address, announced: touched.after });
      else this.#joint.delete(key);
    }
    const before = joint === undefined ? touched.before : joint.announced;
    const age = () => this.#oldestOwner(scene, key, holders);
    this.#sending.want({ prefix: hostPrefix(touched.address), before, after: touched.after, age, cause: touched.cause }, round);
    // Its decisions were made before it was known what is held back.
    if (this.#sending.outlet.overrides) this.#sending.overruleHolders(scene, touched.address, touched.cause, round);
  }

  /** Decides an address for all its owners together. */
  #decide(
    scene: Scene,
    key: string,
    holders: readonly ServiceEntry[],
    cause: Cause | null,
    round: Round,
    changed: (entry: ServiceEntry) => void,
  ): Announcement {
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
        const wanted = scene.decide(question, i, sharing, decidedBefore(old));
        const decision = this.#sending.overrule(scene, wanted, address);
        if (decision !== old) {
          this.#ledger.replace(scene, entry, address, planned.decisions, i, decision, cause, round);
          changed(entry);
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
    const blocks = scene.hostBlocks.get(key)?.contribution.shares ?? [];
    const ages = blocks.filter(isPassing).map(({ advertisement }) => advertisement.source.metadata.creationTimestamp);
    for (const entry of holders) {
      const planned = this.#ledger.planned.get(entry);
      const passes = planned?.list.addresses.some(
        (address, i) => address.key === key && wantedOf(planned.decisions[i] ?? PENDING).host.some(isPassing),
      );
      if (planned !== undefined && passes === true) ages.push(planned.service.metadata.creationTimestamp);
    }
    return ages.sort(compareText)[0] ?? "";
  }
}

/** The decision of checks 1 to 15 that was made before; undefined = none was. */
export function decidedBefore(old: Decision | undefined): Decision | undefined {
  return old === undefined || old === PENDING ? undefined : wantedOf(old);
}

function isPassing({ eligible, beyond }: Share): boolean {
  return eligible && !beyond;
}
