/** Findings about objects in force and about what they make of each other. None of them keeps a good object from being announced. */

import { formatAddress, formatPrefix } from "../ip/format.ts";
import { hostPrefix, maxLength, type Prefix } from "../ip/prefix.ts";
import type { Finding } from "../objects/kinds.ts";
import type { Announcement } from "./announcement.ts";
import { findingOf, sortFindings } from "./findings.ts";
import type { PlannedView } from "./listing.ts";
import type { Scene } from "./scene.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** @param concerned only what has to do with these Services; undefined = all. */
export function listFindings(view: PlannedView, concerned?: ReadonlySet<ServiceEntry>): Finding[] {
  const { scene } = view;
  const findings = [...scene.parts.findings, ...coverWarnings(scene)];
  const seenJoint = new Set<string>();
  for (const entry of concerned ?? view.entries()) {
    const decisions = view.decisionsOf(entry);
    entry.addresses.addresses.forEach((address, i) => {
      const joint = view.joint.wanted(address.key);
      const announcement = joint ?? decisions[i]?.announcement;
      if (announcement === undefined || (joint !== undefined && seenJoint.has(address.key))) return;
      findings.push(...conflictsOf(entry, hostPrefix(address), announcement));
      if (joint === undefined) return;
      seenJoint.add(address.key);
      if (view.joint.sharing(address.key)?.disagrees !== true) return;
      const owners = scene.parts.inventory.holders(address.key).map(({ key }) => key);
      const message = `${formatAddress(address)} is shared by ${owners.sort().join(", ")}, and no node has endpoints of all: any of them suffices`;
      findings.push(findingOf("warning", "sharedAddressDisagrees", serviceRef(entry), { message }));
    });
  }
  if (concerned === undefined) {
    for (const { prefix, announcement } of view.coverings()) findings.push(...conflictsOf(null, prefix, announcement));
  }
  return sortFindings(findings);
}

function conflictsOf(entry: ServiceEntry | null, prefix: Prefix, announcement: Announcement): Finding[] {
  const fields = new Set(announcement.peers.flatMap(({ wish }) => wish.conflicts));
  if (fields.size === 0) return [];
  const message = `the owners of ${formatPrefix(prefix)} disagree about ${[...fields].sort().join(", ")}: ${RULE}`;
  if (entry !== null) return [findingOf("warning", "attributeConflict", serviceRef(entry), { message })];
  return [{ severity: "warning", code: "attributeConflict", object: null, file: "", line: 0, column: 0, field: "", message, allowed: "" }];
}

const RULE = "the highest localPref, the lowest med and the fewest prepends are announced";

/** Addresses without a Service inside a wider prefix come back to the router by the node's default route. */
function coverWarnings(scene: Scene): Finding[] {
  const findings: Finding[] = [];
  for (const { source } of scene.parts.advertisements) {
    const add = (field: string, what: string, command: string) => {
      const message = `addresses inside ${what} that no Service has loop between router and node; give each node a blackhole route: ${command}`;
      findings.push(findingOf("warning", "coveringPrefix", source, { field, message }));
    };
    source.blocks.forEach((block, i) => {
      const text = formatPrefix(block);
      add(`spec.blocks[${i}]`, `block ${text}`, `ip route add blackhole ${text}`);
    });
    if (source.aggregationLength < maxLength("IPv4"))
      add("spec.aggregationLength", `a /${source.aggregationLength}`, "ip route add blackhole PREFIX");
    if (source.aggregationLengthV6 < maxLength("IPv6")) {
      add("spec.aggregationLengthV6", `a /${source.aggregationLengthV6}`, "ip -6 route add blackhole PREFIX");
    }
  }
  return findings;
}

function serviceRef(entry: ServiceEntry): {
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string };
} {
  return { kind: "Service", metadata: { namespace: entry.namespace, name: entry.name } };
}
