/** What decided, in words: the object, its field and value, and a sentence. One function per check, shared by lists, timeline and explain. */

import { assertNever } from "../errors.ts";
import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { hostPrefix } from "../ip/prefix.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import { type Advertisement, blockAround } from "./advertisement.ts";
import { chosenOf } from "./announcers.ts";
import { countedBy, type EndpointDigest, endpointsOn } from "./endpoints.ts";
import type { HealthLatch } from "./health-gates.ts";
import { compareText, type Decision, isLocalOnly, isWeightOne, modeOf, PROXY_LABEL } from "./judge.ts";
import type { Outlet } from "./outlet.ts";
import { limitOf, type PeerVerdict } from "./peers.ts";
import { answerWords } from "./proxy-gate.ts";
import type { ReasonCode } from "./reasons.ts";
import { coveringPrefix, type Scene, selectsService } from "./scene.ts";
import { matchesAny, namespaceLabels, serviceLabels } from "./selectors.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import { judgeSharing } from "./sharing.ts";

/** Where and when words are about. */
export interface Situation {
  readonly scene: Scene;
  readonly outlet: Outlet;
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

/** One line about a decision: what an address is announced by, or what stands in the way. */
export function detailOf(situation: Situation, entry: ServiceEntry, index: number, decision: Decision): string {
  const { service } = entry;
  if (service === null) return "the Service is gone";
  const address = entry.addresses.addresses[index];
  if (address === undefined) return serviceWords(service, situation.scene, null).text;
  if (decision.announced) {
    const names = decision.peers.filter(({ announced }) => announced).map(({ peer }) => peer);
    return `announced by advertisement ${decision.advertisement} to ${names.join(", ")}${weightWords(situation, address, names)}`;
  }
  return refusalWords(situation, { entry, service, address, kind: kindAt(entry.addresses, index) }, decision).text;
}

/** A weight that is damped, of the first peer that waits for one. */
function weightWords({ outlet, nowMillis }: Situation, address: Address, peers: readonly string[]): string {
  for (const peer of peers) {
    const waiting = outlet.waitingWeight(hostPrefix(address).key, peer);
    if (waiting !== null) return `; its weight becomes ${waiting.wanted} bytes/s ${within(waiting.dueMillis, nowMillis)}`;
  }
  return "";
}

function within(atMillis: number, nowMillis: number | null): string {
  return `in ${Math.max(0, Math.ceil((atMillis - (nowMillis ?? atMillis)) / 1000))} s`;
}

/** The deciding words of a refusal. */
function refusalWords(situation: Situation, subject: Subject, decision: Decision): Words {
  const { scene } = situation;
  const { entry, service, kind, address } = subject;
  const { advertisements, peers } = scene.parts;
  const advertisement = advertisements.find(({ name }) => name === decision.advertisement) ?? null;
  const { reason } = decision;
  switch (reason) {
    case "":
    case "serviceDeleted":
    case "noAddress":
    case "foreignProxy":
    case "loadBalancerClassMismatch":
      return serviceWords(service, scene, reason === "" ? null : reason);
    case "noMatchingAdvertisement":
      return unmatchedWords(scene, entry, service, kind);
    case "ipNotAllowed": {
      const first = scene.matching(entry, service).find(({ source }) => source.addresses.includes(kind));
      return first === undefined ? unmatchedWords(scene, entry, service, kind) : cidrWords(first, kind, address, false);
    }
    case "nodeLabeledExcludeBalancers":
    case "nodeNetworkUnavailable":
    case "nodeDrained":
      return obstacleWords(scene);
    case "noEndpoints":
    case "noLocalEndpoints":
    case "endpointsTerminating":
      return endpointWords(scene, entry, service, kind, address, advertisement, reason);
    case "dataplaneNotReady":
      return gateWords(scene, subject, advertisement);
    case "peerNotSelected":
    case "peerFamilyNotNegotiated":
    case "announcerLimit":
    case "noNextHop":
    case "heldDown":
    case "announceLimit": {
      const peer = peers.find(({ name }) => name === decision.peer) ?? null;
      return pairWords(situation, subject, { advertisement, peer, name: decision.peer }, reason);
    }
    default:
      return assertNever(reason);
  }
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
  const { obstacle, options } = scene.parts;
  const object = { kind: "Node", namespace: "", name: options.node };
  return {
    object,
    field: obstacle?.field ?? "",
    value: obstacle?.value ?? "",
    text: obstacle?.text ?? `node ${options.node} may announce`,
  };
}

/** Check 11; `reason` "" = it passes. */
export function endpointWords(
  scene: Scene,
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
      const lacking = judgeSharing(scene, address.key).lackingOn(options.node);
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

/** Check 12: what is known of the data plane, whether that is enough or not. */
export function gateWords(scene: Scene, { entry, service, address, kind }: Subject, advertisement: Advertisement | null): Words {
  const { proxy, gates, options } = scene.parts;
  const mode = advertisement?.source.dataplaneGate ?? "Prefer";
  const object = advertisement === null ? null : refOf(advertisement);
  const said = (text: string): Words => ({ object, field: "spec.dataplaneGate", value: mode, text });
  if (!proxy.probed) return said("not probed");
  if (mode === "Off") return said("not probed: dataplaneGate is Off");
  if (mode === "Prefer" && proxy.onlyWhereRequired) return said("not probed: objects come from a directory, and dataplaneGate is Prefer");
  if (proxy.shut[mode]) return said(proxy.text);
  const port = service.externalTrafficPolicy === "Local" && isLocalOnly(service, kind) ? service.healthCheckNodePort : null;
  const latch = port === null ? null : gates.latch(entry, address.family);
  if (latch === null) return said(proxy.text);
  const asked = `health check of ${entry.key} at port ${latch.port} (${address.family})`;
  const about = {
    object: { kind: "Service", namespace: entry.namespace, name: entry.name },
    field: "spec.healthCheckNodePort",
    value: String(latch.port),
  };
  if (endpointsOn(entry.digest(address.family), options.node).ready === 0)
    return { ...about, text: `${asked} not asked: only terminating endpoints count here` };
  return { ...about, text: `${asked} ${latchWords(latch, mode)}` };
}

function latchWords(latch: HealthLatch, mode: "Prefer" | "Require"): string {
  switch (latch.open) {
    case "answered":
      return "answered 200";
    case "announced":
      return "not asked: it was announced already, and the gate withdraws nothing";
    case "notAsked":
      return latch.last?.answer === "notAsked" ? answerWords(latch.last) : "not probed: the Node has no InternalIP of the family";
    case null:
      if (latch.last !== null) return `${answerWords(latch.last)}, not 200`;
      return mode === "Prefer" && latch.openBySilence ? "gave no answer: Prefer no longer waits" : "has not answered yet";
  }
}

/** Checks 13 to 17. */
export function pairWords(situation: Situation, subject: Subject, pair: Pair, reason: ReasonCode | ""): Words {
  const { scene } = situation;
  const { options } = scene.parts;
  const { advertisement, peer, name } = pair;
  const { family } = subject.address;
  if (peer === null) {
    if (name === null) return { object: null, field: "", value: "", text: `no BGPPeer exists for node ${options.node}` };
    const object = { kind: "BGPPeer", namespace: options.heraldNamespace, name };
    return { object, field: "spec.nodeSelectors", value: "", text: `peer ${name} does not select node ${options.node}` };
  }
  const object = { kind: "BGPPeer", namespace: peer.peer.metadata.namespace, name: peer.name };
  switch (reason) {
    case "peerNotSelected": {
      const value = advertisement?.source.peers.join(", ") ?? "";
      const text = `advertisement ${advertisement?.name} names other peers: ${value}`;
      return { object: advertisement === null ? null : refOf(advertisement), field: "spec.peers", value, text };
    }
    case "peerFamilyNotNegotiated": {
      const value = FAMILIES.filter((one) => peer.negotiated[one]).join(", ");
      const verb = peer.assumed ? "is configured for" : "negotiated";
      const text = `peer ${peer.name} ${verb} ${value === "" ? "no family" : value}, not ${family}`;
      return { object, field: "spec.families", value, text };
    }
    case "announcerLimit":
      return announcerWords(scene, subject, advertisement);
    case "heldDown":
      return heldWords(situation, subject, advertisement);
    case "announceLimit":
      return limitWords(peer, family, true);
    default:
      return hopWords(peer, subject.address, reason);
  }
}

/** Check 14, passed or not. */
export function announcerWords(scene: Scene, subject: Subject, advertisement: Advertisement | null): Words {
  const most = advertisement?.source.maxAnnouncers ?? null;
  const object = advertisement === null ? null : refOf(advertisement);
  if (advertisement === null || most === null) return { object: null, field: "spec.maxAnnouncers", value: "", text: "not set" };
  const { entry, service, kind, address } = subject;
  const { options, inventory } = scene.parts;
  const sharing = inventory.isShared(address.key) ? judgeSharing(scene, address.key) : null;
  const candidates = scene.candidatesFor({ entry, service, matching: [], memo: null }, kind, address, advertisement, sharing);
  const chosen = chosenOf(candidates, address, most);
  const first = `${chosen.slice(0, MOST_LISTED).join(", ")}${chosen.length > MOST_LISTED ? ` and ${chosen.length - MOST_LISTED} more` : ""}`;
  const value = String(most);
  const text = (words: string): Words => ({ object, field: "spec.maxAnnouncers", value, text: `maxAnnouncers ${most}: ${words}` });
  if (chosen.includes(options.node)) return text(`${options.node} is one of ${first}`);
  const why = candidates.includes(options.node) ? "" : `, and ${options.node} cannot: its Node is not Ready, drained or matches no peer`;
  return text(`${chosen.length === 0 ? "no node holds a place" : `${first} rank${chosen.length === 1 ? "s" : ""} first`}${why}`);
}

/** Check 16, failed. */
function heldWords({ outlet, nowMillis }: Situation, { service, kind, address }: Subject, advertisement: Advertisement | null): Words {
  const mode =
    advertisement === null
      ? "host"
      : modeOf(advertisement, address.family, isLocalOnly(service, kind), blockAround(advertisement, address) !== null);
  const prefix = advertisement === null || mode === "host" ? hostPrefix(address) : coveringPrefix(advertisement, address);
  const until = outlet.heldUntilMillis(prefix.key);
  const when = until === null ? "later" : within(until, nowMillis);
  const text = `${formatPrefix(prefix)} was withdrawn too often: announced again ${when}`;
  return { object: null, field: "", value: formatPrefix(prefix), text };
}

/** Check 17, passed or not. */
export function limitWords({ name, peer }: PeerVerdict, family: Family, beyond: boolean): Words {
  const object = { kind: "BGPPeer", namespace: peer.metadata.namespace, name };
  const field = `spec.announceLimit.${family === "IPv4" ? "ipv4" : "ipv6"}`;
  const limit = limitOf(peer, family);
  if (limit === null) return { object, field, value: "", text: "not set" };
  const which = beyond ? `${limit} older ${family} prefixes come first` : "this prefix is within it";
  return { object, field, value: String(limit), text: `announceLimit ${limit} of peer ${name}: ${which}` };
}

/** Check 15. */
function hopWords(peer: PeerVerdict, address: Address, reason: ReasonCode | ""): Words {
  const { text, field, hop } = peer.nextHop[address.family];
  const object = { kind: "BGPPeer", namespace: peer.peer.metadata.namespace, name: peer.name };
  if (reason === "" || hop === null) return { object, field, value: address.family, text };
  return { object, field, value: formatAddress(address), text: `the next hop would be the address itself, ${formatAddress(address)}` };
}

function refOf({ source }: Advertisement): { readonly kind: string; readonly namespace: string; readonly name: string } {
  return { kind: "BGPAdvertisement", namespace: source.metadata.namespace, name: source.metadata.name };
}

/** About the first endpoint (on the node, where one is given), or about the Service where there is none. */
function about(entry: ServiceEntry, family: Family, node: string | null, text: string): Words {
  for (const slice of entry.slices) {
    if (slice.addressType !== family) continue;
    const endpoint = slice.endpoints.find(({ nodeName }) => node === null || nodeName === node);
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
