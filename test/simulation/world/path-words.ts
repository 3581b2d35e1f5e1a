/** A path as one line: what came over the wire, and what the naive planner asks for, in the same words. */

import type { NextHop, PathAttributes } from "../../../src/bgp/wire/messages.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import { encodeLinkBandwidth } from "../../../src/ip/link-bandwidth.ts";
import { list, num, record, text } from "../../support/lab/json.ts";

export function describePath(attributes: PathAttributes, nextHop: NextHop): string {
  const { origin, asPath = [], med, localPref, communities = [], largeCommunities = [], extendedCommunities = [] } = attributes;
  return words({
    nextHop: formatAddress(nextHop.address),
    origin: origin ?? "none",
    asPath: asPath.flatMap(({ asns }) => asns),
    med: med ?? null,
    localPref: localPref ?? null,
    communities,
    large: largeCommunities.map((large) => large.join(":")),
    extended: extendedCommunities,
  });
}

/** `json`: attributes as the naive planner writes them. */
export function expectedPath(json: string, session: { readonly nextHop: string; readonly asn: number; readonly ibgp: boolean }): string {
  const wanted = record(JSON.parse(json));
  const { nextHop, asn, ibgp } = session;
  const weight = wanted["linkBandwidth"];
  const bandwidth =
    weight === null ? [] : [encodeLinkBandwidth({ asn, bytesPerSecond: num(weight), transitive: wanted["transitive"] === true })];
  return words({
    nextHop,
    origin: "igp",
    asPath: ibgp ? [] : Array.from({ length: 1 + num(wanted["prepend"]) }, () => asn),
    med: wanted["med"] === null ? null : num(wanted["med"]),
    localPref: !ibgp ? null : wanted["localPref"] === null ? 100 : num(wanted["localPref"]),
    communities: list(wanted["communities"]).map(num),
    large: list(wanted["large"]).map(text),
    extended: [...list(wanted["extended"]).map(text), ...bandwidth],
  });
}

interface PathWords {
  readonly nextHop: string;
  readonly origin: string;
  readonly asPath: readonly number[];
  readonly med: number | null;
  readonly localPref: number | null;
  readonly communities: readonly number[];
  readonly large: readonly string[];
  readonly extended: readonly string[];
}

function words({ nextHop, origin, asPath, med, localPref, communities, large, extended }: PathWords): string {
  const shown = communities.map((value) => `${value >>> 16}:${value & 0xffff}`).sort();
  const all = [...shown, ...[...large].sort(), ...[...extended].sort()].join(" ");
  return `via ${nextHop} ${origin} [${asPath.join(" ")}] med ${med ?? "-"} pref ${localPref ?? "-"} {${all}}`;
}
