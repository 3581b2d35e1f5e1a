import type { Family } from "../ip/address.ts";
import type { Condition } from "./conditions.ts";
import type { CrdSchema } from "./schema.ts";

/**
 * BGPNodeStatus: what a speaker says about itself. Written by it and read by people and by the controller's conditions; never read by a speaker, and
 * nothing that is announced depends on it.
 */

/** A number per family. */
export interface PerFamily {
  readonly ipv4: number;
  readonly ipv6: number;
}

export interface PeerSessionStatus {
  readonly name: string;
  readonly peerAddress: string;
  readonly peerASN: number | string;
  readonly localASN: number;
  readonly state: string;
  /** RFC 3339: since when it is Established, or since when it is not. */
  readonly since: string;
  readonly families: readonly Family[];
  readonly announced: PerFamily;
  readonly flaps: number;
  readonly lastError: SessionErrorStatus | null;
}

export interface SessionErrorStatus {
  /** RFC 3339: when it first happened in a row. */
  readonly at: string;
  readonly direction: string;
  readonly code: number;
  readonly subcode: number;
  readonly name: string;
  readonly text: string;
}

export interface NodeStatus {
  readonly version: string;
  readonly sessions: { readonly established: number; readonly wanted: number; readonly summary: string };
  readonly announced: PerFamily;
  readonly addresses: { readonly announced: number; readonly notAnnounced: readonly { readonly reason: string; readonly count: number }[] };
  readonly peers: readonly PeerSessionStatus[];
  readonly conditions: readonly Condition[];
}

/** A list of sessions longer than this is cut: the API server takes no more. */
export const MOST_PEERS = 256;

const text = (description: string, maxLength: number): CrdSchema => ({ type: "string", maxLength, description });
const count = (description: string): CrdSchema => ({ type: "integer", format: "int64", minimum: 0, description });
const moment = (description: string): CrdSchema => ({ type: "string", format: "date-time", description });

function perFamily(description: string): CrdSchema {
  return { type: "object", description, properties: { ipv4: count("IPv4 prefixes."), ipv6: count("IPv6 prefixes.") } };
}

const LAST_ERROR: CrdSchema = {
  type: "object",
  description: "What last went wrong with the session; not there when nothing has.",
  properties: {
    at: moment("When it first happened in a row."),
    direction: text("Who said so: sent or received for a NOTIFICATION, local for what never left this node.", 16),
    code: count("Error code of the NOTIFICATION (RFC 4271 §4.5); 0 where there was none."),
    subcode: count("Error subcode of the NOTIFICATION."),
    name: text("Name of code and subcode, as IANA has it.", 128),
    text: text("The peer's words (RFC 9003), or the reason in ours.", 1024),
  },
};

const PEER: CrdSchema = {
  type: "object",
  description: "One session.",
  "x-kubernetes-preserve-unknown-fields": true,
  required: ["name"],
  properties: {
    name: text("Name of the BGPPeer.", 253),
    peerAddress: text("Address of the peer; empty while it is not known.", 64),
    peerASN: {
      "x-kubernetes-int-or-string": true,
      description: "AS number that the peer said, or what is configured while it has said nothing.",
    },
    localASN: count("Our AS number."),
    state: {
      type: "string",
      enum: ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"],
      description: "State of RFC 4271 §8.2.2. Of a session that is not established it is the one at the time of writing.",
    },
    since: moment("Since when the session is established, or since when it is not."),
    families: {
      type: "array",
      description: "Families negotiated, or configured while there is no session.",
      maxItems: 2,
      items: text("A family.", 8),
    },
    announced: perFamily("Prefixes that the peer holds from this node."),
    flaps: count("How often the session ended since the speaker started."),
    lastError: LAST_ERROR,
  },
};

/** Fields of status besides conditions and observedGeneration. */
export const NODE_STATUS_FIELDS: Readonly<Record<string, CrdSchema>> = {
  version: text("Version of the speaker.", 64),
  sessions: {
    type: "object",
    description: "Sessions of this node.",
    properties: {
      established: count("Sessions that are established."),
      wanted: count("Sessions that this node wants."),
      summary: text("Both, as in 1/2.", 16),
    },
  },
  announced: perFamily("Prefixes announced by this node, as the peer holds them that holds most."),
  addresses: {
    type: "object",
    description: "Addresses of Services, by what was decided on this node.",
    properties: {
      announced: count("Addresses that this node announces."),
      notAnnounced: {
        type: "array",
        description: "Addresses that this node does not announce, by reason.",
        maxItems: 64,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["reason"],
        items: {
          type: "object",
          description: "One reason.",
          required: ["reason"],
          properties: { reason: text("Reason code.", 64), count: count("Addresses with this reason.") },
        },
      },
    },
  },
  peers: {
    type: "array",
    description: "Sessions of this node, by name of the BGPPeer.",
    maxItems: MOST_PEERS,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    items: PEER,
  },
};
