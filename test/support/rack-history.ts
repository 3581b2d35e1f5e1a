/**
 * A seeded history of a cluster on eight nodes: endpoints come and go, policies flip, advertisements, peers and nodes change, Services are added and removed.
 * Services live on islands: no address, aggregate or block reaches from one to another, so what a planner says of each island alone is what it says of the
 * whole cluster.
 */

import type { ClusterObject } from "../../src/objects/kinds.ts";
import { Dice } from "./dice.ts";
import { type RawEndpoint, type RawObject, type RawServiceSpec, rawNode, rawOwn, rawService, rawSlice } from "./lab/objects.ts";
import { check } from "./raw-objects.ts";

type Family = "IPv4" | "IPv6";

/** What one step did, in words, and what it touched. */
export interface Step {
  readonly what: string;
  /** Islands whose Services changed; null = something that concerns all of them. */
  readonly islands: readonly number[] | null;
  /** Files whose contents changed. */
  readonly files: readonly string[];
}

interface Member {
  readonly name: string;
  readonly addresses: Pick<RawServiceSpec, "clusterIPs" | "loadBalancerIPs">;
  readonly families: readonly Family[];
  tier: string;
  policy: "Cluster" | "Local";
  pods: readonly Pod[];
}

interface Pod {
  readonly number: number;
  readonly node: string | null;
  readonly state: "ready" | "serving" | "terminating" | "starting";
}

interface Item {
  readonly raw: RawObject;
  readonly object: ClusterObject;
}

interface PeerState {
  readonly spec: RawObject;
  readonly nextHop: Readonly<Record<"ipv4" | "ipv6", string | null>>;
}

export const NODES = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"] as const;
export const ROUTER = { IPv4: "10.88.0.1", IPv6: "fd88::1" } as const;
const RACKS = ["r0", "r1", "r2", "r3"] as const;
const TIERS = ["gold", "tin", "plain", "wide"] as const;
const COMMUNITIES = ["65000:1", "65000:2", "65000:300", "65001:65535", "large:65000:1:2", "large:4200000000:7:7"] as const;
const STATES = ["ready", "ready", "ready", "ready", "serving", "terminating", "starting"] as const;
const COMMON = "common.json";
const ISLANDS_PER_FILE = 2;

/** The address of a node, its session's own and the next hop of its routes. */
export function nodeAddress(node: string, family: Family): string {
  const host = 11 + NODES.findIndex((name) => name === node);
  return family === "IPv4" ? `10.88.0.${host}` : `fd88::${host}`;
}

/** The island a prefix lies on. */
export function islandOf(prefix: string): number {
  const [, v4, v6] = /^(?:198\.18\.|10\.96\.)(\d+)\.|^2001:db8:([0-9a-f]+):/.exec(prefix) ?? [];
  return v4 === undefined ? Number.parseInt(v6 ?? "", 16) - 0x100 : Number(v4);
}

function networkOf(island: number): string {
  // No zeros in front: the text is to be the canonical one.
  return `2001:db8:${(0x100 + island).toString(16)}::`;
}

export class RackHistory {
  readonly #dice: Dice;
  readonly #islands: Member[][];
  readonly #nodes = new Map<string, { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }>();
  readonly #advertisements = new Map<string, RawObject>();
  readonly #peers = new Map<string, PeerState>();
  readonly #services = new Map<number, readonly Item[]>();
  #common: readonly Item[] = [];
  #names = 0;

  constructor(seed: number, islands: number, perIsland: number) {
    this.#dice = new Dice(seed);
    NODES.forEach((name, index) => {
      this.#nodes.set(name, { labels: { rack: RACKS[index >> 1] ?? "" }, annotations: {} });
    });
    this.#peers.set("tor", { spec: { peerAddress: ROUTER.IPv4, families: ["IPv4", "IPv6"] }, nextHop: { ipv4: null, ipv6: null } });
    this.#peers.set("tor6", { spec: { peerAddress: ROUTER.IPv6, families: ["IPv6"] }, nextHop: { ipv4: null, ipv6: null } });
    const tiers = (...values: string[]): RawObject => ({
      serviceSelectors: [{ matchExpressions: [{ key: "tier", operator: "In", values }] }],
    });
    this.#advertisements.set("all", { ...tiers("gold", "tin", "plain"), communities: ["65000:1"] });
    this.#advertisements.set("gold", {
      ...tiers("gold"),
      communities: ["65000:100", "large:65000:1:1"],
      linkBandwidth: { perEndpoint: "1G" },
    });
    this.#advertisements.set("wide", { ...tiers("wide"), aggregationLength: 28, aggregationLengthV6: 124 });
    this.#advertisements.set("cluster", { ...tiers("gold", "tin"), addresses: ["ClusterIP"], peers: ["tor"], med: 5 });
    this.#advertisements.set("blocks", { ...tiers("none"), blocks: ["198.18.3.0/26", `${networkOf(4)}/120`] });
    this.#islands = Array.from({ length: islands }, () => []);
    this.#islands.forEach((members, island) => {
      for (let i = 0; i < perIsland; i++) members.push(this.#newMember(island));
    });
    this.#renewCommon();
    for (let island = 0; island < islands; island++) this.#renewIsland(island);
  }

  get serviceCount(): number {
    return this.#islands.reduce((sum, members) => sum + members.length, 0);
  }

  /** Every file of the directory. */
  get files(): readonly string[] {
    return [COMMON, ...Array.from({ length: Math.ceil(this.#islands.length / ISLANDS_PER_FILE) }, (_, i) => `services-${i}.json`)];
  }

  /** What a file holds now. */
  contents(file: string): readonly RawObject[] {
    if (file === COMMON) return this.#common.map(({ raw }) => raw);
    const first = Number(/\d+/.exec(file)?.[0]) * ISLANDS_PER_FILE;
    const islands = Array.from({ length: ISLANDS_PER_FILE }, (_, i) => this.#services.get(first + i) ?? []);
    return islands.flat().map(({ raw }) => raw);
  }

  /** Nodes, peers and advertisements, with the Services of the islands. */
  objects(islands: readonly number[]): readonly ClusterObject[] {
    return [...this.#common, ...islands.flatMap((island) => this.#services.get(island) ?? [])].map(({ object }) => object);
  }

  /** The fixed next hop of a peer, where one is set. */
  fixedNextHop(peer: string, family: Family): string | null {
    return this.#peers.get(peer)?.nextHop[family === "IPv4" ? "ipv4" : "ipv6"] ?? null;
  }

  /** One step on. */
  next(): Step {
    const dice = this.#dice.below(100);
    // What concerns every Service is rare: the naive planner needs seconds for it.
    if (dice < 92) return this.#changeServices(dice);
    const what = dice < 95 ? this.#changeNode() : dice < 99 ? this.#changeAdvertisement() : this.#changePeer();
    this.#renewCommon();
    return { what, islands: null, files: [COMMON] };
  }

  /** 1 in 4 islands is dual-stack, 1 Service in 8 has a ClusterIP announced, 1 in 12 shares the address of another. */
  #newMember(island: number): Member {
    const dice = this.#dice;
    const number = this.#names++;
    // 250 Services of an island get addresses of their own, one after the other.
    const host = (number % 250) + 1;
    const shared = dice.chance(12) ? this.#islands[island]?.[0]?.addresses.loadBalancerIPs : undefined;
    const dual = island % 4 === 0;
    const own = [`198.18.${island}.${host}`, ...(dual ? [`${networkOf(island)}${host.toString(16)}`] : [])];
    return {
      name: `service-${number}`,
      addresses: { loadBalancerIPs: shared ?? own, clusterIPs: dice.chance(8) ? [`10.96.${island}.${host}`] : [] },
      families: dual ? ["IPv4", "IPv6"] : ["IPv4"],
      tier: dice.pick(TIERS),
      policy: dice.chance(7) ? "Cluster" : "Local",
      pods: this.#newPods(),
    };
  }

  #newPods(): readonly Pod[] {
    return Array.from({ length: this.#dice.below(4) }, (_, number) => this.#newPod(number));
  }

  #newPod(number: number): Pod {
    const state = this.#dice.pick(STATES);
    return { number, node: this.#dice.chance(20) ? null : this.#dice.pick(NODES), state };
  }

  #changeServices(dice: number): Step {
    const touched = new Set<number>();
    const words: string[] = [];
    for (let count = 1 + this.#dice.below(3); count > 0; count--) {
      const island = this.#dice.below(this.#islands.length);
      const members = this.#islands[island] ?? [];
      const index = this.#dice.below(members.length);
      const member = members[index];
      touched.add(island);
      if (member === undefined || (dice >= 76 && dice < 80)) {
        const added = this.#newMember(island);
        members.push(added);
        words.push(`${added.name} is added`);
      } else words.push(`${member.name} ${this.#changeMember(dice, member, members, index)}`);
    }
    for (const island of touched) this.#renewIsland(island);
    const files = new Set([...touched].map((island) => `services-${Math.floor(island / ISLANDS_PER_FILE)}.json`));
    return { what: words.join(", "), islands: [...touched], files: [...files] };
  }

  #changeMember(dice: number, member: Member, members: Member[], index: number): string {
    if (dice < 64) {
      const { pods } = member;
      const victim = this.#dice.below(pods.length + 1);
      const number = Math.max(-1, ...pods.map((pod) => pod.number)) + 1;
      if (victim === pods.length || this.#dice.chance(4)) member.pods = [...pods, this.#newPod(number)].slice(-5);
      else if (this.#dice.chance(2)) member.pods = pods.filter((_, i) => i !== victim);
      else member.pods = pods.map((pod, i) => (i === victim ? this.#newPod(pod.number) : pod));
      return `has pods ${member.pods.map(({ node, state }) => `${node}:${state}`).join(" ")}`;
    }
    if (dice < 76) {
      member.policy = member.policy === "Local" ? "Cluster" : "Local";
      return `turns ${member.policy}`;
    }
    if (dice < 84) {
      members.splice(index, 1);
      return "is removed";
    }
    member.tier = this.#dice.pick(TIERS);
    return `turns ${member.tier}`;
  }

  #changeNode(): string {
    const name = this.#dice.pick(NODES);
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    const { labels, annotations } = node;
    const key = this.#dice.pick(["herald.dev/drain", "node.kubernetes.io/exclude-from-external-load-balancers", "rack"]);
    const from = key === "herald.dev/drain" ? annotations : labels;
    if (key === "rack") from[key] = this.#dice.pick(RACKS);
    else if (from[key] === undefined) from[key] = "kernel update";
    else delete from[key];
    return `node ${name}: ${key} is ${from[key] ?? "gone"}`;
  }

  #changeAdvertisement(): string {
    const dice = this.#dice;
    const name = dice.pick(["all", "gold", "wide", "cluster", "blocks"]);
    const changes = dice.pick<RawObject>([
      { communities: [dice.pick(COMMUNITIES), dice.pick(COMMUNITIES)] },
      { med: dice.below(3) },
      { med: undefined },
      { asPathPrepend: dice.below(3) },
      { linkBandwidth: { perEndpoint: dice.pick(["1G", "400M"]), transitive: dice.chance(2) } },
      { linkBandwidth: undefined },
      { nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "NotIn", values: [dice.pick(RACKS)] }] }] },
      { nodeSelectors: undefined },
      { peers: [dice.pick(["tor", "tor6"])] },
      { peers: undefined },
      { endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast"]) },
      name === "wide" ? { aggregationLength: dice.pick([24, 28, 30, 32]), aggregationLengthV6: dice.pick([120, 126, 128]) } : { med: 7 },
      name === "blocks" ? { blocks: [`198.18.${dice.below(this.#islands.length)}.0/${dice.pick([24, 26, 32])}`] } : { med: 9 },
    ]);
    const before = this.#advertisements.get(name);
    const after = { ...before, ...changes };
    // It has that already: another throw.
    if (JSON.stringify(before) === JSON.stringify(after)) return this.#changeAdvertisement();
    this.#advertisements.set(name, after);
    return `advertisement ${name}: ${Object.entries(changes).map(([field, value]) => `${field} ${JSON.stringify(value) ?? "unset"}`)}`;
  }

  #changePeer(): string {
    const name = this.#dice.pick(["tor", "tor6"]);
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`no peer ${name}`);
    const nextHop = {
      ipv4: this.#dice.chance(2) ? "10.88.0.99" : null,
      ipv6: this.#dice.chance(2) ? "fd88::99" : null,
    };
    if (JSON.stringify(peer.nextHop) === JSON.stringify(nextHop)) return this.#changePeer();
    this.#peers.set(name, { ...peer, nextHop });
    return `peer ${name}: next hops ${JSON.stringify(nextHop)}`;
  }

  #renewCommon(): void {
    this.#common = [
      ...[...this.#nodes].map(([name, node]) =>
        rawNode(name, { addresses: [nodeAddress(name, "IPv4"), nodeAddress(name, "IPv6")], ...node }),
      ),
      ...[...this.#advertisements].map(([name, spec]) => rawOwn("BGPAdvertisement", name, spec)),
      ...[...this.#peers].map(([name, { spec, nextHop }]) => {
        const set = Object.fromEntries(Object.entries(nextHop).filter(([, address]) => address !== null));
        return rawOwn("BGPPeer", name, { myASN: 65001, peerASN: 65000, ...spec, nextHop: set });
      }),
    ].map(itemOf);
  }

  #renewIsland(island: number): void {
    const items = (this.#islands[island] ?? []).flatMap(({ name, addresses, families, tier, policy, pods }) => [
      rawService({ name, labels: { tier }, policy, ...addresses }),
      ...families.map((family) =>
        rawSlice(
          name,
          family,
          pods.map((pod) => endpointOf(pod, family)),
        ),
      ),
    ]);
    this.#services.set(island, items.map(itemOf));
  }
}

function endpointOf({ number, node, state }: Pod, family: Family): RawEndpoint {
  return {
    address: family === "IPv4" ? `10.244.0.${number + 1}` : `fd44::${(number + 1).toString(16)}`,
    node,
    ready: state === "ready",
    serving: state === "ready" || state === "serving" || state === "terminating",
    terminating: state === "terminating",
  };
}

function itemOf(raw: RawObject): Item {
  // Through JSON, as the directory gives it to the speakers.
  const checked = check(JSON.parse(JSON.stringify(raw)));
  if (checked.result !== "object") throw new Error(`refused: ${JSON.stringify(checked.result === "refused" ? checked.findings : raw)}`);
  return { raw, object: checked.object };
}
