/** What decided, in words: the object, its field and value, and a sentence. One function per check, shared by lists, timeline and explain. */

import type { Address } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import type { JointAddresses } from "./joint-addresses.ts";
import type { Outlet } from "./outlet.ts";
import type { PeerVerdict } from "./peers.ts";
import type { ReasonCode } from "./reasons.ts";
import { type Scene, selectsService } from "./scene.ts";
import { matchesAny, namespaceLabels, serviceLabels } from "./selectors.ts";
import { PROXY_LABEL } from "./service-checks.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** Where and when words are about. */
export interface Situation {
  readonly scene: Scene;
  readonly outlet: Outlet;
  readonly joint: Pick<JointAddresses, "wanted" | "shares" | "values" | "sharing" | "lackingOn">;
  /** The time fact; null = none was stated. */
  readonly nowMillis: number | null;
}

/** One address of a Service. */
export interface Subject {
  readonly entry: ServiceEntry;
  readonly service: Service;
  readonly address: Address;
  readonly kind: AddressKind;
}

/** An advertisement and a peer, as far as they are there. */
export interface Pair {
  readonly advertisement: Advertisement | null;
  /** null = its node selectors do not match this node, or there is none. */
  readonly peer: PeerVerdict | null;
  readonly name: string | null;
}

export interface Words {
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
  readonly field: string;
  readonly value: string;
  readonly text: string;
}

/** Checks 1 to 4. */
export function serviceWords(service: Service, scene: Scene, reason: ReasonCode | null): Words {
  const { namespace, name } = service.metadata;
  const object = { kind: "Service", namespace, name };
  const at = `Service ${namespace}/${name}`;
  const { loadBalancerClass, serviceProxyName } = scene.parts.options;
  if (reason === "foreignProxy") {
    const value = service.metadata.labels[PROXY_LABEL] ?? "";
    const ours = serviceProxyName === "" ? "" : `, ours is "${serviceProxyName}"`;
    return { object, field: `metadata.labels[${PROXY_LABEL}]`, value, text: `${at} is served by the proxy "${value}"${ours}` };
  }
  if (reason === "loadBalancerClassMismatch") {
    const value = service.loadBalancerClass ?? "";
    const ours = loadBalancerClass === "" ? "we have none" : `ours is "${loadBalancerClass}"`;
    return { object, field: "spec.loadBalancerClass", value, text: `${at} has loadBalancerClass "${value}", ${ours}` };
  }
  if (service.metadata.deleting) return { object, field: "metadata.deletionTimestamp", value: "", text: `${at} is being deleted` };
  if (service.type === "ExternalName")
    return { object, field: "spec.type", value: service.type, text: `${at} is an ExternalName: no proxy programs it` };
  if (service.headless) return { object, field: "spec.clusterIP", value: "None", text: `${at} is headless: no proxy programs it` };
  const waits = service.type === "LoadBalancer" ? ": nobody has allocated one that a proxy programs" : "";
  return { object, field: "status.loadBalancer.ingress", value: "", text: `${at} has no address${waits}` };
}

/** Checks 5 and 6, when no advertisement passes them: the one that gets furthest, by name. */
export function unmatchedWords(scene: Scene, entry: ServiceEntry, service: Service, kind: AddressKind): Words {
  const { advertisements, notInForce } = scene.parts;
  const idle = notInForce.length === 0 ? "" : ` (not in force: ${notInForce.join(", ")})`;
  if (advertisements.length === 0) return { object: null, field: "", value: "", text: `there is no advertisement in force${idle}` };
  const asking = advertisements.filter(({ source }) => source.addresses.includes(kind));
  const [first] = asking;
  if (first === undefined)
    return { object: null, field: "spec.addresses", value: kind, text: `no advertisement asks for addresses of kind ${kind}${idle}` };
  const words = selectorWords(scene, entry, service, first);
  const others = asking.length === 1 ? "" : `, and none of ${asking.length - 1} others does`;
  return { ...words, text: `${words.text}${others}${idle}` };
}

/** Which selectors of check 6 do not match, or that all do. */
export function selectorWords(scene: Scene, entry: ServiceEntry, service: Service, advertisement: Advertisement): Words {
  const { source, name } = advertisement;
  const object = refOf(advertisement);
  const services = serviceLabels(service);
  const namespaces = namespaceLabels(entry.namespace, scene.parts.inventory.namespace(entry.namespace));
  if (!matchesAny(source.serviceSelectors, services)) {
    return { object, field: "spec.serviceSelectors", value: "", text: `advertisement ${name} does not select Service ${entry.key}` };
  }
  if (!matchesAny(source.namespaceSelectors, namespaces)) {
    return {
      object,
      field: "spec.namespaceSelectors",
      value: "",
      text: `advertisement ${name} does not select namespace ${entry.namespace}`,
    };
  }
  if (!advertisement.selectsNode) {
    return {
      object,
      field: "spec.nodeSelectors",
      value: "",
      text: `advertisement ${name} does not select node ${scene.parts.options.node}`,
    };
  }
  return { object, field: "", value: "", text: `advertisement ${name} selects Service, namespace and node` };
}

/** True when all of check 6 passes. */
export function passesSelectors(scene: Scene, entry: ServiceEntry, service: Service, advertisement: Advertisement): boolean {
  const namespaces = namespaceLabels(entry.namespace, scene.parts.inventory.namespace(entry.namespace));
  return advertisement.selectsNode && selectsService(advertisement, serviceLabels(service), namespaces);
}

/** Check 7. */
export function cidrWords(advertisement: Advertisement, kind: AddressKind, address: Address, passes: boolean): Words {
  const object = refOf(advertisement);
  const value = formatAddress(address);
  const { cidrs, ipAddressPools, ipAddressPoolSelectors } = advertisement.source;
  const field =
    ipAddressPools.length > 0 ? "spec.ipAddressPools" : ipAddressPoolSelectors.length > 0 ? "spec.ipAddressPoolSelectors" : "spec.cidrs";
  if (!advertisement.limited) {
    if (passes) return { object, field: "spec.cidrs", value, text: `advertisement ${advertisement.name} allows every ${kind}` };
    const text = `advertisement ${advertisement.name} has no cidrs, and an externalIP, which any author of a Service can write, needs one`;
    return { object, field: "spec.cidrs", value, text };
  }
  const ranges = [...cidrs.map(formatPrefix), ...advertisement.pools.map((pool) => `pool ${pool.metadata.name}`)];
  const where = ranges.length === 0 ? "its pools, which do not exist" : ranges.slice(0, 4).join(", ") + (ranges.length > 4 ? ", …" : "");
  return { object, field, value, text: `${value} is ${passes ? "" : "not "}in what advertisement ${advertisement.name} allows: ${where}` };
}

/** Checks 8 to 10. */
export function obstacleWords(scene: Scene): Words {
  const { leaving, options } = scene.parts;
  const obstacle = scene.parts.obstacle ?? leaving?.obstacle ?? null;
  const object = { kind: "Node", namespace: "", name: options.node };
  return {
    object,
    field: obstacle?.field ?? "",
    value: obstacle?.value ?? "",
    text: obstacle?.text ?? `node ${options.node} may announce`,
  };
}

/** The advertisement as words name it. */
export function refOf({ source }: Advertisement): { readonly kind: string; readonly namespace: string; readonly name: string } {
  return { kind: "BGPAdvertisement", namespace: source.metadata.namespace, name: source.metadata.name };
}

/** `in 5 s`, from the time of the situation. */
export function within(atMillis: number, nowMillis: number | null): string {
  return `in ${Math.max(0, Math.ceil((atMillis - (nowMillis ?? atMillis)) / 1000))} s`;
}
