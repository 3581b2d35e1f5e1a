/** The seventeen checks for what a person asks about: one item per address, advertisement that concerns it, and peer. */

import { type Address, compareAddresses } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { containsAddress, hostPrefix } from "../ip/prefix.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import { type Advertisement, allowsAddress, blockAround } from "./advertisement.ts";
import type { Share } from "./announcement.ts";
import { CheckList, NOTHING_SAID } from "./check-list.ts";
import { endpointWords } from "./endpoint-words.ts";
import { countedBy, judgeEndpoints } from "./endpoints.ts";
import { isProbed } from "./health-gates.ts";
import { compareText, judgePair, wantedOf } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import { findingsInPieces } from "./oddities.ts";
import { announcerWords, gateWords, limitWords, pairWords } from "./pair-words.ts";
import { runThrough } from "./pauses.ts";
import { REASON_CHECK } from "./reasons.ts";
import { REMEDIES } from "./remedies.ts";
import type { Explain, ExplainItem } from "./report.ts";
import { coveringPrefix, type Scene } from "./scene.ts";
import { isLocalOnly, modeOf, serviceObstacle } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import { formatSubject, type Subject } from "./subject.ts";
import {
  type Subject as AddressSubject,
  cidrWords,
  obstacleWords,
  type Pair,
  passesSelectors,
  selectorWords,
  serviceWords,
  unmatchedWords,
  type Words,
  within,
} from "./words.ts";

interface Place {
  readonly index: number;
  readonly entry: ServiceEntry;
  readonly service: Service;
  readonly address: Address | null;
  readonly kind: AddressKind | null;
}

/** null when nothing of that name or address exists. */
export function explainSubject(view: PlannedView, subject: Subject): Explain | null {
  const places = placesOf(view.scene, subject);
  // A prefix without a Service in it may still be announced: a block.
  if (places.length === 0 && !(subject.type === "prefix" && isBlock(view.scene, subject.prefix.key))) return null;
  const items = places.flatMap((place) => explainPlace(view, place).map((item) => ({ item, place })));
  items.sort(
    (a, b) => compareText(a.item.peer ?? "", b.item.peer ?? "") || comparePlaces(a.place, b.place) || compareVerdicts(a.item, b.item),
  );
  const concerned = new Set(places.map(({ entry }) => entry));
  return {
    subject: { type: subject.type, value: formatSubject(subject) },
    items: items.map(({ item }) => item),
    timeline: null,
    findings: runThrough(findingsInPieces(view, concerned)),
  };
}

function isBlock(scene: Scene, key: string): boolean {
  return scene.parts.advertisements.some(({ source }) => source.blocks.some((block) => block.key === key));
}

function placesOf(scene: Scene, subject: Subject): Place[] {
  const { inventory } = scene.parts;
  switch (subject.type) {
    case "service": {
      const entry = inventory.service(subject.namespace, subject.name);
      return entry === undefined ? [] : placesIn(entry, () => true);
    }
    case "address":
      return inventory.holders(subject.address.key).flatMap((entry) => placesIn(entry, ({ key }) => key === subject.address.key));
    case "prefix": {
      const within = (address: Address) => containsAddress(subject.prefix, address);
      return [...inventory.services()].flatMap((entry) => (entry.addresses.addresses.some(within) ? placesIn(entry, within) : []));
    }
  }
}

function placesIn(entry: ServiceEntry, wanted: (address: Address) => boolean): Place[] {
  const { service } = entry;
  if (service === null) return [];
  const { addresses } = entry.addresses;
  if (addresses.length === 0) return [{ index: 0, entry, service, address: null, kind: null }];
  return addresses.flatMap((address, i) =>
    wanted(address) ? [{ index: i, entry, service, address, kind: kindAt(entry.addresses, i) }] : [],
  );
}

function explainPlace(view: PlannedView, place: Place): ExplainItem[] {
  const { scene } = view;
  const { entry, service, address, kind } = place;
  const report = new CheckList();
  if (service.metadata.deleting)
    return [itemOf(scene, place, null, null, report.fail("serviceDeleted", serviceWords(service, scene, null)))];
  report.pass(1, { ...ofService(service), text: `Service ${entry.key} exists` });
  if (address === null || kind === null)
    return [itemOf(scene, place, null, null, report.fail("noAddress", serviceWords(service, scene, null)))];
  report.pass(2, {
    ...ofService(service),
    field: ADDRESS_FIELDS[kind],
    value: formatAddress(address),
    text: `${formatAddress(address)} is a ${kind}`,
  });
  const obstacle = serviceObstacle(service, kind, scene.parts.options);
  if (obstacle === "foreignProxy") return [itemOf(scene, place, null, null, report.fail(obstacle, serviceWords(service, scene, obstacle)))];
  report.pass(3, { ...ofService(service), text: "our service proxy serves it" });
  if (obstacle !== null) return [itemOf(scene, place, null, null, report.fail(obstacle, serviceWords(service, scene, obstacle)))];
  const named = service.loadBalancerClass ?? "";
  const classText =
    kind === "LoadBalancerIP"
      ? named === ""
        ? "no loadBalancerClass"
        : `loadBalancerClass "${named}" is ours`
      : `plays no part for a ${kind}`;
  report.pass(4, { ...ofService(service), field: "spec.loadBalancerClass", value: named, text: classText });
  return explainAdvertisements(view, place, address, kind, report);
}

function explainAdvertisements(view: PlannedView, place: Place, address: Address, kind: AddressKind, soFar: CheckList): ExplainItem[] {
  const { scene } = view;
  const { entry, service } = place;
  const reports = scene.parts.advertisements.map((advertisement) => {
    const report = soFar.copy();
    const { source, name } = advertisement;
    const object = { kind: "BGPAdvertisement", namespace: source.metadata.namespace, name };
    if (!source.addresses.includes(kind)) {
      const text = `advertisement ${name} asks for ${source.addresses.join(", ")}, not for ${kind}`;
      report.failAt(5, "noMatchingAdvertisement", { object, field: "spec.addresses", value: kind, text });
      return { advertisement, report };
    }
    report.pass(5, { object, field: "spec.addresses", value: kind, text: `advertisement ${name} asks for ${kind}` });
    const words = selectorWords(scene, entry, service, advertisement);
    if (!passesSelectors(scene, entry, service, advertisement)) report.fail("noMatchingAdvertisement", words);
    else {
      report.pass(6, words);
      const allowed = allowsAddress(advertisement, kind, address);
      if (allowed) report.pass(7, cidrWords(advertisement, kind, address, true));
      else report.fail("ipNotAllowed", cidrWords(advertisement, kind, address, false));
    }
    return { advertisement, report };
  });
  const concerning = reports.filter(({ report }) => report.reason === "");
  if (concerning.length > 0)
    return concerning.flatMap(({ advertisement, report }) => explainNode(view, place, address, kind, advertisement, report));
  const furthest = [...reports].sort(
    (a, b) => b.report.reached - a.report.reached || compareText(a.advertisement.name, b.advertisement.name),
  )[0];
  if (furthest !== undefined) return [itemOf(scene, place, furthest.advertisement, null, furthest.report)];
  return [itemOf(scene, place, null, null, soFar.failAt(5, "noMatchingAdvertisement", unmatchedWords(scene, entry, service, kind)))];
}

function explainNode(
  view: PlannedView,
  place: Place,
  address: Address,
  kind: AddressKind,
  advertisement: Advertisement,
  report: CheckList,
): ExplainItem[] {
  const { scene } = view;
  const { entry, service } = place;
  const { options, mayAnnounce, peers, outsiders, leaving } = scene.parts;
  const isLate = leaving !== null && view.decisionsOf(entry)[place.index]?.reason === "nodeDrained";
  const obstacle = isLate ? leaving.obstacle : scene.parts.obstacle;
  const node = { object: { kind: "Node", namespace: "", name: options.node }, field: "", value: "" };
  const fine = [
    [8, options.ignoreExcludeLabel ? "the exclude label is ignored" : "no exclude label"],
    [9, "no true NetworkUnavailable condition"],
    [10, leaving === null ? "not drained" : `${leaving.obstacle.text}: withdrawn ${within(leaving.untilMillis, view.nowMillis)}`],
  ] as const;
  let soFar = report;
  for (const [number, text] of fine) {
    if (number === REASON_CHECK.nodeDrained) soFar = report.copy();
    if (obstacle?.check === number) return [itemOf(scene, place, advertisement, null, report.fail(obstacle.reason, obstacleWords(scene)))];
    report.pass(number, { ...node, text });
  }
  const { source } = advertisement;
  const digest = entry.digest(address.family);
  const counted = countedBy(digest, source.endpointPolicy, mayAnnounce);
  const alone = judgeEndpoints(digest, counted, source.withoutEndpoints, isLocalOnly(service, kind), options.node);
  const reason = alone === "" && view.joint.sharing(address.key)?.blocksNode(options.node) === true ? "noLocalEndpoints" : alone;
  const words = endpointWords(view, entry, service, kind, address, advertisement, reason);
  if (reason !== "") return [itemOf(scene, place, advertisement, null, report.fail(reason, words))];
  report.pass(11, words);
  const subject: AddressSubject = { entry, service, address, kind };
  const share = shareOf(view, place, advertisement);
  const gate = gateWords(scene, subject, advertisement, share?.eligible === true);
  if (share !== undefined && !share.eligible) return [itemOf(scene, place, advertisement, null, report.fail("dataplaneNotReady", gate))];
  report.pass(12, gate, !isProbed(advertisement, scene.parts.proxy));
  const strangers = outsiders.map((name) => ({ name, verdict: null }));
  const candidates = [...peers.map((verdict) => ({ name: verdict.name, verdict })), ...strangers];
  if (candidates.length === 0) {
    const words = pairWords(view, subject, { advertisement, peer: null, name: null }, "peerNotSelected");
    return [itemOf(scene, place, advertisement, null, report.fail("peerNotSelected", words))];
  }
  return candidates.map(({ name, verdict }) => {
    const pair = { advertisement, peer: verdict, name };
    return itemOf(scene, place, advertisement, name, explainPeer(view, subject, share, pair, report.copy(), soFar.copy()));
  });
}

/** What the decision in force says of the advertisement, before checks 16 and 17. */
function shareOf(view: PlannedView, { entry, index }: Place, advertisement: Advertisement): Share | undefined {
  const decision = view.decisionsOf(entry)[index];
  if (decision === undefined) return undefined;
  const { host, covering } = wantedOf(decision);
  return [...host, ...covering].find((share) => share.advertisement.name === advertisement.name);
}

/** `soFar`: the checks before 10, which is where a peer fails that the node had not told before it was to leave. */
function explainPeer(
  view: PlannedView,
  subject: AddressSubject,
  share: Share | undefined,
  pair: Pair & { readonly advertisement: Advertisement; readonly name: string },
  report: CheckList,
  soFar: CheckList,
): CheckList {
  const { scene, outlet } = view;
  const { address, service, kind } = subject;
  const { advertisement, peer, name } = pair;
  const { family } = address;
  if (peer === null) return report.fail("peerNotSelected", pairWords(view, subject, pair, "peerNotSelected"));
  const mode = modeOf(advertisement, family, isLocalOnly(service, kind), blockAround(advertisement, address) !== null);
  const prefix = mode === "host" ? hostPrefix(address) : coveringPrefix(advertisement, address);
  const judged = { advertisement, barred: scene.barredFor(address), beyond: share?.beyond ?? false };
  const { reason, check } = judgePair(judged, peer, family, outlet.overrideOf(prefix.key));
  if (reason === "nodeDrained") return soFar.fail(reason, obstacleWords(scene));
  const words = pairWords(view, subject, pair, reason);
  if (check === 13 && reason !== "") return report.fail(reason, words);
  const object = { kind: "BGPPeer", namespace: peer.peer.metadata.namespace, name };
  const how = peer.assumed ? "configured" : "negotiated";
  report.pass(13, { object, field: "spec.families", value: family, text: `${family} is ${how} on peer ${name}` }, peer.assumed);
  if (check === 14 && reason !== "") return report.fail(reason, words);
  report.pass(14, announcerWords(view, subject, advertisement));
  if (check === 15 && reason !== "") return report.fail(reason, words);
  const hop = pairWords(view, subject, pair, "");
  report.pass(15, hop, peer.assumed && peer.nextHop[family].hop === "session");
  if (check === 16 && reason !== "") return report.fail(reason, words);
  report.pass(16, { ...NOTHING_SAID, text: "not held down" });
  if (check === 17 && reason !== "") return report.fail(reason, words);
  report.pass(17, limitWords(peer, family, false));
  return report;
}

const ADDRESS_FIELDS = {
  ClusterIP: "spec.clusterIPs",
  ExternalIP: "spec.externalIPs",
  LoadBalancerIP: "status.loadBalancer.ingress",
} as const;

function ofService({ metadata: { namespace, name } }: Service): Words {
  return { ...NOTHING_SAID, object: { kind: "Service", namespace, name } };
}

function itemOf(scene: Scene, place: Place, advertisement: Advertisement | null, peer: string | null, report: CheckList): ExplainItem {
  return {
    node: scene.parts.options.node,
    peer,
    advertisement: advertisement?.name ?? null,
    service: place.entry.key,
    address: place.address === null ? null : formatAddress(place.address),
    kind: place.kind,
    announced: report.reason === "",
    reason: report.reason,
    checks: report.checks(),
    remedy: report.reason === "" ? "" : REMEDIES[report.reason],
  };
}

function comparePlaces(a: Place, b: Place): number {
  const missing = Number(b.address === null) - Number(a.address === null);
  const byAddress = a.address === null || b.address === null ? missing : compareAddresses(a.address, b.address);
  return byAddress || compareText(a.entry.key, b.entry.key) || compareText(a.kind ?? "", b.kind ?? "");
}

/** What is announced first, then what got furthest, then by advertisement. */
function compareVerdicts(a: ExplainItem, b: ExplainItem): number {
  const reached = ({ checks }: ExplainItem) => checks.filter(({ result }) => result !== "notReached").length;
  return Number(b.announced) - Number(a.announced) || reached(b) - reached(a) || compareText(a.advertisement ?? "", b.advertisement ?? "");
}
