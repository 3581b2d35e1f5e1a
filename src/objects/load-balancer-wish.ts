import { FAMILIES } from "../ip/address.ts";
import type { Report } from "./findings.ts";
import type { LoadBalancerWish, ServicePort } from "./kinds.ts";
import { elements, mapping, oddEntry, textOf } from "./metadata.ts";
import { shown } from "./schema.ts";

const POLICIES = ["SingleStack", "PreferDualStack", "RequireDualStack"] as const;
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

/** What the spec of a Service of type LoadBalancer says about the addresses it is to be given. */
export function projectLoadBalancerWish(spec: Readonly<Record<string, unknown>>, report: Report): LoadBalancerWish {
  const written = elements(spec["ipFamilies"], ["spec", "ipFamilies"], report);
  return {
    ipFamilyPolicy: POLICIES.find((one) => one === spec["ipFamilyPolicy"]) ?? "SingleStack",
    ipFamilies: written.flatMap((value) => FAMILIES.find((family) => family === value) ?? []),
    loadBalancerIP: textOf(spec["loadBalancerIP"]),
    ports: elements(spec["ports"], ["spec", "ports"], report).flatMap((raw, index) => port(raw, index, report) ?? []),
    selector: Object.fromEntries(
      Object.entries(mapping(spec["selector"])).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
    ),
  };
}

function port(raw: unknown, index: number, report: Report): ServicePort | null {
  const { port: number, protocol } = mapping(raw);
  if (typeof number === "number" && Number.isInteger(number) && number > 0 && number <= 65_535)
    return { protocol: PROTOCOLS.find((one) => one === protocol) ?? "TCP", port: number };
  report.add(oddEntry(["spec", "ports", index, "port"], `${shown(number)} is not a port: left out`, "1..65535"));
  return null;
}
