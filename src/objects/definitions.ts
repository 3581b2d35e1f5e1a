import { bgpAdvertisementSpec, projectBGPAdvertisement } from "./bgp-advertisement.ts";
import { NODE_STATUS_FIELDS } from "./bgp-node-status.ts";
import { bgpPeerSpec, projectBGPPeer } from "./bgp-peer.ts";
import { communitySpec, projectCommunity } from "./community.ts";
import type { FieldPath, Report } from "./findings.ts";
import { ipAddressPoolSpec, projectIPAddressPool } from "./ip-address-pool.ts";
import type { ClusterObject, Metadata } from "./kinds.ts";
import { type CrdSchema, INVALID, type Invalid, type Schema } from "./schema.ts";

/** The API group of Herald's own kinds. */
export const GROUP = "herald.dev";
export const VERSION = "v1alpha1";

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** 1 = only with `-o wide`. */
  readonly priority?: 0 | 1;
}

/** One kind of ours as a CRD says it. */
export interface CustomKind {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  /** null = the kind is status alone. */
  readonly spec: { readonly description: string; readonly crd: CrdSchema } | null;
  /** Fields of status besides conditions and observedGeneration. */
  readonly status: Readonly<Record<string, CrdSchema>>;
  readonly columns: readonly PrinterColumn[];
}

/** One kind of ours that people write: everything that a CRD and a check need. */
export interface Definition extends CustomKind {
  readonly kind: "BGPPeer" | "BGPAdvertisement" | "Community" | "IPAddressPool";
  readonly spec: { readonly description: string; readonly crd: CrdSchema };
  /** Checks the spec and makes the object. */
  read(spec: unknown, path: FieldPath, report: Report, metadata: Metadata): ClusterObject | Invalid;
}

const perFamily = (what: string): CrdSchema => ({
  type: "object",
  description: `${what}, per family.`,
  properties: {
    ipv4: { type: "integer", format: "int64", minimum: 0, description: `${what}, IPv4.` },
    ipv6: { type: "string", maxLength: 40, description: `${what}, IPv6: text, because there may be more than an integer holds.` },
  },
});

const READY: PrinterColumn = conditionColumn("Ready", "Works as it is written");
const ACCEPTED: PrinterColumn = conditionColumn("Accepted", "Valid, and in force");

/** Kinds of ours that are read here, in the order of `herald crds`. */
export const DEFINITIONS: readonly Definition[] = [
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    shortNames: ["bgpp"],
    description: "A router that Herald peers with.",
    status: {
      sessions: { type: "string", maxLength: 32, description: "Nodes whose session is established, of those that want one, as in 2/3." },
    },
    columns: [
      { name: "Address", type: "string", jsonPath: ".spec.peerAddress", description: "Address of the peer" },
      { name: "Peer ASN", type: "string", jsonPath: ".spec.peerASN", description: "AS number of the peer" },
      { name: "My ASN", type: "integer", jsonPath: ".spec.myASN", description: "Our AS number" },
      { name: "Sessions", type: "string", jsonPath: ".status.sessions", description: "Nodes with a session, of those that want one" },
      READY,
      { name: "BFD", type: "string", jsonPath: ".spec.bfdProfile", description: "BFD profile", priority: 1 },
      { name: "Passive", type: "boolean", jsonPath: ".spec.passive", description: "Waits for the peer to dial", priority: 1 },
    ],
    ...reader(bgpPeerSpec, projectBGPPeer),
  },
  {
    kind: "BGPAdvertisement",
    plural: "bgpadvertisements",
    shortNames: ["bgpadv"],
    description: "What Herald announces, to whom, and how.",
    status: {},
    columns: [
      { name: "Addresses", type: "string", jsonPath: ".spec.addresses", description: "Kinds of addresses" },
      { name: "CIDRs", type: "string", jsonPath: ".spec.cidrs", description: "Prefixes the addresses lie in" },
      { name: "Peers", type: "string", jsonPath: ".spec.peers", description: "Peers announced to" },
      READY,
      { name: "Communities", type: "string", jsonPath: ".spec.communities", description: "Communities of the routes", priority: 1 },
      { name: "Pools", type: "string", jsonPath: ".spec.ipAddressPools", description: "Pools the addresses come from", priority: 1 },
    ],
    ...reader(bgpAdvertisementSpec, projectBGPAdvertisement),
  },
  {
    kind: "Community",
    plural: "communities",
    shortNames: [],
    description: "Names for communities.",
    status: {},
    columns: [{ name: "Aliases", type: "string", jsonPath: ".spec.communities[*].name", description: "The names" }, ACCEPTED],
    ...reader(communitySpec, projectCommunity),
  },
  {
    kind: "IPAddressPool",
    plural: "ipaddresspools",
    shortNames: ["bgppool", "bgppools"],
    description: "Addresses for Services of type LoadBalancer.",
    status: { assigned: perFamily("Addresses in use"), available: perFamily("Addresses left") },
    columns: [
      { name: "Auto assign", type: "boolean", jsonPath: ".spec.autoAssign", description: "Given to Services that ask for no pool" },
      { name: "Addresses", type: "string", jsonPath: ".spec.addresses", description: "The pool's addresses" },
      { name: "Assigned", type: "integer", jsonPath: ".status.assigned.ipv4", description: "IPv4 addresses in use" },
      { name: "Available", type: "integer", jsonPath: ".status.available.ipv4", description: "IPv4 addresses left" },
      { name: "Assigned IPv6", type: "integer", jsonPath: ".status.assigned.ipv6", description: "IPv6 addresses in use", priority: 1 },
      { name: "Available IPv6", type: "string", jsonPath: ".status.available.ipv6", description: "IPv6 addresses left", priority: 1 },
      ACCEPTED,
    ],
    ...reader(ipAddressPoolSpec, projectIPAddressPool),
  },
];

/** Kinds of ours that Herald alone writes. */
export const WRITTEN_KINDS: readonly CustomKind[] = [
  {
    kind: "BGPNodeStatus",
    plural: "bgpnodestatuses",
    shortNames: ["bgpns"],
    description: "What the speaker of the node of the same name says about itself. Written by Herald; nothing depends on it.",
    spec: null,
    status: NODE_STATUS_FIELDS,
    columns: [
      { name: "Sessions", type: "string", jsonPath: ".status.sessions.summary", description: "Sessions established, of those wanted" },
      { name: "IPv4", type: "integer", jsonPath: ".status.announced.ipv4", description: "IPv4 prefixes announced" },
      { name: "IPv6", type: "integer", jsonPath: ".status.announced.ipv6", description: "IPv6 prefixes announced" },
      conditionColumn("Ready", "Everything was read and decided"),
      conditionColumn("Drained", "The node draws no new traffic"),
      { ...conditionColumn("SourceLost", "Decides by what was last read of a kind"), priority: 1 },
      { name: "Version", type: "string", jsonPath: ".status.version", description: "Version of the speaker", priority: 1 },
    ],
  },
];

function conditionColumn(type: string, description: string): PrinterColumn {
  return { name: type, type: "string", jsonPath: `.status.conditions[?(@.type=="${type}")].status`, description };
}

/** Kinds of ours that other parts of Herald read: here they are accepted and left alone. */
export const OTHER_KINDS: readonly string[] = ["BFDProfile", "BGPNodeStatus"];

function reader<T>(spec: Schema<T>, project: (value: T, metadata: Metadata) => ClusterObject): Pick<Definition, "spec" | "read"> {
  return {
    spec,
    read(raw, path, report, metadata) {
      const value = spec.read(raw, path, report);
      return value === INVALID ? INVALID : project(value, metadata);
    },
  };
}
