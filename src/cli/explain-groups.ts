/**
 * A Service on a hundred nodes has a hundred answers, most of them the same but for the node's own name. Answers belong together when they are about the same
 * address and advertisement and every check came to the same result for the same reason. Texts that differ are kept with the node or peer they are from.
 */

import { type Address, compareAddresses } from "../ip/address.ts";
import { parseAddress } from "../ip/parse.ts";
import type { CheckReport, ExplainItem } from "../plan/report.ts";

export interface ExplainGroup {
  /** The first of those that belong together; none of its names may be shown for all. */
  readonly first: ExplainItem;
  readonly places: readonly Place[];
  readonly checks: readonly GroupedCheck[];
  /** The check that failed for all; null where the address is announced. */
  readonly deciding: GroupedCheck | null;
}

/** Nodes, and the peers that each of them has the answer for; none = the answer does not depend on the peer. */
export interface Place {
  readonly nodes: readonly string[];
  readonly peers: readonly string[];
}

export interface GroupedCheck {
  readonly check: CheckReport;
  /** What it says about whom, the most common first; one where it says the same about all. Names that differ stand as `<node>` and `<peer>`. */
  readonly variants: readonly Variant[];
}

interface Words {
  readonly text: string;
  /** `Kind namespace/name field = value`; "" = nothing in particular. */
  readonly basis: string;
}

export interface Variant extends Words {
  /** The node, or node and peer, that it is from. */
  readonly from: readonly string[];
}

/** By address, kind and Service; what is announced first, then what got furthest, then by advertisement. */
export function groupItems(items: readonly ExplainItem[]): ExplainGroup[] {
  const groups = new Map<string, ExplainItem[]>();
  for (const item of items) {
    const { service, address, kind, advertisement, announced, reason, remedy } = item;
    const results = item.checks.map((check) => [check.result, check.assumed, check.reason]);
    const key = JSON.stringify([service, address, kind, advertisement, announced, reason, remedy, item.peer === null, results]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()].map(toGroup).sort(compareGroups);
}

/** What a check rests on, as one would write it. */
export function basisOf({ object, field, value }: Pick<CheckReport, "object" | "field" | "value">): string {
  if (object === null) return "";
  const name = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
  const where = [`${object.kind} ${name}`, field].filter((part) => part !== "").join(" ");
  return value === "" ? where : `${where} = ${value}`;
}

function toGroup(items: readonly ExplainItem[]): ExplainGroup {
  const [first] = items;
  if (first === undefined) throw new Error("a group has an item");
  const nodes = new Set(items.map(({ node }) => node));
  const peers = new Set(items.map(({ peer }) => peer));
  const neutral = (text: string, { node, peer }: ExplainItem): string => {
    const without = nodes.size > 1 ? replaceName(text, node, "<node>") : text;
    return peers.size > 1 && peer !== null ? replaceName(without, peer, "<peer>") : without;
  };
  const counts = countByNode(items);
  const checks = first.checks.map((check, i): GroupedCheck => {
    const said = items.map((item): Said => {
      const report = item.checks[i] ?? check;
      return { text: report.text, basis: basisOf(report), item };
    });
    const plain = gather(said, check);
    // A name may also be a word of the text: it is taken out only where that makes texts equal.
    const neutralised = plain.length === 1 ? plain : gather(said, check, neutral);
    const chosen = neutralised.length < plain.length ? neutralised : plain;
    const variants = chosen.map(({ said: own, ...words }): Variant => ({ ...wordsOf(own, words), from: sources(own, counts) }));
    return { check, variants: variants.sort((a, b) => b.from.length - a.from.length) };
  });
  return { first, places: placesOf(items), checks, deciding: checks.find(({ check }) => check.result === "fail") ?? null };
}

interface Said extends Words {
  readonly item: ExplainItem;
}

/** Those that say the same. What a check that passes rests on need not be the same. */
function gather(
  said: readonly Said[],
  { result }: CheckReport,
  neutral: (text: string, item: ExplainItem) => string = (text) => text,
): (Words & { readonly said: readonly Said[] })[] {
  const gathered = new Map<string, Words & { readonly said: Said[] }>();
  for (const one of said) {
    const [text, basis] = [neutral(one.text, one.item), neutral(one.basis, one.item)];
    const key = JSON.stringify(result === "fail" ? [text, basis] : text);
    const same = gathered.get(key);
    if (same === undefined) gathered.set(key, { text, basis, said: [one] });
    else same.said.push(one);
  }
  return [...gathered.values()];
}

/** In their own words where these are the same. */
function wordsOf(said: readonly Said[], neutral: Words): Words {
  const [first] = said;
  const isSame = first !== undefined && said.every(({ text, basis }) => text === first.text && basis === first.basis);
  return isSame ? { text: first.text, basis: first.basis } : neutral;
}

/** Nodes where they say it to all of their peers, else node and peer; the peer alone where there is one node. */
function sources(said: readonly Said[], counts: ReadonlyMap<string, number>): string[] {
  const own = countByNode(said.map(({ item }) => item));
  const labels = said.map(({ item: { node, peer } }) => {
    if (peer === null) return node;
    if (counts.size === 1) return peer;
    return own.get(node) === counts.get(node) ? node : `${node} to ${peer}`;
  });
  return [...new Set(labels)];
}

function countByNode(items: readonly ExplainItem[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { node } of items) counts.set(node, (counts.get(node) ?? 0) + 1);
  return counts;
}

/** Nodes with the same peers stand together. */
function placesOf(items: readonly ExplainItem[]): Place[] {
  const peersOf = new Map<string, string[]>();
  for (const { node, peer } of items) {
    const peers = peersOf.get(node) ?? [];
    if (peer !== null) peers.push(peer);
    peersOf.set(node, peers);
  }
  const places = new Map<string, { readonly nodes: string[]; readonly peers: readonly string[] }>();
  for (const [node, peers] of peersOf) {
    const key = JSON.stringify(peers);
    const place = places.get(key);
    if (place === undefined) places.set(key, { nodes: [node], peers });
    else place.nodes.push(node);
  }
  return [...places.values()];
}

/** Whole names only: `node-1` is no part of `node-10`. */
function replaceName(text: string, name: string, by: string): string {
  let replaced = "";
  let from = 0;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    if (isNamePart(text[at - 1]) || isNamePart(text[at + name.length], text[at + name.length + 1])) continue;
    replaced += text.slice(from, at) + by;
    from = at + name.length;
  }
  return replaced + text.slice(from);
}

/** A stop or hyphen belongs to a name only where the name goes on after it. */
function isNamePart(character: string | undefined, next = "x"): boolean {
  if (character === undefined) return false;
  return /[\p{L}\p{N}_]/u.test(character) || (/[-.]/.test(character) && /[\p{L}\p{N}]/u.test(next));
}

function compareGroups(a: ExplainGroup, b: ExplainGroup): number {
  const reached = ({ checks }: ExplainGroup) => checks.filter(({ check }) => check.result !== "notReached").length;
  return (
    compareAddressTexts(a.first.address, b.first.address) ||
    compareText(a.first.service, b.first.service) ||
    compareText(a.first.kind ?? "", b.first.kind ?? "") ||
    Number(b.first.announced) - Number(a.first.announced) ||
    reached(b) - reached(a) ||
    compareText(a.first.advertisement ?? "", b.first.advertisement ?? "") ||
    compareText(a.first.reason, b.first.reason)
  );
}

function compareAddressTexts(a: string | null, b: string | null): number {
  const [one, other] = [parsed(a), parsed(b)];
  if (one === null || other === null) return Number(other === null) - Number(one === null) || compareText(a ?? "", b ?? "");
  return compareAddresses(one, other);
}

function parsed(text: string | null): Address | null {
  const result = parseAddress(text ?? "");
  return result.ok ? result.value : null;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
