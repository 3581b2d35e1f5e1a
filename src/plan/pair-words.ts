/** Checks 12 to 17 in words: the data plane, and a pair of advertisement and peer. */

import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { hostPrefix } from "../ip/prefix.ts";
import { type Advertisement, blockAround } from "./advertisement.ts";
import { chosenOf } from "./announcers.ts";
import { endpointsOn } from "./endpoints.ts";
import type { HealthLatch } from "./health-gates.ts";
import { limitOf, type PeerVerdict } from "./peers.ts";
import { answerWords } from "./proxy-gate.ts";
import type { ReasonCode } from "./reasons.ts";
import { coveringPrefix, type Scene } from "./scene.ts";
import { isLocalOnly, modeOf } from "./service-checks.ts";
import { type Pair, refOf, type Situation, type Subject, type Words, within } from "./words.ts";

const MOST_LISTED = 3;

const WITHDRAWS_NOTHING = "it was let through before, and the gate withdraws nothing";

/** Check 12: what is known of the data plane, whether that is enough or not. `passed`: it is past the gate all the same. */
export function gateWords(
  scene: Scene,
  { entry, service, address, kind }: Subject,
  advertisement: Advertisement | null,
  passed: boolean,
): Words {
  const { proxy, gates, options } = scene.parts;
  const mode = advertisement?.source.dataplaneGate ?? "Prefer";
  const object = advertisement === null ? null : refOf(advertisement);
  const said = (text: string): Words => ({ object, field: "spec.dataplaneGate", value: mode, text });
  if (!proxy.probed) return said("not probed");
  if (mode === "Off") return said("not probed: dataplaneGate is Off");
  if (mode === "Prefer" && proxy.onlyWhereRequired) return said("not probed");
  const shut = (text: string): string => (passed ? `${text}; ${WITHDRAWS_NOTHING}` : text);
  if (proxy.shut[mode]) return said(shut(proxy.text));
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
  const waits = latch.open === null && !(mode === "Prefer" && latch.openBySilence);
  const text = `${asked} ${latchWords(latch, mode)}`;
  return { ...about, text: waits ? shut(text) : text };
}

function latchWords(latch: HealthLatch, mode: "Prefer" | "Require"): string {
  switch (latch.open) {
    case "answered":
      return "answered 200";
    case "restored":
      return "announced before herald's graceful restart";
    case "announced":
      return `not asked: ${WITHDRAWS_NOTHING}`;
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
      return announcerWords(situation, subject, advertisement);
    case "heldDown":
      return heldWords(situation, subject, advertisement);
    case "announceLimit":
      return limitWords(peer, family, true);
    default:
      return hopWords(peer, subject.address, reason);
  }
}

/** Check 14, passed or not. */
export function announcerWords({ scene, joint }: Situation, subject: Subject, advertisement: Advertisement | null): Words {
  const most = advertisement?.source.maxAnnouncers ?? null;
  const object = advertisement === null ? null : refOf(advertisement);
  if (advertisement === null || most === null) return { object: null, field: "spec.maxAnnouncers", value: "", text: "not set" };
  const { entry, service, kind, address } = subject;
  const { options } = scene.parts;
  const sharing = joint.sharing(address.key);
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
