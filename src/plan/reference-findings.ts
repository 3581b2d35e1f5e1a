/** What objects of ours say about other objects: names that nobody has, selectors that match nothing, aliases with two meanings. */

import type { BGPAdvertisement, BGPPeer, Finding, LabelSelector } from "../objects/kinds.ts";
import { nearest } from "../objects/nearest.ts";
import { orNear } from "./advertisement.ts";
import { findingOf } from "./findings.ts";
import type { Inventory } from "./inventory.ts";
import { compareText } from "./judge.ts";
import { type Labels, matchesAny, matchesSelector, namespaceLabels, plainLabels, serviceLabels } from "./selectors.ts";

/** Whatever the node. Selectors over a kind of which there is no object at all are not judged: nobody knows yet what they will meet. */
export function referenceFindings(inventory: Inventory): Finding[] {
  const findings: Finding[] = [];
  for (const advertisement of inventory.advertisements.values()) {
    findings.push(...unknownPeers(advertisement, inventory), ...idleSelectors(advertisement, inventory));
  }
  for (const peer of inventory.peers.values()) {
    findings.push(...unknownProfile(peer, inventory), ...bfdAgainstRestart(peer, inventory));
    if (inventory.nodes.size === 0 || matchesSome(peer.nodeSelectors, nodeLabels(inventory))) continue;
    const message = `matches none of the ${inventory.nodes.size} Nodes: nobody peers with it`;
    findings.push(findingOf("warning", "selectsNothing", peer, { field: "spec.nodeSelectors", message }));
  }
  findings.push(...ambiguousAliases(inventory));
  return findings;
}

function unknownPeers(advertisement: BGPAdvertisement, { peers }: Inventory): Finding[] {
  return advertisement.peers.flatMap((name, i) => {
    if (peers.has(name)) return [];
    const alone = advertisement.peers.some((other) => peers.has(other)) ? "" : "; it announces to nobody";
    const message = `there is no BGPPeer "${name}"${orNear(nearest(name, [...peers.keys()]))}${alone}`;
    return [findingOf("warning", "unknownPeer", advertisement, { field: `spec.peers[${i}]`, message })];
  });
}

function unknownProfile(peer: BGPPeer, { bfdProfiles }: Inventory): Finding[] {
  const { bfdProfile } = peer;
  if (bfdProfile === null || bfdProfiles.has(bfdProfile)) return [];
  const message = `there is no BFDProfile "${bfdProfile}"${orNear(nearest(bfdProfile, [...bfdProfiles.keys()]))}; the peer runs without BFD`;
  return [findingOf("warning", "unknownBFDProfile", peer, { field: "spec.bfdProfile", message })];
}

/** Long-lived stale routes (RFC 9494) outlive a node that failed, which is what BFD is there to end. A planned restart gets on with both: it says AdminDown. */
function bfdAgainstRestart(peer: BGPPeer, { bfdProfiles }: Inventory): Finding[] {
  const { enabled, longLivedStaleTimeSeconds: kept } = peer.gracefulRestart;
  const profile = peer.bfdProfile === null ? undefined : bfdProfiles.get(peer.bfdProfile);
  if (profile === undefined || !enabled || kept === null) return [];
  const millis = Math.max(profile.receiveIntervalMillis, profile.transmitIntervalMillis) * profile.detectMultiplier;
  const message =
    `asks the router to keep the routes of a failed node for ${kept} s, and bfdProfile "${profile.metadata.name}" takes them ${millis} ms after it fell silent` +
    "; leave out one of both, or let the router look at the C bit (docs/bfd.md)";
  return [findingOf("warning", "bfdAgainstRestart", peer, { field: "spec.gracefulRestart.longLivedStaleTime", message })];
}

function idleSelectors(advertisement: BGPAdvertisement, inventory: Inventory): Finding[] {
  const { serviceSelectors, namespaceSelectors, nodeSelectors, ipAddressPoolSelectors } = advertisement;
  const findings: Finding[] = [];
  const idle = (field: string, message: string) =>
    findings.push(findingOf("warning", "selectsNothing", advertisement, { field: `spec.${field}`, message }));
  const hasServices = !services(inventory).next().done;
  const services_ = !hasServices || matchesSome(serviceSelectors, serviceLabelsOf(inventory));
  if (!services_) idle("serviceSelectors", "matches no Service");
  const namespaces = !hasServices || matchesSome(namespaceSelectors, namespaceLabelsOf(inventory));
  if (!namespaces) idle("namespaceSelectors", "matches no Namespace with a Service");
  if (services_ && namespaces && hasServices && !matchesTogether(advertisement, inventory)) {
    idle("serviceSelectors", "matches no Service in the Namespaces that namespaceSelectors matches");
  }
  if (inventory.nodes.size > 0 && !matchesSome(nodeSelectors, nodeLabels(inventory))) {
    idle("nodeSelectors", `matches none of the ${inventory.nodes.size} Nodes: nobody announces it`);
  }
  // Unlike the others it limits what is announced: a pool that is not there allows nothing.
  if (!matchesSome(ipAddressPoolSelectors, [...inventory.pools.values()].map(plainLabels))) {
    idle("ipAddressPoolSelectors", "matches no IPAddressPool: it allows no address");
  }
  return findings;
}

/** True when the list is empty or one of its selectors matches one of the objects. Stops at the first. */
function matchesSome(selectors: readonly LabelSelector[], objects: Iterable<Labels>): boolean {
  if (selectors.length === 0) return true;
  for (const labels of objects) if (selectors.some((selector) => matchesSelector(selector, labels))) return true;
  return false;
}

function matchesTogether({ serviceSelectors, namespaceSelectors }: BGPAdvertisement, inventory: Inventory): boolean {
  if (serviceSelectors.length === 0 || namespaceSelectors.length === 0) return true;
  for (const { namespace, service } of services(inventory)) {
    const labels = namespaceLabels(namespace, inventory.namespace(namespace));
    if (matchesAny(namespaceSelectors, labels) && matchesAny(serviceSelectors, serviceLabels(service))) return true;
  }
  return false;
}

function* services(inventory: Inventory) {
  for (const { namespace, service } of inventory.services()) if (service !== null) yield { namespace, service };
}

function* serviceLabelsOf(inventory: Inventory): IterableIterator<Labels> {
  for (const { service } of services(inventory)) yield serviceLabels(service);
}

function* namespaceLabelsOf(inventory: Inventory): IterableIterator<Labels> {
  const seen = new Set<string>();
  for (const { namespace } of services(inventory)) {
    if (seen.has(namespace)) continue;
    seen.add(namespace);
    yield namespaceLabels(namespace, inventory.namespace(namespace));
  }
}

function* nodeLabels({ nodes }: Inventory): IterableIterator<Labels> {
  for (const node of nodes.values()) yield plainLabels(node);
}

/** Of Community objects that both define an alias the first by name counts. */
function ambiguousAliases({ communities }: Inventory): Finding[] {
  const first = new Map<string, { readonly object: string; readonly value: string }>();
  const findings: Finding[] = [];
  for (const community of [...communities.values()].sort((a, b) => compareText(a.metadata.name, b.metadata.name))) {
    community.communities.forEach(({ name, value }, i) => {
      const known = first.get(name);
      if (known === undefined) first.set(name, { object: community.metadata.name, value });
      else if (known.value !== value) {
        const message = `alias "${name}" is ${known.value} in Community ${known.object}, which counts, and ${value} here`;
        findings.push(findingOf("warning", "ambiguousAlias", community, { field: `spec.communities[${i}].name`, message }));
      }
    });
  }
  return findings;
}
