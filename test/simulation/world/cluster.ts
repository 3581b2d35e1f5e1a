/** The cluster of a world: what the API server holds, and what somebody or something changes about it, by seed. */

import { FAMILIES, type Family } from "../../../src/ip/address.ts";
import { refOf } from "../../../src/objects/check.ts";
import type {
  BFDProfile,
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  EndpointSlice,
  Kind,
  Node,
  ObjectChange,
  Service,
} from "../../../src/objects/kinds.ts";
import { advertisement, cidr, endpoint, ip, node, peer, service, slice } from "../../support/cluster-objects.ts";
import type { Dice } from "../../support/dice.ts";
import { objectKey } from "../../support/naive-planner.ts";
import type { Setting } from "./setting.ts";

const SERVICES = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;
type ServiceName = (typeof SERVICES)[number];
const STATES = ["ready", "ready", "ready", "ready", "serving", "serving terminating", ""] as const;
const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";
const PROFILE: BFDProfile = {
  kind: "BFDProfile",
  metadata: { ...peer("fast").metadata },
  receiveIntervalMillis: 50,
  transmitIntervalMillis: 50,
  detectMultiplier: 3,
  passiveMode: false,
  minimumTtl: 254,
};
const OUT_OF_SERVICE = { key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" };

export class Cluster {
  readonly #objects = new Map<string, ClusterObject>();
  readonly #dice: Dice;
  readonly #setting: Setting;
  #list: readonly ClusterObject[] | null = null;
  #pods = 0;
  /** Told of every change, with words for it. */
  onChange: (changes: readonly ObjectChange[], words: string) => void = () => {};

  constructor(dice: Dice, setting: Setting) {
    this.#dice = dice;
    this.#setting = setting;
    for (const name of setting.nodes) this.#put(this.#node(name));
    for (const { name } of setting.routers) this.#put(this.#peer(name));
    this.#put(PROFILE);
    this.#put(this.#advertisement("all"));
    for (const name of SERVICES.slice(0, 3 + dice.below(SERVICES.length - 2))) for (const object of this.#service(name)) this.#put(object);
  }

  /** The same list until something changes. */
  get objects(): readonly ClusterObject[] {
    this.#list ??= [...this.#objects.values()];
    return this.#list;
  }

  /** One change of one object or two. */
  change(): void {
    const throwOf100 = this.#dice.below(100);
    if (throwOf100 < 45) this.#changeEndpoints();
    else if (throwOf100 < 65) this.#changeService();
    else if (throwOf100 < 77) this.#changeNode();
    else if (throwOf100 < 90) this.#changeAdvertisement();
    else this.#changePeer();
  }

  #changeEndpoints(): void {
    const object = this.#any("EndpointSlice");
    if (object?.kind !== "EndpointSlice") return;
    const endpoints = [...object.endpoints];
    const at = this.#dice.below(endpoints.length + 1);
    if (at === endpoints.length)
      this.#set(`a pod more in ${object.metadata.name}`, { ...object, endpoints: [...endpoints, this.#endpoint(object)] });
    else if (this.#dice.chance(3)) this.#set(`a pod less in ${object.metadata.name}`, { ...object, endpoints: endpoints.toSpliced(at, 1) });
    else this.#set(`a pod of ${object.metadata.name} changes`, { ...object, endpoints: endpoints.with(at, this.#endpoint(object)) });
  }

  #changeService(): void {
    const name = this.#dice.pick(SERVICES);
    const known = this.#objects.get(`Service default/${name}`);
    if (known?.kind !== "Service") {
      this.#set(`service ${name} is made`, ...this.#service(name));
      return;
    }
    switch (this.#dice.below(4)) {
      case 0: {
        const slices = this.objects.filter((object) => object.kind === "EndpointSlice" && object.serviceName === name);
        this.#delete(`service ${name} is deleted`, known, ...slices);
        return;
      }
      case 1:
        this.#set(`service ${name} has other addresses`, { ...known, loadBalancerIPs: this.#addresses(name) });
        return;
      case 2: {
        const local = known.externalTrafficPolicy !== "Local";
        this.#set(`service ${name} is ${local ? "Local" : "Cluster"}`, { ...known, ...this.#policy(name, local) });
        return;
      }
      default:
        this.#set(`service ${name} is being deleted or not`, {
          ...known,
          metadata: { ...known.metadata, deleting: !known.metadata.deleting },
        });
    }
  }

  #changeNode(): void {
    const object = this.#any("Node");
    if (object?.kind !== "Node") return;
    const { name, labels, annotations } = object.metadata;
    const change = this.#dice.pick<readonly [string, Partial<Node>]>([
      [
        "is drained or not",
        { metadata: { ...object.metadata, annotations: annotations["herald.dev/drain"] ? {} : { "herald.dev/drain": "kernel" } } },
      ],
      [
        "is drained or not",
        { metadata: { ...object.metadata, annotations: annotations["herald.dev/drain"] ? {} : { "herald.dev/drain": "kernel" } } },
      ],
      ["is out of service or not", { taints: object.taints.length > 0 ? [] : [OUT_OF_SERVICE] }],
      ["has a network or not", { networkUnavailable: !object.networkUnavailable }],
      ["is excluded or not", { metadata: { ...object.metadata, labels: EXCLUDE in labels ? {} : { [EXCLUDE]: "" } } }],
      ["is ready or not", { ready: !object.ready }],
    ]);
    this.#set(`node ${name} ${change[0]}`, { ...object, ...change[1] });
  }

  #changeAdvertisement(): void {
    const name = this.#dice.pick(["all", "all", "more"]);
    const known = this.#objects.get(`BGPAdvertisement herald-system/${name}`);
    if (known?.kind !== "BGPAdvertisement") this.#set(`advertisement ${name} is made`, this.#advertisement(name));
    else if (this.#dice.chance(6)) this.#delete(`advertisement ${name} is deleted`, known);
    else this.#set(`advertisement ${name} changes`, { ...known, ...this.#wishes() });
  }

  #changePeer(): void {
    const { name } = this.#dice.pick(this.#setting.routers);
    const known = this.#objects.get(`BGPPeer herald-system/${name}`);
    if (known?.kind !== "BGPPeer") {
      this.#set(`peer ${name} is made`, this.#peer(name));
      return;
    }
    const [words, change] = this.#dice.pick<readonly [string, Partial<BGPPeer> | null]>([
      ["has another hold time", { holdTimeSeconds: known.holdTimeSeconds === 30 ? 24 : 30 }],
      ["is down or not", { adminDown: known.adminDown === null ? { reason: "work" } : null }],
      ["has another next hop", { nextHop: { ...known.nextHop, ipv6: known.nextHop.ipv6 === null ? ip("fd00::99") : null } }],
      ["takes calls alone or not", { passive: this.#setting.routersDial && !known.passive }],
      ["is deleted", null],
      ...(this.#setting.limits ? [["takes another number of routes", { announceLimit: this.#limit() }] as const] : []),
    ]);
    // That the last of all peers is held back for a while when they go together is no matter of this world.
    const isLast = !this.objects.some((object) => object.kind === "BGPPeer" && object !== known && object.adminDown === null);
    if (change === null && !isLast) this.#delete(`peer ${name} ${words}`, known);
    else if (change !== null) this.#set(`peer ${name} ${words}`, { ...known, ...change });
  }

  #node(name: string): Node {
    const at = name.slice(1);
    return node(name, { internalIPs: [ip(`10.0.0.${at}`), ip(`fd00::${at}`)] });
  }

  #peer(name: string): BGPPeer {
    const router = this.#setting.routers.find((one) => one.name === name);
    if (router === undefined) throw new Error(`no router ${name}`);
    return peer(name, {
      peerAddress: ip(router.address),
      peerASN: router.asn,
      holdTimeSeconds: this.#dice.pick([24, 30]),
      connectTimeSeconds: 2,
      families: ["IPv4", "IPv6"],
      passive: this.#setting.routersDial && this.#dice.chance(6),
      gracefulRestart: { ...peer(name).gracefulRestart, ...this.#setting.gracefulRestart },
      bfdProfile: this.#setting.bfd ? PROFILE.metadata.name : null,
      announceLimit: this.#setting.limits ? this.#limit() : { ipv4: null, ipv6: null },
    });
  }

  #limit(): BGPPeer["announceLimit"] {
    return { ipv4: this.#dice.pick([1, 2, 4]), ipv6: this.#dice.pick([null, 1, 2]) };
  }

  #advertisement(name: string): BGPAdvertisement {
    return advertisement(name, {
      addresses: name === "all" ? ["LoadBalancerIP", "ClusterIP"] : ["LoadBalancerIP"],
      ...this.#wishes(),
    });
  }

  /** What an advertisement may say otherwise from one moment to the next. */
  #wishes(): Partial<BGPAdvertisement> {
    const dice = this.#dice;
    return {
      communities: dice.some(["65000:1", "65000:2", "no-export"], 2),
      med: dice.pick([null, null, 5]),
      asPathPrepend: dice.pick([0, 0, 2]),
      localPref: dice.pick([null, 200]),
      linkBandwidth:
        this.#setting.weights && dice.chance(2) ? { bytesPerSecondPerEndpoint: 125_000_000, transitive: dice.chance(2) } : null,
      cidrs: dice.chance(5) ? [cidr("203.0.113.0/29"), cidr("2001:db8::/64")] : [],
      peers: dice.chance(6) ? [dice.pick(this.#setting.routers).name] : [],
      aggregationLength: dice.pick([32, 32, 32, 29]),
      endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast", "ServingIfLast"]),
      maxAnnouncers: dice.chance(5) ? 1 + dice.below(2) : null,
    };
  }

  #service(name: ServiceName): ClusterObject[] {
    const dice = this.#dice;
    const made = service(name, {
      metadata: { uid: `${name}${dice.below(1000)}`, creationTimestamp: dice.pick(["", "2026-01-01T00:00:00Z"]) },
      loadBalancerIPs: this.#addresses(name),
      clusterIPs: dice.chance(3) ? [ip(`10.96.0.${1 + SERVICES.indexOf(name)}`)] : [],
      ...this.#policy(name, !dice.chance(3)),
    });
    const families: readonly Family[] = dice.chance(2) ? FAMILIES : ["IPv4"];
    return [
      made,
      ...families.map((addressType) => {
        const empty = slice(`${name}-${addressType.toLowerCase()}`, [], { serviceName: name, addressType });
        return { ...empty, endpoints: Array.from({ length: 1 + dice.below(4) }, () => this.#endpoint(empty)) };
      }),
    ];
  }

  #addresses(name: ServiceName): Service["loadBalancerIPs"] {
    const at = SERVICES.indexOf(name) + 1;
    const dice = this.#dice;
    // Two Services may share one.
    const v4 = [`203.0.113.${at}`, `203.0.113.${dice.chance(6) ? 1 : at + 8}`].slice(0, 1 + dice.below(2));
    return [...v4, ...(dice.chance(2) ? [`2001:db8::${at}`] : [])].map(ip);
  }

  #policy(name: ServiceName, local: boolean): Pick<Service, "externalTrafficPolicy" | "healthCheckNodePort"> {
    if (!local) return { externalTrafficPolicy: "Cluster", healthCheckNodePort: null };
    const port = 30_001 + SERVICES.indexOf(name);
    return { externalTrafficPolicy: "Local", healthCheckNodePort: this.#setting.gate ? port : null };
  }

  #endpoint({ addressType }: EndpointSlice) {
    const host = ++this.#pods;
    const on = this.#dice.pick(this.#setting.nodes);
    return endpoint(
      addressType === "IPv6" ? `fd00:1::${host.toString(16)}` : `10.1.${host >> 8}.${host & 255}`,
      on,
      this.#dice.pick(STATES),
    );
  }

  #any(kind: Kind): ClusterObject | undefined {
    return this.#dice.any(this.objects.filter((object) => object.kind === kind));
  }

  #put(object: ClusterObject): void {
    this.#list = null;
    this.#objects.set(keyOf(object), object);
  }

  #set(words: string, ...objects: readonly ClusterObject[]): void {
    for (const object of objects) this.#put(object);
    this.onChange(
      objects.map((object) => ({ type: "set", object })),
      words,
    );
  }

  #delete(words: string, ...objects: readonly ClusterObject[]): void {
    this.#list = null;
    for (const object of objects) this.#objects.delete(keyOf(object));
    this.onChange(
      objects.map((object) => ({ type: "delete", ref: refOf(object), resourceVersion: "" })),
      words,
    );
  }
}

/** Names an object among those of all kinds. */
export function keyOf(object: ClusterObject): string {
  return objectKey(refOf(object));
}
