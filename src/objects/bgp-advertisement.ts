import { parseCommunity, parseExtendedCommunity } from "../ip/communities.ts";
import { communityOrAliasRule, RATE_RULE } from "./cel.ts";
import { ALIAS_PATTERN } from "./community.ts";
import { cidr, names, selectors } from "./fields.ts";
import type { BGPAdvertisement, Metadata } from "./kinds.ts";
import { parseRate, RATE_ALLOWED } from "./rate.ts";
import { boolean, choice, integer, numberOrText, type Parsed, text } from "./scalars.ts";
import type { TypeOf } from "./schema.ts";
import { list, object, optional, orElse, withDefault } from "./structures.ts";

const COMMUNITY_ALLOWED = "65000:1, large:1:2:3, a well-known name like no-export, or an alias of a Community object";

const linkBandwidth = object(
  "Weights for weighted ECMP: each route carries the Link Bandwidth community (RFC 10005), endpoints on the node × perEndpoint.",
  {
    perEndpoint: withDefault(
      numberOrText("Bits per second that one endpoint stands for.", parseRate, { allowed: RATE_ALLOWED, cel: [RATE_RULE] }),
      "1G",
    ),
    transitive: withDefault(boolean("Send the transitive form of the community."), true),
  },
);

/** spec of a BGPAdvertisement. */
export const bgpAdvertisementSpec = object(
  "Which addresses are announced, from which nodes to which peers, and with what attributes.",
  {
    addresses: withDefault(
      list("Kinds of addresses to announce.", choice("A kind.", ["ClusterIP", "ExternalIP", "LoadBalancerIP"]), { min: 1, max: 3 }),
      ["LoadBalancerIP"],
    ),
    cidrs: orElse(
      list("Announce only addresses in these prefixes. ExternalIPs are never announced without.", cidr("A prefix."), { max: 256 }),
      [],
    ),
    ipAddressPools: orElse(names("Announce only addresses of these pools."), []),
    ipAddressPoolSelectors: orElse(selectors("Announce only addresses of pools with these labels."), []),
    serviceSelectors: orElse(selectors("Services to announce; all by default."), []),
    namespaceSelectors: orElse(selectors("Namespaces whose Services to announce; all by default."), []),
    nodeSelectors: orElse(selectors("Nodes that announce; all by default."), []),
    peers: orElse(names("BGPPeers to announce to; all by default."), []),
    aggregationLength: withDefault(
      integer("Length of IPv4 routes; under 32, Cluster-policy addresses are announced as aggregates.", { min: 1, max: 32 }),
      32,
    ),
    aggregationLengthV6: withDefault(
      integer("Length of IPv6 routes; under 128, Cluster-policy addresses are announced as aggregates.", { min: 1, max: 128 }),
      128,
    ),
    blocks: orElse(list("Prefixes that every node announces, whatever the Services.", cidr("A prefix."), { max: 64 }), []),
    localPref: optional(integer("LOCAL_PREF, towards iBGP peers.", { min: 0, max: 4_294_967_295 })),
    med: optional(integer("MULTI_EXIT_DISC.", { min: 0, max: 4_294_967_295 })),
    communities: orElse(
      list(
        "Communities of the routes.",
        text("A community.", parseCommunityOrAlias, {
          maxLength: 63,
          allowed: COMMUNITY_ALLOWED,
          cel: [communityOrAliasRule(ALIAS_PATTERN)],
        }),
        {
          max: 64,
        },
      ),
      [],
    ),
    extendedCommunities: orElse(
      list(
        "Extended communities of the routes (RFC 4360).",
        text("Eight octets.", parseExtendedCommunity, {
          maxLength: 18,
          pattern: "^0x[0-9a-fA-F]{16}$",
          allowed: "0x and 16 hex digits, in quotes",
        }),
        { max: 32 },
      ),
      [],
    ),
    asPathPrepend: withDefault(integer("How many more times our AS number stands in AS_PATH, towards eBGP peers.", { min: 0, max: 16 }), 0),
    linkBandwidth: optional(linkBandwidth),
    endpointPolicy: withDefault(choice("Which endpoints count.", ["Ready", "Serving", "ServingIfLast"]), "ServingIfLast"),
    withoutEndpoints: withDefault(
      choice("What happens to addresses without any endpoint that counts.", ["Withdraw", "Announce"]),
      "Withdraw",
    ),
    maxAnnouncers: optional(integer("Announce each address from at most so many nodes.", { min: 1, max: 65535 })),
    dataplaneGate: withDefault(choice("Wait for the node's service proxy before announcing.", ["Off", "Prefer", "Require"]), "Prefer"),
  },
  [
    {
      cel: "!has(self.addresses) || self.addresses.all(a, self.addresses.exists_one(b, a == b))",
      message: "a kind stands in addresses twice",
      field: "addresses",
      holds: ({ addresses }) => new Set(addresses).size === addresses.length,
    },
  ],
);

/** herald.dev/v1alpha1 BGPAdvertisement. */
export function projectBGPAdvertisement(spec: TypeOf<typeof bgpAdvertisementSpec>, metadata: Metadata): BGPAdvertisement {
  const { linkBandwidth: weights, ...same } = spec;
  return {
    kind: "BGPAdvertisement",
    metadata,
    ...same,
    linkBandwidth: weights === null ? null : { bytesPerSecondPerEndpoint: weights.perEndpoint, transitive: weights.transitive },
  };
}

function parseCommunityOrAlias(value: string): Parsed<string> {
  if (new RegExp(ALIAS_PATTERN).test(value)) return { ok: true, value };
  const parsed = parseCommunity(value);
  return parsed.ok ? { ok: true, value } : parsed;
}
