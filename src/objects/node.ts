import type { Address } from "../ip/address.ts";
import type { Report } from "./findings.ts";
import type { Metadata, Node } from "./kinds.ts";
import { entryAddress, pushOnce } from "./kubernetes-address.ts";
import { elements, mapping, oddEntry, textOf } from "./metadata.ts";

/** v1 Node. */
export function projectNode(raw: Readonly<Record<string, unknown>>, metadata: Metadata, report: Report): Node {
  const spec = mapping(raw["spec"]);
  const status = mapping(raw["status"]);
  const conditions = elements(status["conditions"], ["status", "conditions"], report).map(mapping);
  const ready = conditions.find(({ type }) => type === "Ready");
  return {
    kind: "Node",
    metadata,
    internalIPs: internalIPs(status, report),
    networkUnavailable: conditions.some(({ type, status: value }) => type === "NetworkUnavailable" && value === "True"),
    ready: ready?.["status"] === "True",
    // kubelet's words while it shuts the node down gracefully; there is no reason code of its own.
    shuttingDown: ready?.["status"] === "False" && /shutting down/i.test(textOf(ready["message"])),
    unschedulable: spec["unschedulable"] === true,
    taints: taints(spec, report),
  };
}

function internalIPs(status: Readonly<Record<string, unknown>>, report: Report): readonly Address[] {
  const path = ["status", "addresses"];
  const addresses: Address[] = [];
  for (const [index, raw] of elements(status["addresses"], path, report).entries()) {
    const entry = mapping(raw);
    if (entry["type"] !== "InternalIP") continue;
    const address = entryAddress(entry["address"], [...path, index, "address"], report);
    if (address !== null) pushOnce(addresses, address);
  }
  return addresses;
}

function taints(spec: Readonly<Record<string, unknown>>, report: Report): Node["taints"] {
  const found: Node["taints"][number][] = [];
  for (const [index, raw] of elements(spec["taints"], ["spec", "taints"], report).entries()) {
    const { key, value, effect } = mapping(raw);
    if (typeof key === "string") found.push({ key, value: textOf(value), effect: textOf(effect) });
    else report.add(oddEntry(["spec", "taints", index], "has no key: left out"));
  }
  return found;
}
