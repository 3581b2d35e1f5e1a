import { bfdProfileSpec, projectBFDProfile } from "./bfd-profile.ts";
import { bgpAdvertisementSpec, projectBGPAdvertisement } from "./bgp-advertisement.ts";
import { bgpPeerSpec, projectBGPPeer } from "./bgp-peer.ts";
import { communitySpec, projectCommunity } from "./community.ts";
import type { FieldPath, Report } from "./findings.ts";
import { ipAddressPoolSpec, projectIPAddressPool } from "./ip-address-pool.ts";
import type { ClusterObject, Metadata, OwnObject } from "./kinds.ts";
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

/** One kind of ours: everything that a CRD and a check need. */
export interface Definition {
  readonly kind: OwnObject["kind"];
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: { readonly description: string; readonly crd: CrdSchema };
  /** Fields of status besides conditions and observedGeneration. */
  readonly status: Readonly<Record<string, CrdSchema>>;
  readonly columns: readonly PrinterColumn[];
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

/** Kinds of ours that are read here, in the order of `herald crds`. */
export const DEFINITIONS: readonly Definition[] = [
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    shortNames: ["bgpp"],
    description: "A router that Herald peers with.",
    status: {},
    columns: [
      { name: "Address", type: "string", jsonPath: ".spec.peerAddress", description: "Address of the peer" },
      { name: "Peer ASN", type: "string", jsonPath: ".spec.peerASN", description: "AS number of the peer" },
      { name: "My ASN", type: "integer", jsonPath: ".spec.myASN", description: "Our AS number" },
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
    columns: [{ name: "Aliases", type: "string", jsonPath: ".spec.communities[*].name", description: "The names" }],
    ...reader(communitySpec, projectCommunity),
  },
  {
    kind: "IPAddressPool",
    plural: "ipaddresspools",
    shortNames: ["bgppool"],
    description: "Addresses for Services of type LoadBalancer.",
    status: { assigned: perFamily("Addresses in use"), available: perFamily("Addresses left") },
    columns: [
      { name: "Auto assign", type: "boolean", jsonPath: ".spec.autoAssign", description: "Given to Services that ask for no pool" },
      { name: "Addresses", type: "string", jsonPath: ".spec.addresses", description: "The pool's addresses" },
      { name: "Assigned", type: "integer", jsonPath: ".status.assigned.ipv4", description: "IPv4 addresses in use", priority: 1 },
      { name: "Available", type: "integer", jsonPath: ".status.available.ipv4", description: "IPv4 addresses left", priority: 1 },
    ],
    ...reader(ipAddressPoolSpec, projectIPAddressPool),
  },
  {
    kind: "BFDProfile",
    plural: "bfdprofiles",
    shortNames: ["bfdp"],
    description: "How BFD watches the way to a peer.",
    status: {},
    columns: [
      { name: "Receive", type: "integer", jsonPath: ".spec.receiveInterval", description: "Shortest interval we can receive at, ms" },
      { name: "Transmit", type: "integer", jsonPath: ".spec.transmitInterval", description: "Shortest interval we want to send at, ms" },
      { name: "Multiplier", type: "integer", jsonPath: ".spec.detectMultiplier", description: "Packets in a row to be missed" },
    ],
    ...reader(bfdProfileSpec, projectBFDProfile),
  },
];

/** Kinds of ours that other parts of Herald read: here they are accepted and left alone. */
export const OTHER_KINDS: readonly string[] = ["BGPNodeStatus"];

function reader<T>(spec: Schema<T>, project: (value: T, metadata: Metadata) => ClusterObject): Pick<Definition, "spec" | "read"> {
  return {
    spec,
    read(raw, path, report, metadata) {
      const value = spec.read(raw, path, report);
      return value === INVALID ? INVALID : project(value, metadata);
    },
  };
}
