import type { Family } from "../ip/address.ts";
import { type Announcement, announce, type Contribution, NOTHING, type Share } from "./announcement.ts";
import { compareText } from "./judge.ts";
import type { Scene } from "./scene.ts";

/** One prefix on one node. */
export interface Announced {
  readonly announcement: Announcement;
  /** creationTimestamp of the oldest owner, "" = unknown: what an announceLimit goes by. */
  readonly age: string;
}

interface Sum {
  readonly contributions: Map<string, [Contribution, number]>;
  /** Of the oldest owner that makes it announced; null = none does. */
  age: string | null;
}

/** What the owners of one prefix want, under names: of nodes, or of sets of nodes that want the same. Equal wishes are counted. */
export class ContributionSums {
  readonly #sums = new Map<string, Sum>();

  /** @param age counts if the contribution makes the prefix announced. */
  add(name: string, contribution: Contribution, age: string): void {
    let sum = this.#sums.get(name);
    if (sum === undefined) {
      sum = { contributions: new Map(), age: null };
      this.#sums.set(name, sum);
    }
    const known = sum.contributions.get(contribution.key);
    if (known === undefined) sum.contributions.set(contribution.key, [contribution, 1]);
    else known[1]++;
    if (contribution.shares.some(isPassing) && (sum.age === null || age < sum.age)) sum.age = age;
  }

  has(name: string): boolean {
    return this.#sums.has(name);
  }

  /** What all under these names together make a node of the scene announce. */
  announced(names: readonly string[], { parts }: Scene, family: Family): Announced {
    const sums = names.flatMap((name) => this.#sums.get(name) ?? []);
    const contributions = sums.flatMap((sum) => [...sum.contributions.values()]);
    if (contributions.length === 0) return { announcement: NOTHING, age: "" };
    const ages = sums.flatMap(({ age }) => age ?? []).sort(compareText);
    return { announcement: announce(contributions, parts.peers, family, parts.pool), age: ages[0] ?? "" };
  }
}

/** creationTimestamp of the oldest advertisement that makes a prefix announced: an aggregate outlives its members. */
export function ageOfAdvertisements({ shares }: Contribution): string {
  const ages = shares.filter(isPassing).map(({ advertisement }) => advertisement.source.metadata.creationTimestamp);
  return ages.sort(compareText)[0] ?? "";
}

/** The share makes its prefix announced, as far as the peer allows. */
function isPassing({ eligible, beyond }: Share): boolean {
  return eligible && !beyond;
}
