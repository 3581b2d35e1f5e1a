/** Owners of one prefix that ask for different values: who asks for what, and what counts. Whether it is announced at the moment plays no part. */

import type { Family } from "../ip/address.ts";
import { formatPrefix } from "../ip/format.ts";
import { comparePrefixes, hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { BGPAdvertisement, Finding } from "../objects/kinds.ts";
import { type Advertisement, selectsPeer } from "./advertisement.ts";
import { mergeAttributes, type Share } from "./announcement.ts";
import { findingOf } from "./findings.ts";
import { compareText, wantedOf } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import type { Paused } from "./pauses.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** The same disagreement about any number of prefixes. */
interface Conflict {
  readonly words: string;
  /** An advertisement whose value does not count, and its field. */
  readonly loser: BGPAdvertisement;
  readonly field: string;
}

/** One finding per disagreement. @param concerned only about addresses of these Services; undefined = all, aggregates and blocks too. */
export function* conflictFindings(view: PlannedView, concerned: ReadonlySet<ServiceEntry> | undefined): Paused<Finding[]> {
  const found = new Map<string, Conflict & { readonly prefixes: Prefix[] }>();
  const conflictOf = memoizedConflicts(view);
  const note = (prefix: Prefix, advertisements: Iterable<Advertisement>) => {
    const conflict = conflictOf(prefix.address.family, new Set(advertisements));
    if (conflict === null) return;
    const known = found.get(conflict.words);
    if (known === undefined) found.set(conflict.words, { ...conflict, prefixes: [prefix] });
    else known.prefixes.push(prefix);
  };
  const seenJoint = new Set<string>();
  for (const entry of concerned ?? view.entries()) {
    yield null;
    const decisions = view.decisionsOf(entry);
    entry.addresses.addresses.forEach((address, i) => {
      const decision = decisions[i];
      if (view.joint.wanted(address.key) !== undefined) {
        if (seenJoint.has(address.key)) return;
        seenJoint.add(address.key);
        note(hostPrefix(address), jointAdvertisements(view, address.key));
      } else if (decision !== undefined && wantedOf(decision).host.length > 1) {
        note(hostPrefix(address), wantedOf(decision).host.map(advertisementOf));
      }
    });
  }
  if (concerned === undefined) {
    for (const { prefix, advertisements } of yield* coverings(view)) {
      note(prefix, advertisements);
      yield null;
    }
  }
  return [...found.values()].map(({ words, loser, field, prefixes }) => {
    const [first, ...more] = prefixes.sort(comparePrefixes);
    const which = first === undefined ? "" : `${formatPrefix(first)}${more.length === 0 ? "" : ` and ${more.length} more`}`;
    return findingOf("warning", "attributeConflict", loser, { field, message: `the owners of ${which} disagree: ${words}` });
  });
}

function advertisementOf({ advertisement }: Share): Advertisement {
  return advertisement;
}

/** Those of all holders of an address, and of a block of that address alone. */
function* jointAdvertisements({ scene, joint }: PlannedView, addressKey: string): IterableIterator<Advertisement> {
  for (const { advertisement } of scene.hostBlocks.get(addressKey)?.contribution.shares ?? []) yield advertisement;
  for (const { advertisement } of joint.shares(addressKey)) yield advertisement;
}

/** Aggregates and blocks, with the advertisements that have a say in them. */
function* coverings(view: PlannedView): Paused<Iterable<{ readonly prefix: Prefix; readonly advertisements: Set<Advertisement> }>> {
  const rows = new Map<string, { readonly prefix: Prefix; readonly advertisements: Set<Advertisement> }>();
  if (!view.scene.covers) return [];
  const add = (key: string, prefix: Prefix, shares: readonly Share[]) => {
    const row = rows.get(key) ?? { prefix, advertisements: new Set() };
    rows.set(key, row);
    for (const { advertisement } of shares) row.advertisements.add(advertisement);
  };
  for (const [key, { prefix, contribution }] of view.scene.blocks) add(key, prefix, contribution.shares);
  for (const entry of view.entries()) {
    yield null;
    for (const [key, { prefix, contribution }] of view.coveringOf(entry) ?? []) add(key, prefix, contribution.shares);
  }
  return rows.values();
}

/** Thousands of prefixes have the same few sets of advertisements. */
function memoizedConflicts({ scene }: PlannedView): (family: Family, advertisements: ReadonlySet<Advertisement>) => Conflict | null {
  const known = new Map<string, Conflict | null>();
  return (family, advertisements) => {
    if (advertisements.size < 2) return null;
    const sorted = [...advertisements].sort((a, b) => compareText(a.name, b.name));
    const key = `${family} ${sorted.map(({ id }) => id).join()}`;
    let conflict = known.get(key);
    if (conflict === undefined) {
      const peers = scene.parts.peers.filter(({ negotiated }) => negotiated[family]).map(({ name }) => name);
      conflict = conflictTowards(peers, sorted);
      known.set(key, conflict);
    }
    return conflict;
  };
}

/** What each peer hears of the disagreement; told apart where it is not the same for all. */
function conflictTowards(peers: readonly string[], advertisements: readonly Advertisement[]): Conflict | null {
  const byWords = new Map<string, { readonly conflict: Conflict; readonly peers: string[] }>();
  for (const peer of peers) {
    const conflict = conflictOver(advertisements.filter((advertisement) => selectsPeer(advertisement, peer)));
    if (conflict === null) continue;
    const known = byWords.get(conflict.words);
    if (known === undefined) byWords.set(conflict.words, { conflict, peers: [peer] });
    else known.peers.push(peer);
  }
  const [first, ...others] = byWords.values();
  if (first === undefined || others.length === 0) return first?.conflict ?? null;
  const words = [first, ...others].map(({ conflict, peers: heard }) => `${conflict.words} towards ${heard.join(", ")}`).join("; ");
  return { ...first.conflict, words };
}

const FIELDS = ["asPathPrepend", "linkBandwidth.transitive", "localPref", "med"] as const;
type Field = (typeof FIELDS)[number];

/** Who asks for which value of each field, and which of them counts. `advertisements` are sorted by name. */
function conflictOver(advertisements: readonly Advertisement[]): Conflict | null {
  let lost: { readonly loser: BGPAdvertisement; readonly field: string } | null = null;
  const words: string[] = [];
  for (const field of FIELDS) {
    const askers = new Map<string, BGPAdvertisement[]>();
    for (const { source } of advertisements) {
      const value = askedValue(field, source);
      if (value !== null) askers.set(value, [...(askers.get(value) ?? []), source]);
    }
    if (askers.size < 2) continue;
    const counts = countingValue(field, advertisements);
    const sorted = [...askers].sort(([a], [b]) => Number(a) - Number(b) || compareText(a, b));
    const asked = sorted.map(([value, sources]) => `${value} by ${sources.map(({ metadata }) => metadata.name).join(" and ")}`);
    words.push(`${field} ${asked.join(", ")}: ${counts} counts`);
    const [loser] = sorted.find(([value]) => value !== counts)?.[1] ?? [];
    if (loser !== undefined) lost ??= { loser, field: `spec.${field}` };
  }
  return lost === null ? null : { ...lost, words: words.join("; ") };
}

function askedValue(field: Field, source: BGPAdvertisement): string | null {
  const value = field === "linkBandwidth.transitive" ? (source.linkBandwidth?.transitive ?? null) : source[field];
  return value === null ? null : String(value);
}

function countingValue(field: Field, advertisements: readonly Advertisement[]): string {
  // Of both forms the transitive one is sent.
  return field === "linkBandwidth.transitive" ? "true" : String(mergeAttributes(advertisements)[field]);
}
