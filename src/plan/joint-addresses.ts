/**
 * Addresses that several Services have (or that are also a block) are decided once all their owners are planned; so are addresses that change
 * hands, so that this is one replacement and never a withdrawal. Planning an owner only notes what it says; who may announce is judged from the
 * sums, and only owners that are concerned are decided again.
 */

import type { Address } from "../ip/address.ts";
import { hostPrefix } from "../ip/prefix.ts";
import type { Advertisement } from "./advertisement.ts";
import { type Announcement, announce, type Contribution, contributionOf, NOTHING, type Share } from "./announcement.ts";
import type { Cause } from "./change.ts";
import type { Inventory } from "./inventory.ts";
import { compareText, wantedOf } from "./judge.ts";
import type { Ledger } from "./ledger.ts";
import type { Round, Touch } from "./round.ts";
import type { Question, Scene } from "./scene.ts";
import type { Sending } from "./sending.ts";
import type { ServiceEntry } from "./service-entry.ts";
import { FREE, Owners, type Sharing, viewOwner } from "./sharing.ts";

interface Joint {
  readonly address: Address;
  /** What is wanted of it, as told last; null = not told yet. */
  announced: Announcement | null;
  readonly owners: Owners;
  /** Under which the owners were decided. */
  sharing: Sharing;
  /** What of `sharing` the decisions depend on. */
  basis: string;
  /** By key, each with the number of owners that make it. Equal ones are counted: a hundred thousand Services differ in little. */
  readonly contributions: Map<string, { readonly contribution: Contribution; services: number }>;
  readonly contributionOf: Map<ServiceEntry, Contribution>;
}

export class JointAddresses {
  readonly #inventory: Inventory;
  readonly #ledger: Ledger;
  readonly #sending: Sending;
  readonly #joint = new Map<string, Joint>();

  constructor(inventory: Inventory, ledger: Ledger, sending: Sending) {
    this.#inventory = inventory;
    this.#ledger = ledger;
    this.#sending = sending;
  }

  /** What an address is to be announced with that several have a say in; undefined for all others. */
  wanted(key: string): Announcement | undefined {
    return this.#joint.get(key)?.announced ?? undefined;
  }

  /** Every different thing that its owners ask for; nothing for an address that one alone has. */
  *shares(key: string): IterableIterator<Share> {
    for (const { contribution } of this.#joint.get(key)?.contributions.values() ?? []) yield* contribution.shares;
  }

  *values(): IterableIterator<{ readonly address: Address; readonly announced: Announcement }> {
    for (const { address, announced } of this.#joint.values()) if (announced !== null) yield { address, announced };
  }

  /** Under which the owners of an address were decided; null = one alone has it. */
  sharing(key: string): Sharing | null {
    return this.#joint.get(key)?.sharing ?? null;
  }

  /** The first owner by name without a usable endpoint on the node. */
  lackingOn(key: string, node: string): string | null {
    return this.#joint.get(key)?.owners.lackingOn(node) ?? null;
  }

  /** Several have a say in the address, or had until now. */
  has(scene: Scene, key: string): boolean {
    return (
      this.#inventory.isShared(key) ||
      (scene.hostBlocks.size > 0 && scene.hostBlocks.has(key)) ||
      (this.#joint.size > 0 && this.#joint.has(key))
    );
  }

  /** Another scene: what owners say, which nodes satisfy all, and which blocks meet an address, may have become another. */
  enter(scene: Scene, round: Round, mark: (entry: ServiceEntry) => void): void {
    const touch = (key: string, address: Address) => {
      for (const entry of this.#inventory.holders(key)) mark(entry);
      round.touch(key, address, null);
    };
    for (const [key, { address }] of this.#joint) touch(key, address);
    for (const [key, { prefix }] of scene.hostBlocks) if (!this.#joint.has(key)) touch(key, prefix.address);
  }

  /** Notes what an owner says; it is decided in {@link settle}. `anywhere`: advertisements that select it, whatever the node. */
  note(scene: Scene, entry: ServiceEntry, address: Address, anywhere: readonly Advertisement[]): void {
    this.#jointOf(address).owners.put(entry, viewOwner(scene, entry, anywhere, address.key));
  }

  /** The Service may no longer have the address. */
  forget(entry: ServiceEntry, key: string): void {
    const joint = this.#joint.get(key);
    if (joint === undefined) return;
    joint.owners.remove(entry);
    this.#contribute(joint, entry, null);
  }

  /** Decides what was touched, at most about `limit` owners; `changed` hears of owners whose decision became another. */
  settle(scene: Scene, limit: number, round: Round, changed: (entry: ServiceEntry) => void): void {
    let left = limit;
    for (const [key, touched] of round.touched) {
      if (left <= 0) return;
      const joint = this.has(scene, key) ? this.#jointOf(touched.address) : undefined;
      if (joint !== undefined) {
        left = this.#decideOwners(scene, key, joint, touched, left, round, changed);
        if (touched.undecided.size > 0) return;
      }
      left--;
      round.touched.delete(key);
      this.#finish(scene, key, joint, touched, round);
    }
  }

  #jointOf(address: Address): Joint {
    const known = this.#joint.get(address.key);
    if (known !== undefined) return known;
    const unknown = { announced: null, owners: new Owners(), sharing: FREE, basis: basisOf(FREE, null) };
    const joint = { address, ...unknown, contributions: new Map(), contributionOf: new Map() };
    this.#joint.set(address.key, joint);
    return joint;
  }

  /** @returns what is left of `limit` */
  #decideOwners(
    scene: Scene,
    key: string,
    joint: Joint,
    touched: Touch,
    limit: number,
    round: Round,
    changed: (entry: ServiceEntry) => void,
  ): number {
    if (!touched.judged) {
      touched.judged = true;
      joint.sharing = joint.owners.judge(scene);
      const basis = basisOf(joint.sharing, scene);
      if (basis !== joint.basis)
        for (const entry of this.#inventory.holders(key)) if (!touched.undecided.has(entry)) touched.undecided.set(entry, touched.cause);
      joint.basis = basis;
    }
    let left = limit;
    for (const [entry, cause] of touched.undecided) {
      if (left-- <= 0) return 0;
      touched.undecided.delete(entry);
      this.#decideOwner(scene, key, joint, entry, cause, round, changed);
    }
    return left;
  }

  #decideOwner(
    scene: Scene,
    key: string,
    joint: Joint,
    entry: ServiceEntry,
    cause: Cause | null,
    round: Round,
    changed: (entry: ServiceEntry) => void,
  ): void {
    const planned = this.#ledger.planned.get(entry);
    if (planned === undefined) return;
    const question: Question = { entry, service: planned.service, matching: planned.matching, memo: null };
    const shares: Share[] = [];
    planned.list.addresses.forEach((address, i) => {
      if (address.key !== key) return;
      const old = planned.decisions[i];
      const wanted = scene.decide(question, i, joint.sharing, old === undefined ? undefined : wantedOf(old));
      const decision = this.#sending.overrule(scene, wanted, address);
      if (decision !== old) {
        this.#ledger.replace(entry, address, planned.decisions, i, decision, cause, round);
        changed(entry);
      }
      shares.push(...wanted.host);
    });
    this.#contribute(joint, entry, shares.length === 0 ? null : contributionOf(shares));
  }

  #contribute(joint: Joint, entry: ServiceEntry, contribution: Contribution | null): void {
    const before = joint.contributionOf.get(entry);
    if (before?.key === contribution?.key) return;
    if (before !== undefined) {
      const counted = joint.contributions.get(before.key);
      if (counted !== undefined && --counted.services === 0) joint.contributions.delete(before.key);
      joint.contributionOf.delete(entry);
    }
    if (contribution === null) return;
    joint.contributionOf.set(entry, contribution);
    const counted = joint.contributions.get(contribution.key);
    if (counted === undefined) joint.contributions.set(contribution.key, { contribution, services: 1 });
    else counted.services++;
  }

  #finish(scene: Scene, key: string, joint: Joint | undefined, touched: Touch, round: Round): void {
    const block = scene.hostBlocks.get(key);
    const after = joint === undefined ? this.#wantedAlone(key) : wantedTogether(scene, joint, block?.contribution ?? null);
    // A joint address that was one before tells what was announced; its owners' own announcements never were.
    const before = joint?.announced ?? touched.before;
    const age = () => this.#oldestOwner(scene, key);
    this.#sending.want({ prefix: hostPrefix(touched.address), before, after, age, cause: touched.cause }, round);
    if (joint !== undefined) {
      joint.announced = after;
      if (!this.#inventory.isShared(key) && block === undefined) this.#joint.delete(key);
    }
    // Its decisions were made before it was known what is held back.
    if (this.#sending.outlet.overrides) this.#sending.overruleHolders(scene, touched.address, touched.cause, round);
  }

  /** What the one that has the address wants, and nothing where nobody has it any more. */
  #wantedAlone(key: string): Announcement {
    const [holder] = this.#inventory.holders(key);
    const planned = holder === undefined ? undefined : this.#ledger.planned.get(holder);
    const decision = planned?.decisions[planned.list.addresses.findIndex((address) => address.key === key)];
    return decision === undefined ? NOTHING : wantedOf(decision).announcement;
  }

  /** creationTimestamp of the oldest that makes the address announced: Services, and the advertisements of its blocks. */
  #oldestOwner(scene: Scene, key: string): string {
    const blocks = scene.hostBlocks.get(key)?.contribution.shares ?? [];
    const ages = blocks.filter(isPassing).map(({ advertisement }) => advertisement.source.metadata.creationTimestamp);
    for (const entry of this.#inventory.holders(key)) {
      const planned = this.#ledger.planned.get(entry);
      const passes = planned?.list.addresses.some((address, i) => {
        const decision = planned.decisions[i];
        return address.key === key && decision !== undefined && wantedOf(decision).host.some(isPassing);
      });
      if (planned !== undefined && passes === true) ages.push(planned.service.metadata.creationTimestamp);
    }
    return ages.sort(compareText)[0] ?? "";
  }
}

function wantedTogether(scene: Scene, { address, contributions }: Joint, block: Contribution | null): Announcement {
  const all = [...contributions.values()].map(({ contribution, services }) => [contribution, services] as const);
  if (block !== null) all.push([block, 1]);
  const { peers, pool } = scene.parts;
  return all.length === 0 ? NOTHING : announce(all, peers, address.family, pool);
}

function isPassing({ eligible, beyond }: Share): boolean {
  return eligible && !beyond;
}

/** What decisions depend on: whether this node is blocked, and where a number of announcers is limited, who else is. */
function basisOf(sharing: Sharing, scene: Scene | null): string {
  if (scene === null) return "false";
  const isLimited = scene.parts.advertisements.some(({ source }) => source.maxAnnouncers !== null);
  return `${sharing.blocksNode(scene.parts.options.node)}${isLimited ? JSON.stringify(sharing.reserved) : ""}`;
}
