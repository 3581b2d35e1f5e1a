import type { Address } from "../ip/address.ts";
import type { Report } from "./findings.ts";
import type { Metadata, Service } from "./kinds.ts";
import { entryAddress, entryAddresses, plainAddress, pushOnce } from "./kubernetes-address.ts";
import { projectLoadBalancerWish } from "./load-balancer-wish.ts";
import { elements, mapping, textOf } from "./metadata.ts";
import { nearest } from "./nearest.ts";
import { shown } from "./schema.ts";

const TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] as const;
const POLICIES = ["Cluster", "Local"] as const;

/** v1 Service. */
export function projectService(raw: Readonly<Record<string, unknown>>, metadata: Metadata, report: Report): Service {
  const spec = mapping(raw["spec"]);
  const type = word(spec["type"], TYPES, "ClusterIP", "type", report);
  const healthCheckNodePort = spec["healthCheckNodePort"];
  return {
    kind: "Service",
    metadata,
    type,
    headless: spec["clusterIP"] === "None" || (Array.isArray(spec["clusterIPs"]) && spec["clusterIPs"][0] === "None"),
    clusterIPs: clusterIPs(spec, report),
    externalIPs: entryAddresses(spec["externalIPs"], ["spec", "externalIPs"], report),
    loadBalancerIPs: type === "LoadBalancer" ? loadBalancerIPs(mapping(mapping(raw["status"])["loadBalancer"]), report) : [],
    loadBalancerClass: textOf(spec["loadBalancerClass"]) || null,
    externalTrafficPolicy: word(spec["externalTrafficPolicy"], POLICIES, "Cluster", "externalTrafficPolicy", report),
    internalTrafficPolicy: word(spec["internalTrafficPolicy"], POLICIES, "Cluster", "internalTrafficPolicy", report),
    healthCheckNodePort: isPort(healthCheckNodePort) ? healthCheckNodePort : null,
    publishNotReadyAddresses: spec["publishNotReadyAddresses"] === true,
    loadBalancer: type === "LoadBalancer" ? projectLoadBalancerWish(spec, report) : null,
  };
}

/** `clusterIPs`, or `clusterIP` alone in objects of before dual-stack. */
function clusterIPs(spec: Readonly<Record<string, unknown>>, report: Report): readonly Address[] {
  const listed = elements(spec["clusterIPs"], ["spec", "clusterIPs"], report);
  const addresses: Address[] = [];
  const entries = listed.length > 0 ? listed : [spec["clusterIP"]];
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    // "" = not allocated yet, None = headless.
    if (entry === undefined || entry === null || entry === "" || entry === "None") continue;
    const address =
      plainAddress(entry) ?? entryAddress(entry, listed.length > 0 ? ["spec", "clusterIPs", index] : ["spec", "clusterIP"], report);
    if (address !== null) pushOnce(addresses, address);
  }
  return addresses;
}

function loadBalancerIPs(status: Readonly<Record<string, unknown>>, report: Report): readonly Address[] {
  const path = ["status", "loadBalancer", "ingress"];
  const addresses: Address[] = [];
  const ingress = elements(status["ingress"], path, report);
  for (let index = 0; index < ingress.length; index++) {
    const entry = mapping(ingress[index]);
    // A hostname alone, or traffic that goes through a proxy outside: nothing to announce.
    if (entry["ip"] === undefined || entry["ip"] === null || entry["ip"] === "" || entry["ipMode"] === "Proxy") continue;
    const address = plainAddress(entry["ip"]) ?? entryAddress(entry["ip"], [...path, index, "ip"], report);
    if (address !== null) pushOnce(addresses, address);
  }
  return addresses;
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65535;
}

/** A policy that is not known must not be guessed: the object is refused, and its last valid version stays. */
function word<const W extends string>(value: unknown, words: readonly W[], otherwise: W, field: string, report: Report): W {
  if (value === undefined || value === null || value === "") return otherwise;
  const found = words.find((one) => one === value);
  if (found !== undefined) return found;
  const near = typeof value === "string" ? nearest(value, words) : undefined;
  const message = `${shown(value)} is not known${near === undefined ? "" : `: did you mean ${near}?`}`;
  report.add({ code: "invalidValue", path: ["spec", field], message, allowed: words.join(", ") });
  return otherwise;
}
