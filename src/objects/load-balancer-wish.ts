import { FAMILIES, type Family } from "../ip/address.ts";
import type { Report } from "./findings.ts";
import type { LoadBalancerWish, ServicePort } from "./kinds.ts";
import { elements, isTexts, mapping, oddEntry, textOf } from "./metadata.ts";
import { shown } from "./schema.ts";

const POLICIES = ["SingleStack", "PreferDualStack", "RequireDualStack"] as const;
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

/** What the spec of a Service of type LoadBalancer says about the addresses it is to be given. */
export function projectLoadBalancerWish(spec: Readonly<Record<string, unknown>>, report: Report): LoadBalancerWish {
  return {
    ipFamilyPolicy: POLICIES.find((one) => one === spec["ipFamilyPolicy"]) ?? "SingleStack",
    ipFamilies: families(spec, report),
    loadBalancerIP: textOf(spec["loadBalancerIP"]),
    ports: ports(spec, report),
    selector: selector(mapping(spec["selector"])),
  };
}

function families(spec: Readonly<Record<string, unknown>>, report: Report): readonly Family[] {
  const found: Family[] = [];
  for (const value of elements(spec["ipFamilies"], ["spec", "ipFamilies"], report)) {
    const family = FAMILIES.find((one) => one === value);
    if (family !== undefined) found.push(family);
  }
  return found;
}

function ports(spec: Readonly<Record<string, unknown>>, report: Report): readonly ServicePort[] {
  const found: ServicePort[] = [];
  const list = elements(spec["ports"], ["spec", "ports"], report);
  for (let index = 0; index < list.length; index++) {
    const one = port(list[index], index, report);
    if (one !== null) found.push(one);
  }
  return found;
}

function selector(written: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  if (isTexts(written)) return written;
  return Object.fromEntries(Object.entries(written).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}

function port(raw: unknown, index: number, report: Report): ServicePort | null {
  const { port: number, protocol } = mapping(raw);
  if (typeof number === "number" && Number.isInteger(number) && number > 0 && number <= 65_535)
    return { protocol: PROTOCOLS.find((one) => one === protocol) ?? "TCP", port: number };
  report.add(oddEntry(["spec", "ports", index, "port"], `${shown(number)} is not a port: left out`, "1..65535"));
  return null;
}
