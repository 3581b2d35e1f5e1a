/** What routers should hold: the naive planner, asked about the cluster as it is, or as one speaker knows it. */

import { formatAddress } from "../../../src/ip/format.ts";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { naivePlan } from "../../support/naive-planner.ts";
import { expectedPath } from "./path-words.ts";
import { NODE_ASN, type Setting } from "./setting.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** `router prefix` → the path in words. */
export type Wanted = ReadonlyMap<string, string>;

/** The last clusters that were asked about: what a speaker knows is mostly the cluster as it was a moment ago. */
const REMEMBERED = 32;

export class Oracle {
  readonly #setting: Setting;
  readonly #ids = new WeakMap<ClusterObject, number>();
  readonly #answers = new Map<string, Wanted>();
  /** The same by the list itself: most are asked about many times. */
  readonly #ofLists = new WeakMap<readonly ClusterObject[], Map<string, Wanted>>();
  readonly #undrained = new WeakMap<ClusterObject, ClusterObject>();
  /** There are few different ones. */
  readonly #paths = new Map<string, string>();
  #next = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** What the speaker of the node has to announce, if the cluster holds these objects. */
  wanted(node: SimulatedNode, objects: readonly ClusterObject[]): Wanted {
    return this.#ask(node, objects, node.drainedByHand);
  }

  /** The same if nothing drained the node. */
  undrained(node: SimulatedNode, objects: readonly ClusterObject[]): Wanted {
    return this.#ask(node, isDrainedIn(node, objects) ? objects.map((object) => this.#withoutDrain(node, object)) : objects, false);
  }

  #ask(node: SimulatedNode, objects: readonly ClusterObject[], byHand: boolean): Wanted {
    const who = `${node.name} ${node.powered} ${byHand}`;
    const ofList = this.#ofLists.get(objects) ?? new Map<string, Wanted>();
    this.#ofLists.set(objects, ofList);
    const wanted = ofList.get(who) ?? this.#answer(node, objects, byHand, who);
    ofList.set(who, wanted);
    return wanted;
  }

  #answer(node: SimulatedNode, objects: readonly ClusterObject[], byHand: boolean, who: string): Wanted {
    const key = `${who} ${objects
      .map((object) => this.#idOf(object))
      .sort((a, b) => a - b)
      .join(" ")}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const wanted = wantedOf(node, objects, byHand, this.#setting, this.#paths);
    this.#answers.set(key, wanted);
    if (this.#answers.size > REMEMBERED * this.#setting.nodes.length) {
      const [oldest] = this.#answers.keys();
      if (oldest !== undefined) this.#answers.delete(oldest);
    }
    return wanted;
  }

  /** The same value for the same object: it is known again. */
  #withoutDrain({ name }: SimulatedNode, object: ClusterObject): ClusterObject {
    if (object.kind !== "Node" || object.metadata.name !== name) return object;
    const known = this.#undrained.get(object) ?? { ...object, taints: [], metadata: { ...object.metadata, annotations: {} } };
    this.#undrained.set(object, known);
    return known;
  }

  #idOf(object: ClusterObject): number {
    const known = this.#ids.get(object) ?? this.#next++;
    this.#ids.set(object, known);
    return known;
  }
}

/** Its Node object says that it is drained. */
export function isDrainedIn({ name, config }: SimulatedNode, objects: readonly ClusterObject[]): boolean {
  const { annotation, taints } = config.drain.on;
  return objects.some(
    (object) =>
      object.kind === "Node" &&
      object.metadata.name === name &&
      ((annotation && "herald.dev/drain" in object.metadata.annotations) || object.taints.some(({ key }) => taints.includes(key))),
  );
}

/** Every gate open, nothing held down, no weight that waits: where nothing changes for long enough it is just what is announced. */
function wantedOf(
  node: SimulatedNode,
  objects: readonly ClusterObject[],
  byHand: boolean,
  setting: Setting,
  paths: Map<string, string>,
): Wanted {
  if (!node.powered) return new Map();
  const nextHops = new Map<string, Readonly<Record<"IPv4" | "IPv6", string>>>();
  for (const object of objects) {
    // Without a session nothing is announced.
    if (object.kind !== "BGPPeer" || object.adminDown !== null) continue;
    const { ipv4, ipv6 } = object.nextHop;
    nextHops.set(object.metadata.name, {
      IPv4: ipv4 === null ? node.host.text : formatAddress(ipv4),
      IPv6: ipv6 === null ? `fd00::${node.name.slice(1)}` : formatAddress(ipv6),
    });
  }
  const wanted = new Map<string, string>();
  for (const [key, json] of naivePlan(objects, byHand ? [{ name: "drain", reason: "by hand" }] : [], node.plannerOptions).routes) {
    const [router = "", prefix = ""] = key.split(" ");
    const family = prefix.includes(":") ? "IPv6" : "IPv4";
    const asn = setting.routers.find(({ name }) => name === router)?.asn;
    const nextHop = nextHops.get(router)?.[family];
    if (nextHop === undefined) continue;
    const ibgp = asn === NODE_ASN;
    const path = `${nextHop} ${ibgp} ${json}`;
    const words = paths.get(path) ?? expectedPath(json, { nextHop, asn: NODE_ASN, ibgp });
    paths.set(path, words);
    wanted.set(key, words);
  }
  return wanted;
}
