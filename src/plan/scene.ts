/** Everything about one node that its decisions depend on besides the Service itself; rebuilt when any of it changes. */

import type { Address, Family } from "../ip/address.ts";
import { maxLength, type Prefix, prefixOf } from "../ip/prefix.ts";
import type { AddressKind, Finding, Service } from "../objects/kinds.ts";
import { type Advertisement, aggregationLength, allowsAddress, blockAround } from "./advertisement.ts";
import { type Contribution, contributionOf, type Share, type WishPool } from "./announcement.ts";
import { isChosen, nodesWithPlace } from "./announcers.ts";
import type { PlannerOptions } from "./change.ts";
import type { Leaving } from "./drain-phase.ts";
import { countedBy, endpointsOn, judgeEndpoints } from "./endpoints.ts";
import { type HealthGates, isGated } from "./health-gates.ts";
import type { Inventory } from "./inventory.ts";
import { type Circumstances, type Decision, Judge, refusal } from "./judge.ts";
import type { NodeObstacle } from "./node-checks.ts";
import { wasPast } from "./past-gates.ts";
import type { PeerVerdict } from "./peers.ts";
import type { ProxyState } from "./proxy-gate.ts";
import { type Labels, matchesAny, namespaceLabels, serviceLabels } from "./selectors.ts";
import { isLocalOnly, isWeightOne, type Mode, modeOf, serviceObstacle } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import type { Sharing } from "./sharing.ts";

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
  /** The node is drained, and its grace period is not over: `obstacle` is not in force yet. */
  readonly leaving: Leaving | null;
  readonly mayAnnounce: (node: string) => boolean;
  readonly pool: WishPool;
  /** Check 12a, and the latches of 12b. */
  readonly proxy: ProxyState;
  readonly gates: HealthGates;
}

type Blocks = ReadonlyMap<string, { readonly prefix: Prefix; readonly contribution: Contribution }>;

/** One Service on the way through its decisions. */
export interface Question {
  readonly entry: ServiceEntry;
  readonly service: Service;
  /** Advertisements that pass check 6 here, by name. */
  readonly matching: readonly Advertisement[];
  /** For a run over the Service's addresses: neighbours that the same advertisements allow get the same answer. */
  readonly memo: Memo | null;
  /** Advertisements that select the Service, whatever the node; looked for when asked for. */
  anywhere?: readonly Advertisement[];
}

export class Scene {
  readonly parts: SceneParts;
  readonly judge: Judge;
  /** Some advertisement in force stands for more than single addresses. */
  readonly covers: boolean;
  /** What blocks want, by prefix. */
  readonly blocks: Blocks;
  /** Those of a single address, by address: they meet the Services' own wishes. */
  readonly hostBlocks: Blocks;
  readonly #nextHopKeys: ReadonlySet<string>;
  readonly #places = new Map<Advertisement, ReadonlySet<string>>();

  /** @param before the scene until now: what it let past check 12a stays past it. */
  constructor(parts: SceneParts, before: Scene | null) {
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
    const blocks = this.#blockContributions(before);
    this.blocks = new Map([...blocks].filter(([, { prefix }]) => !isHost(prefix)));
    this.hostBlocks = new Map(
      [...blocks.values()].filter(({ prefix }) => isHost(prefix)).map((block) => [block.prefix.address.key, block]),
    );
  }

  /** Where this node's proxy is asked about a family; null = the Node has no such address. */
  internalIP(family: Family): Address | null {
    const node = this.parts.inventory.nodes.get(this.parts.options.node);
    return node?.internalIPs.find((address) => address.family === family) ?? null;
  }

  /** Nodes that may hold a place of an advertisement that limits their number (check 14). */
  placesOf(advertisement: Advertisement): ReadonlySet<string> {
    let places = this.#places.get(advertisement);
    if (places === undefined) {
      const { inventory, options } = this.parts;
      places = nodesWithPlace(advertisement, inventory.nodes.values(), [...inventory.peers.values()], options);
      this.#places.set(advertisement, places);
    }
    return places;
  }

  /** Those of them that pass check 11 for the address: among these the rank decides. */
  candidatesFor({ entry, service }: Question, kind: AddressKind, address: Address, advertisement: Advertisement, sharing: Sharing | null) {
    const places = this.placesOf(advertisement);
    const { endpointPolicy, withoutEndpoints } = advertisement.source;
    const digest = entry.digest(address.family);
    const counted = countedBy(digest, endpointPolicy, this.parts.mayAnnounce);
    const localOnly = isLocalOnly(service, kind);
    const passes = (node: string) => judgeEndpoints(digest, counted, withoutEndpoints, localOnly, node) === "";
    // Of a thousand nodes three may have endpoints; without the policy all or none pass.
    const named = localOnly && digest[counted] > 0 ? digest.nodes.map(({ node }) => node).filter((node) => places.has(node)) : [...places];
    const passing = localOnly ? named.filter(passes) : passes(this.parts.options.node) ? named : [];
    return sharing === null ? passing : passing.filter((node) => !sharing.blocksNode(node));
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
    return { kind: "ClusterIP", family: "IPv4", allowing: -1, past: undefined, decision: null };
  }

  /**
   * Checks 3 to 15 for one address.
   * @param sharing where several Services have the address.
   * @param previous decision about the same address, if there was one: a gate withdraws nothing.
   * @throws {Error} for an index that is not there (a bug).
   */
  decide(question: Question, index: number, sharing: Sharing | null, previous: Decision | undefined): Decision {
    const { entry, service, matching, memo } = question;
    const address = entry.addresses.addresses[index];
    if (address === undefined) throw new Error(`${entry.key} has no address ${index}`);
    const kind = kindAt(entry.addresses, index);
    const obstacle = serviceObstacle(service, kind, this.parts.options);
    if (obstacle !== null) return refusal(obstacle);
    const decide = () => this.judge.decide(this.#circumstances(question, kind, address, sharing, previous));
    if (memo === null || matching.length > MOST_IN_MEMO || this.#nextHopKeys.has(address.key)) return decide();
    if (matching.some(({ source }) => source.maxAnnouncers !== null)) return decide();
    const allowing = allowanceOf(matching, kind, address);
    const past = this.parts.proxy.probed ? previous : undefined;
    const isSame = memo.allowing === allowing && memo.kind === kind && memo.family === address.family && memo.past === past;
    if (memo.decision !== null && isSame) return memo.decision;
    memo.decision = decide();
    memo.allowing = allowing;
    memo.kind = kind;
    memo.family = address.family;
    memo.past = past;
    return memo.decision;
  }

  #circumstances(
    question: Question,
    kind: AddressKind,
    address: Address,
    sharing: Sharing | null,
    previous: Decision | undefined,
  ): Circumstances {
    const { entry, service, matching } = question;
    const { family } = address;
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
      modes.push(modeOf(advertisement, family, localOnly, blockAround(advertisement, address) !== null));
    }
    const { options, proxy } = this.parts;
    const isBeyond = (advertisement: Advertisement) => {
      const { maxAnnouncers } = advertisement.source;
      if (maxAnnouncers === null) return false;
      const candidates = this.candidatesFor(question, kind, address, advertisement, sharing);
      return !candidates.includes(options.node) || !isChosen(candidates, options.node, address, maxAnnouncers);
    };
    return {
      family,
      advertisements,
      notAllowed,
      localOnly,
      weightOne: isWeightOne(service, kind),
      digest: entry.digest(family),
      modes,
      shut: proxy.probed
        ? advertisements.map((one) => this.#isShut(one, advertisements, entry, service, localOnly, family, previous))
        : NEVER,
      beyond: advertisements.map(isBeyond),
      barred: this.barredFor(address),
      blocked: sharing?.blocksNode(options.node) ?? false,
    };
  }

  /** Check 12. */
  #isShut(
    advertisement: Advertisement,
    asking: readonly Advertisement[],
    entry: ServiceEntry,
    service: Service,
    localOnly: boolean,
    family: Family,
    previous: Decision | undefined,
  ): boolean {
    const { proxy, gates, options, peers } = this.parts;
    if (!isGated(advertisement, proxy)) return false;
    const mode = advertisement.source.dataplaneGate;
    const passed =
      previous !== undefined &&
      (wasPast(advertisement, asking, previous.host, peers) || wasPast(advertisement, asking, previous.covering, peers));
    if (proxy.shut[mode] && !passed) return true;
    if (!localOnly || service.externalTrafficPolicy !== "Local") return false;
    const latch = gates.latch(entry, family);
    if (latch === null || latch.open !== null || (mode === "Prefer" && latch.openBySilence)) return false;
    if (passed && !latch.isNew) return false;
    // The proxy counts ready endpoints alone: of terminating ones it has nothing to say.
    return endpointsOn(entry.digest(family), options.node).ready > 0;
  }

  /** Peers for which the address would be its own next hop. */
  barredFor(address: Address): readonly string[] {
    if (!this.#nextHopKeys.has(address.key)) return NOBODY;
    return this.parts.peers.filter(({ nextHop }) => nextHop[address.family].address?.key === address.key).map(({ name }) => name);
  }

  #blockContributions(before: Scene | null): Blocks {
    const wanted = new Map<string, { prefix: Prefix; advertisements: Advertisement[] }>();
    for (const advertisement of this.parts.advertisements) {
      if (!advertisement.selectsNode) continue;
      for (const prefix of advertisement.source.blocks) {
        const known = wanted.get(prefix.key);
        if (known === undefined) wanted.set(prefix.key, { prefix, advertisements: [advertisement] });
        else if (!known.advertisements.includes(advertisement)) known.advertisements.push(advertisement);
      }
    }
    return new Map(
      [...wanted].map(([key, { prefix, advertisements }]) => {
        const barred = isHost(prefix) ? this.barredFor(prefix.address) : NOBODY;
        const previous = before?.blocks.get(key) ?? (isHost(prefix) ? before?.hostBlocks.get(prefix.address.key) : undefined);
        const shares = advertisements.map((advertisement): Share => {
          const eligible = this.parts.obstacle === null && !this.#isBlockShut(advertisement, advertisements, previous?.contribution);
          // Every node announces a block: there is always another one.
          return { advertisement, eligible, beyond: false, elsewhere: true, weight: null, barred };
        });
        return [key, { prefix, contribution: contributionOf(shares) }];
      }),
    );
  }

  /** Check 12a for a block. */
  #isBlockShut(advertisement: Advertisement, asking: readonly Advertisement[], before: Contribution | undefined): boolean {
    const { proxy, peers } = this.parts;
    if (!isGated(advertisement, proxy) || !proxy.shut[advertisement.source.dataplaneGate]) return false;
    return !wasPast(advertisement, asking, before?.shares ?? [], peers);
  }
}

const NEVER: readonly boolean[] = [];

/** The last answer. */
export interface Memo {
  kind: AddressKind;
  family: Address["family"];
  allowing: number;
  /** The decision before, where it matters. */
  past: Decision | undefined;
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
