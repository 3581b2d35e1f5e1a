/** Check 11 in words: which endpoints count, here and elsewhere. */

import type { Address, Family } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { countedBy, type EndpointDigest, endpointsOn } from "./endpoints.ts";
import { compareText } from "./judge.ts";
import type { ReasonCode } from "./reasons.ts";
import { isLocalOnly, isWeightOne } from "./service-checks.ts";
import type { ServiceEntry } from "./service-entry.ts";
import type { Situation, Words } from "./words.ts";

/** Check 11; `reason` "" = it passes. */
export function endpointWords(
  { scene, joint }: Situation,
  entry: ServiceEntry,
  service: Service,
  kind: AddressKind,
  address: Address,
  advertisement: Advertisement | null,
  reason: ReasonCode | "",
): Words {
  const { options, mayAnnounce } = scene.parts;
  const { family } = address;
  const digest = entry.digest(family);
  const policy = advertisement?.source.endpointPolicy ?? "ServingIfLast";
  const counted = countedBy(digest, policy, mayAnnounce);
  const here = endpointsOn(digest, options.node);
  const localOnly = isLocalOnly(service, kind);
  const ofWhat = `${counted} ${family} endpoint`;
  if (reason === "noEndpoints") {
    const listed = listEndpoints(entry, family, null);
    return about(entry, family, null, `no ${ofWhat} anywhere${listed === "" ? "" : `: ${listed}`}`);
  }
  if (reason === "endpointsTerminating") return about(entry, family, options.node, listEndpoints(entry, family, options.node));
  if (reason === "noLocalEndpoints") {
    if (here[counted] > 0) {
      const lacking = joint.lackingOn(address.key, options.node);
      return about(
        entry,
        family,
        null,
        `the address is shared with ${lacking ?? "another Service"}, which has no usable endpoint on ${options.node}`,
      );
    }
    const here_ = here.total === 0 ? `no ${family} endpoint on ${options.node}` : listEndpoints(entry, family, options.node);
    return about(entry, family, here.total === 0 ? null : options.node, `${here_}; ${elsewhere(digest, counted)}`);
  }
  if (digest[counted] === 0) return about(entry, family, null, `no ${ofWhat} anywhere, which withoutEndpoints: Announce allows`);
  if (!localOnly) return about(entry, family, null, `${digest[counted]} ${ofWhat}${digest[counted] === 1 ? "" : "s"} in the cluster`);
  const caveat =
    kind === "ClusterIP" && isWeightOne(service, kind)
      ? "; the client address survives only with a proxy that honours the policy for ClusterIPs"
      : "";
  const text = `${here[counted]} of ${digest[counted]} ${counted} ${family} endpoints here: ${listEndpoints(entry, family, options.node)}${caveat}`;
  return about(entry, family, options.node, text);
}

/** About the first endpoint (on the node, where one is given), or about the Service where there is none. */
function about(entry: ServiceEntry, family: Family, node: string | null, text: string): Words {
  for (const slice of entry.slices) {
    if (slice.addressType !== family) continue;
    const endpoint = [...slice.endpoints].find(({ nodeName }) => node === null || nodeName === node);
    if (endpoint === undefined) continue;
    const { namespace, name } = slice.metadata;
    return { object: { kind: "EndpointSlice", namespace, name }, field: "endpoints", value: formatAddress(endpoint.address), text };
  }
  return { object: { kind: "Service", namespace: entry.namespace, name: entry.name }, field: "", value: "", text };
}

const MOST_LISTED = 3;

/** `pod 10.1.2.3 on node2: serving, terminating`; the first few, on one node or all. */
function listEndpoints(entry: ServiceEntry, family: Family, node: string | null): string {
  const lines: string[] = [];
  for (const slice of entry.slices) {
    if (slice.addressType !== family) continue;
    for (const { address, nodeName, ready, serving, terminating } of slice.endpoints) {
      if (node !== null && nodeName !== node) continue;
      const state = ready ? "ready" : serving ? "serving" : "not ready";
      const where = nodeName === null ? "" : ` on ${nodeName}`;
      lines.push(`pod ${formatAddress(address)}${where}: ${state}${terminating ? ", terminating" : ""}`);
    }
  }
  const rest = lines.length - MOST_LISTED;
  return lines.sort(compareText).slice(0, MOST_LISTED).join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}

function elsewhere(digest: EndpointDigest, counted: "ready" | "serving"): string {
  const nodes = digest.nodes
    .filter((counts) => counts[counted] > 0)
    .map(({ node }) => node)
    .sort(compareText);
  if (nodes.length === 0) return `${digest[counted]} ${counted} on no known node`;
  return `${counted} on ${nodes.slice(0, MOST_LISTED).join(", ")}${nodes.length > MOST_LISTED ? ` and ${nodes.length - MOST_LISTED} more` : ""}`;
}
