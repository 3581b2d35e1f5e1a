/** Everything about one node that its decisions depend on besides the Service itself; rebuilt when any of it changes. */

import type { Address } from "../ip/address.ts";
import { maxLength, type Prefix, prefixOf } from "../ip/prefix.ts";
import type { AddressKind, Finding, Service } from "../objects/kinds.ts";
import { type Advertisement, aggregationLength, allowsAddress, blockAround } from "./advertisement.ts";
import { type Contribution, contributionOf, type WishPool } from "./announcement.ts";
import type { PlannerOptions } from "./change.ts";
import type { Inventory } from "./inventory.ts";
import {
  type Circumstances,
  type Decision,
  isLocalOnly,
  isWeightOne,
  Judge,
  type Mode,
  modeOf,
  refusal,
  serviceObstacle,
} from "./judge.ts";
import type { NodeObstacle } from "./node-checks.ts";
import type { PeerVerdict } from "./peers.ts";
import { type Labels, matchesAny, namespaceLabels, serviceLabels } from "./selectors.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";

export interface SceneParts {
  readonly options: PlannerOptions;
  readonly inventory: Inventory;
  /** In force, by name. */
  readonly advertisements: readonly Advertisement[];
  /** Not in force, by name. */
  readonly notInForce: readonly string[];
  readonly findings: readonly Finding[];
  readonly peers: readonly PeerVerdict[];
  /** Peers whose node selectors do not match, by name. */
  readonly outsiders: readonly string[];
  readonly obstacle: NodeObstacle | null;
  readonly mayAnnounce: (node: string) => boolean;
  readonly pool: WishPool;
}

export class Scene {
  readonly parts: SceneParts;
  readonly judge: Judge;
  /** Some advertisement in force stands for more than single addresses. */
  readonly covers: boolean;
  /** What blocks want, by prefix; those of a single address apart, for they meet the Services' own wishes. */
  readonly blocks: ReadonlyMap<string, { readonly prefix: Prefix; readonly contribution: Contribution }>;
  readonly hostBlocks: ReadonlyMap<string, { readonly prefix: Prefix; readonly contribution: Contribution }>;
  readonly #nextHopKeys: ReadonlySet<string>;

  constructor(parts: SceneParts) {
    this.parts = parts;
    const { options, obstacle, peers, outsiders, mayAnnounce, pool } = parts;
    this.judge = new Judge({ node: options.node, obstacle, peers, firstOutsider: outsiders[0] ?? null, mayAnnounce, pool });
    this.covers = parts.advertisements.some(
      (advertisement) =>
        advertisement.source.blocks.length > 0 ||
        aggregationLength(advertisement, "IPv4") < 32 ||
        aggregationLength(advertisement, "IPv6") < 128,
    );
    this.#nextHopKeys = new Set(peers.flatMap(({ nextHop }) => [nextHop.IPv4.address?.key ?? "", nextHop.IPv6.address?.key ?? ""]));
    const blocks = this.#blockContributions();
    this.blocks = new Map([...blocks].filter(([, { prefix }]) => !isHost(prefix)));
    this.hostBlocks = new Map(
      [...blocks.values()].filter(({ prefix }) => isHost(prefix)).map((block) => [block.prefix.address.key, block]),
    );
  }

  /** Advertisements that pass check 6 for the Service here, by name. */
  matching(entry: ServiceEntry, service: Service): readonly Advertisement[] {
    const services = serviceLabels(service);
    const namespaces = namespaceLabels(entry.namespace, this.parts.inventory.namespace(entry.namespace));
    return this.parts.advertisements.filter(
      (advertisement) => advertisement.selectsNode && selectsService(advertisement, services, namespaces),
    );
  }

  /** Like {@link Scene.matching}, whatever the node. */
  matchingAnywhere(entry: ServiceEntry, service: Service): readonly Advertisement[] {
    const services = serviceLabels(service);
    const namespaces = namespaceLabels(entry.namespace, this.parts.inventory.namespace(entry.namespace));
    return this.parts.advertisements.filter((advertisement) => selectsService(advertisement, services, namespaces));
  }

  /** For a run of {@link Scene.decide} over one Service's addresses. */
  memo(): Memo {
    return { kind: "ClusterIP", family: "IPv4", allowing: -1, decision: null };
  }

  /**
   * @param blocked another owner of the address has no endpoint here.
   * @param memo of the same Service: neighbours that the same advertisements allow get the same answer.
   * @throws {Error} for an index that is not there (a bug).
   */
  decide(
    entry: ServiceEntry,
    service: Service,
    matching: readonly Advertisement[],
    index: number,
    blocked: boolean,
    memo?: Memo,
  ): Decision {
    const address = entry.addresses.addresses[index];
    if (address === undefined) throw new Error(`${entry.key} has no address ${index}`);
    const kind = kindAt(entry.addresses, index);
    const obstacle = serviceObstacle(service, kind, this.parts.options);
    if (obstacle !== null) return refusal(obstacle);
    if (memo === undefined || matching.length > MOST_IN_MEMO || this.#nextHopKeys.has(address.key)) {
      return this.judge.decide(this.circumstances(entry, service, matching, kind, address, blocked));
    }
    const allowing = allowanceOf(matching, kind, address);
    if (memo.decision !== null && memo.allowing === allowing && memo.kind === kind && memo.family === address.family) return memo.decision;
    memo.decision = this.judge.decide(this.circumstances(entry, service, matching, kind, address, blocked));
    memo.allowing = allowing;
    memo.kind = kind;
    memo.family = address.family;
    return memo.decision;
  }

  circumstances(
    entry: ServiceEntry,
    service: Service,
    matching: readonly Advertisement[],
    kind: AddressKind,
    address: Address,
    blocked: boolean,
  ): Circumstances {
    const advertisements: Advertisement[] = [];
    const modes: Mode[] = [];
    const localOnly = isLocalOnly(service, kind);
    let notAllowed = false;
    for (const advertisement of matching) {
      if (!advertisement.source.addresses.includes(kind)) continue;
      if (!allowsAddress(advertisement, kind, address)) {
        notAllowed = true;
        continue;
      }
      advertisements.push(advertisement);
      modes.push(modeOf(advertisement, address.family, localOnly, blockAround(advertisement, address) !== null));
    }
    return {
      family: address.family,
      advertisements,
      notAllowed,
      localOnly,
      weightOne: isWeightOne(service, kind),
      digest: entry.digest(address.family),
      modes,
      barred: this.barredFor(address),
      blocked,
    };
  }

  /** Peers for which the address would be its own next hop. */
  barredFor(address: Address): readonly string[] {
    if (!this.#nextHopKeys.has(address.key)) return NOBODY;
    return this.parts.peers.filter(({ nextHop }) => nextHop[address.family].address?.key === address.key).map(({ name }) => name);
  }

  #blockContributions(): Map<string, { readonly prefix: Prefix; readonly contribution: Contribution }> {
    const wanted = new Map<string, { prefix: Prefix; advertisements: Advertisement[] }>();
    for (const advertisement of this.parts.advertisements) {
      if (!advertisement.selectsNode) continue;
      for (const prefix of advertisement.source.blocks) {
        const known = wanted.get(prefix.key);
        if (known === undefined) wanted.set(prefix.key, { prefix, advertisements: [advertisement] });
        else if (!known.advertisements.includes(advertisement)) known.advertisements.push(advertisement);
      }
    }
    const eligible = this.parts.obstacle === null;
    return new Map(
      [...wanted].map(([key, { prefix, advertisements }]) => {
        const barred = isHost(prefix) ? this.barredFor(prefix.address) : NOBODY;
        const shares = advertisements.map((advertisement) => ({ advertisement, eligible, weight: null, barred }));
        return [key, { prefix, contribution: contributionOf(shares) }];
      }),
    );
  }
}

/** The last answer. */
export interface Memo {
  kind: AddressKind;
  family: Address["family"];
  allowing: number;
  decision: Decision | null;
}

/** Three bits each in a small integer. */
const MOST_IN_MEMO = 10;

/** What an address's own value means to the advertisements: whether each asks for its kind, allows it, and covers it with a block. */
function allowanceOf(matching: readonly Advertisement[], kind: AddressKind, address: Address): number {
  let bits = 0;
  for (const advertisement of matching) {
    bits <<= 3;
    if (!advertisement.source.addresses.includes(kind)) continue;
    bits |= allowsAddress(advertisement, kind, address) ? 3 : 2;
    if (blockAround(advertisement, address) !== null) bits |= 4;
  }
  return bits;
}

/** Service and namespace parts of check 6. */
export function selectsService({ source }: Advertisement, service: Labels, namespace: Labels): boolean {
  return matchesAny(source.serviceSelectors, service) && matchesAny(source.namespaceSelectors, namespace);
}

/** What stands for an address that an advertisement does not announce by itself. */
export function coveringPrefix(advertisement: Advertisement, address: Address): Prefix {
  return blockAround(advertisement, address) ?? prefixOf(address, aggregationLength(advertisement, address.family));
}

/** A single address as a prefix. */
export function isHost(prefix: Prefix): boolean {
  return prefix.length === maxLength(prefix.address.family);
}

const NOBODY: readonly string[] = [];
