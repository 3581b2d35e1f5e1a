/** Owners of one prefix that ask for different values: who asks for what, and what is announced. */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import { formatPrefix } from "../ip/format.ts";
import { comparePrefixes, hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { BGPAdvertisement, Finding } from "../objects/kinds.ts";
import { selectsPeer } from "./advertisement.ts";
import type { Announcement, Share } from "./announcement.ts";
import { findingOf } from "./findings.ts";
import { compareText, type Decision, wantedOf } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** The same disagreement about any number of prefixes. */
interface Conflict {
  readonly words: string;
  /** An advertisement whose value does not count, and its field. */
  readonly loser: BGPAdvertisement;
  readonly field: string;
}

/** One finding per disagreement. @param concerned only about addresses of these Services; undefined = all, aggregates and blocks too. */
export function conflictFindings(view: PlannedView, concerned: ReadonlySet<ServiceEntry> | undefined): Finding[] {
  const found = new Map<string, Conflict & { readonly prefixes: Prefix[] }>();
  const note = (prefix: Prefix, conflict: Conflict | null) => {
    if (conflict === null) return;
    const known = found.get(conflict.words);
    if (known === undefined) found.set(conflict.words, { ...conflict, prefixes: [prefix] });
    else known.prefixes.push(prefix);
  };
  const seenJoint = new Set<string>();
  // Addresses in equal circumstances share their decision.
  const ofDecision = new Map<Decision, Conflict | null>();
  for (const entry of concerned ?? view.entries()) {
    const decisions = view.decisionsOf(entry);
    entry.addresses.addresses.forEach((address, i) => {
      const joint = view.joint.wanted(address.key);
      const decision = decisions[i];
      if (joint !== undefined) {
        if (seenJoint.has(address.key) || !disagrees(joint)) return;
        seenJoint.add(address.key);
        note(hostPrefix(address), conflictOf(joint, jointShares(view, address.key)));
      } else if (decision !== undefined && disagrees(decision.announcement)) {
        let conflict = ofDecision.get(decision);
        if (conflict === undefined) {
          conflict = conflictOf(decision.announcement, wantedOf(decision).host);
          ofDecision.set(decision, conflict);
        }
        note(hostPrefix(address), conflict);
      }
    });
  }
  if (concerned === undefined)
    for (const { prefix, announcement, shares } of coverings(view)) note(prefix, conflictOf(announcement, shares));
  return [...found.values()].map(({ words, loser, field, prefixes }) => {
    const [first, ...more] = prefixes.sort(comparePrefixes);
    const which = first === undefined ? "" : `${formatPrefix(first)}${more.length === 0 ? "" : ` and ${more.length} more`}`;
    return findingOf("warning", "attributeConflict", loser, { field, message: `the owners of ${which} disagree: ${words}` });
  });
}

function disagrees({ peers }: Announcement): boolean {
  return peers.some(({ wish }) => wish.conflicts.length > 0);
}

/** What all holders of an address, and a block of that address alone, ask for. */
function jointShares({ scene, decisionsOf }: PlannedView, addressKey: string): Share[] {
  const shares = [...(scene.hostBlocks.get(addressKey)?.contribution.shares ?? [])];
  for (const entry of scene.parts.inventory.holders(addressKey)) {
    const decisions = decisionsOf(entry);
    entry.addresses.addresses.forEach(({ key }, i) => {
      const decision = decisions[i];
      if (key === addressKey && decision !== undefined) shares.push(...wantedOf(decision).host);
    });
  }
  return shares;
}

/** Aggregates and blocks over which owners disagree, with what all of them ask for. */
function coverings(view: PlannedView): { readonly prefix: Prefix; readonly announcement: Announcement; readonly shares: Share[] }[] {
  const found = [...view.coverings()].filter(({ announcement }) => disagrees(announcement));
  if (found.length === 0) return [];
  const rows = new Map(found.map((row) => [row.prefix.key, { ...row, shares: [] as Share[] }]));
  for (const [key, { contribution }] of view.scene.blocks) rows.get(key)?.shares.push(...contribution.shares);
  for (const entry of view.entries()) {
    for (const [key, { contribution }] of view.coveringOf(entry) ?? []) rows.get(key)?.shares.push(...contribution.shares);
  }
  return [...rows.values()];
}

function conflictOf(announcement: Announcement, shares: readonly Share[]): Conflict | null {
  const byWords = new Map<string, { readonly conflict: Conflict; readonly peers: string[] }>();
  for (const { peer, wish } of announcement.peers) {
    if (wish.conflicts.length === 0) continue;
    const having = shares.filter(({ advertisement }) => selectsPeer(advertisement, peer));
    const conflict = fieldConflicts(wish.conflicts, wish.attributes, having);
    if (conflict === null) continue;
    const known = byWords.get(conflict.words);
    if (known === undefined) byWords.set(conflict.words, { conflict, peers: [peer] });
    else known.peers.push(peer);
  }
  const [first, ...others] = byWords.values();
  if (first === undefined) return null;
  if (others.length === 0) return first.conflict;
  const words = [first, ...others].map(({ conflict, peers }) => `${conflict.words} towards ${peers.join(", ")}`).join("; ");
  return { ...first.conflict, words };
}

/** Who asks for which value of each field, and which of them is announced. */
function fieldConflicts(fields: readonly string[], attributes: RouteAttributes, shares: readonly Share[]): Conflict | null {
  let lost: { readonly loser: BGPAdvertisement; readonly field: string } | null = null;
  const words: string[] = [];
  for (const field of fields) {
    const counts = announcedValue(field, attributes);
    const askers = new Map<string, Map<string, BGPAdvertisement>>();
    for (const { advertisement, weight } of shares) {
      const value = askedValue(field, advertisement.source, weight);
      if (value === null) continue;
      const named = askers.get(value) ?? new Map<string, BGPAdvertisement>();
      askers.set(value, named.set(advertisement.name, advertisement.source));
    }
    const sorted = [...askers].sort(([a], [b]) => Number(a) - Number(b) || compareText(a, b));
    const asked = sorted.map(([value, named]) => `${value} by ${[...named.keys()].sort(compareText).join(" and ")}`);
    words.push(`${field} ${asked.join(", ")}: ${counts} is announced`);
    for (const [value, named] of sorted) {
      if (value === counts) continue;
      const [loser] = [...named.values()].sort((a, b) => compareText(a.metadata.name, b.metadata.name));
      if (loser !== undefined) lost ??= { loser, field: `spec.${field}` };
    }
  }
  return lost === null ? null : { ...lost, words: words.join("; ") };
}

function askedValue(field: string, source: BGPAdvertisement, weight: number | null): string | null {
  if (field === "linkBandwidth.transitive") return weight === null ? null : String(source.linkBandwidth?.transitive ?? true);
  return textOf(field === "localPref" ? source.localPref : field === "med" ? source.med : source.asPathPrepend);
}

function announcedValue(field: string, { localPref, med, asPathPrepend, linkBandwidth }: RouteAttributes): string | null {
  if (field === "linkBandwidth.transitive") return textOf(linkBandwidth?.transitive ?? null);
  return textOf(field === "localPref" ? localPref : field === "med" ? med : asPathPrepend);
}

function textOf(value: number | boolean | null): string | null {
  return value === null ? null : String(value);
}
