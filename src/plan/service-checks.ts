/** What a Service itself decides about its addresses of a kind: checks 1, 3 and 4, and how traffic policies bear on them. */

import type { Family } from "../ip/address.ts";
import { maxLength } from "../ip/prefix.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import { type Advertisement, aggregationLength } from "./advertisement.ts";
import type { ReasonCode } from "./reasons.ts";

/** Where a share goes: the address itself, or what covers it. */
export type Mode = "host" | "covering";

/** Checks 1, 3 and 4 for a Service's addresses of a kind; null passes. */
export function serviceObstacle(
  service: Service,
  kind: AddressKind,
  options: { readonly serviceProxyName: string; readonly loadBalancerClass: string },
): ReasonCode | null {
  if (service.metadata.deleting) return "serviceDeleted";
  const proxy = service.metadata.labels[PROXY_LABEL];
  if (proxy !== undefined && Object.hasOwn(service.metadata.labels, PROXY_LABEL) && proxy !== options.serviceProxyName)
    return "foreignProxy";
  const { loadBalancerClass } = service;
  if (kind !== "LoadBalancerIP" || loadBalancerClass === null || loadBalancerClass === "") return null;
  return loadBalancerClass === options.loadBalancerClass ? null : "loadBalancerClassMismatch";
}

export const PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** A traffic policy asks for endpoints on the node. Of a ClusterIP either policy does, as Calico has it. */
export function isLocalOnly(service: Service, kind: AddressKind): boolean {
  return service.externalTrafficPolicy === "Local" || (kind === "ClusterIP" && service.internalTrafficPolicy === "Local");
}

/** kube-proxy spreads a ClusterIP over all pods unless internalTrafficPolicy says otherwise: local pods are then no measure. */
export function isWeightOne(service: Service, kind: AddressKind): boolean {
  return kind === "ClusterIP" && service.internalTrafficPolicy !== "Local";
}

/** Whether an advertisement stands for the address itself or for what covers it; `inBlock`: one of its blocks does. */
export function modeOf(advertisement: Advertisement, family: Family, localOnly: boolean, inBlock: boolean): Mode {
  if (localOnly) return "host";
  return inBlock || aggregationLength(advertisement, family) < maxLength(family) ? "covering" : "host";
}
