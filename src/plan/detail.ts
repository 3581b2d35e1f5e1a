/** One line about a decision, for lists and the timeline. */

import { assertNever } from "../errors.ts";
import type { Address } from "../ip/address.ts";
import { hostPrefix } from "../ip/prefix.ts";
import { endpointWords } from "./endpoint-words.ts";
import type { Decision } from "./judge.ts";
import { gateWords, pairWords } from "./pair-words.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import { cidrWords, obstacleWords, type Situation, type Subject, serviceWords, unmatchedWords, type Words, within } from "./words.ts";

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

/** Like {@link detailOf}, for one peer of several; null = what is the same for all. */
export function detailTo(situation: Situation, entry: ServiceEntry, index: number, decision: Decision, peer: string | null): string {
  const { service } = entry;
  const address = entry.addresses.addresses[index];
  const one = decision.peers.find((other) => other.peer === peer);
  if (one === undefined || one.reason === "" || service === null || address === undefined)
    return detailOf(situation, entry, index, decision);
  const { advertisements, peers } = situation.scene.parts;
  const advertisement = advertisements.find(({ name }) => name === one.advertisement) ?? null;
  const pair = { advertisement, peer: peers.find(({ name }) => name === peer) ?? null, name: peer };
  return pairWords(situation, { entry, service, address, kind: kindAt(entry.addresses, index) }, pair, one.reason).text;
}

/** A weight that is damped, of the first peer that waits for one. */
function weightWords({ outlet, nowMillis }: Situation, address: Address, peers: readonly string[]): string {
  if (!outlet.holdsSomething) return "";
  for (const peer of peers) {
    const waiting = outlet.waitingWeight(hostPrefix(address).key, peer);
    if (waiting !== null) return `; its weight becomes ${waiting.wanted} bytes/s ${within(waiting.dueMillis, nowMillis)}`;
  }
  return "";
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
      return endpointWords(situation, entry, service, kind, address, advertisement, reason);
    case "dataplaneNotReady":
      return gateWords(scene, subject, advertisement, false);
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
