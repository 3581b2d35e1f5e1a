/**
 * The scenario of `herald demo --once`. What the router has to hold after each step is written down here, not computed: the speakers are what is
 * on trial. Edits are of the text of the files, as a person would make them; one that does not find its text fails, so that files and scenario
 * stay together.
 */

import type { RouterTable, TableEntry } from "./table.ts";
import { sortTable } from "./table.ts";

/** What the scenario does to the rack. */
export type Action = "services" | readonly Edit[] | { readonly restart: string };

/** An edit of one file of the cluster: every `from` becomes `to`. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Step {
  readonly name: string;
  /** What happens to the cluster, in words. */
  readonly change: string;
  /** `services` puts the Services' files in place; edits of files; or the speaker of a node restarts, while the table has to stay as it is. */
  readonly action: Action;
  readonly expected: RouterTable;
  /** A next hop that first has to say that it is about to go (RFC 8326). */
  readonly leaves: string | null;
  /** Set where every speaker has to name this place and field in an error. */
  readonly error: { readonly file: string; readonly field: string } | null;
}

const V4 = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const;
const V6 = ["fd00::1", "fd00::2", "fd00::3"] as const;

/** A Service's LoadBalancer addresses and ClusterIPs, IPv4 and IPv6, on the nodes with these numbers. */
function addressesOf(number: number, nodes: readonly (1 | 2 | 3)[]): TableEntry[] {
  return [
    entry(`10.96.0.${number}/32`, V4, nodes),
    entry(`fd00:96::${number}/128`, V6, nodes),
    entry(`203.0.113.${number}/32`, V4, nodes),
    entry(`2001:db8:113::${number}/128`, V6, nodes),
  ];
}

function entry(prefix: string, hops: readonly string[], nodes: readonly (1 | 2 | 3)[], weights: readonly number[] = []): TableEntry {
  return { prefix, paths: nodes.map((node, index) => ({ nextHop: hops[node - 1] ?? "", weight: weights[index] ?? 1 })) };
}

const WEB = [...addressesOf(10, [1, 2, 3]), entry("198.51.100.10/32", V4, [1, 2, 3])];
const VIDEO_CLUSTER_IPS = [entry("10.96.0.40/32", V4, [1, 2, 3]), entry("fd00:96::40/128", V6, [1, 2, 3])];
const VIDEO_WEIGHTED = [entry("203.0.113.40/32", V4, [1, 2, 3], [3, 1, 1]), entry("2001:db8:113::40/128", V6, [1, 2, 3], [3, 1, 1])];

const START = sortTable([...WEB, ...addressesOf(20, [1, 2]), ...addressesOf(30, [2, 3]), ...addressesOf(40, [1, 2, 3])]);
const ENDPOINT_GONE = sortTable([...WEB, ...addressesOf(20, [1]), ...addressesOf(30, [2, 3]), ...addressesOf(40, [1, 2, 3])]);
const WEIGHTS = sortTable([...WEB, ...addressesOf(20, [1]), ...addressesOf(30, [2, 3]), ...VIDEO_CLUSTER_IPS, ...VIDEO_WEIGHTED]);
const TERMINATING = sortTable([...WEB, ...addressesOf(20, [1]), ...addressesOf(30, [2]), ...VIDEO_CLUSTER_IPS, ...VIDEO_WEIGHTED]);

/** Without node-1, on which the only pods of shop/api are. */
const DRAINED = sortTable([
  ...addressesOf(10, [2, 3]),
  entry("198.51.100.10/32", V4, [2, 3]),
  ...addressesOf(30, [2]),
  ...addressesOf(40, [2, 3]),
]);

const NODES = "nodes.yaml";
const API = "services/api.yaml";
const VIDEO = "services/video.yaml";
const CHAT = "services/chat.yaml";
const WEB_FILE = "services/web.yaml";

export const SCENARIO: readonly Step[] = [
  {
    name: "start",
    change: "five Services appear",
    action: "services",
    expected: START,
    leaves: null,
    error: null,
  },
  {
    name: "endpoint-gone",
    change: "pod api-2, the only one of shop/api on node-2, is gone",
    action: [
      { file: API, from: pod("10.244.2.20", "node-2", "api-2"), to: "" },
      { file: API, from: pod('"fd00:244:2::20"', "node-2", "api-2"), to: "" },
    ],
    expected: ENDPOINT_GONE,
    leaves: null,
    error: null,
  },
  {
    name: "weights",
    change: "two more pods of shop/video start on node-1: 3:1:1",
    action: [
      {
        file: VIDEO,
        from: pod("10.244.1.40", "node-1", "video-1"),
        to: pod("10.244.1.40", "node-1", "video-1") + pod("10.244.1.41", "node-1", "video-4") + pod("10.244.1.42", "node-1", "video-5"),
      },
      {
        file: VIDEO,
        from: pod('"fd00:244:1::40"', "node-1", "video-1"),
        to:
          pod('"fd00:244:1::40"', "node-1", "video-1") +
          pod('"fd00:244:1::41"', "node-1", "video-4") +
          pod('"fd00:244:1::42"', "node-1", "video-5"),
      },
    ],
    expected: WEIGHTS,
    leaves: null,
    error: null,
  },
  {
    name: "terminating",
    change: "pod chat-2 of shop/chat on node-3 is terminating",
    action: [
      { file: CHAT, from: pod("10.244.3.30", "node-3", "chat-2"), to: terminatingPod("10.244.3.30", "node-3", "chat-2") },
      { file: CHAT, from: pod('"fd00:244:3::30"', "node-3", "chat-2"), to: terminatingPod('"fd00:244:3::30"', "node-3", "chat-2") },
    ],
    expected: TERMINATING,
    leaves: null,
    error: null,
  },
  {
    name: "drain",
    change: "node-1 is drained",
    action: [
      {
        file: NODES,
        from: "  labels: { kubernetes.io/hostname: node-1 }\n",
        to: "  labels: { kubernetes.io/hostname: node-1 }\n  annotations: { herald.dev/drain: maintenance }\n",
      },
    ],
    expected: DRAINED,
    leaves: V4[0],
    error: null,
  },
  {
    name: "restart",
    change: "the speaker of node-2 restarts",
    action: { restart: "node-2" },
    expected: DRAINED,
    leaves: null,
    error: null,
  },
  {
    name: "broken-file",
    change: "a typing error in services/web.yaml",
    action: [{ file: WEB_FILE, from: "externalTrafficPolicy: Cluster", to: "externalTrafficPolicy: Clutser" }],
    expected: DRAINED,
    leaves: null,
    error: { file: WEB_FILE, field: "spec.externalTrafficPolicy" },
  },
];

/** One line of a file's `endpoints`. */
function pod(address: string, node: string, name: string): string {
  return `  - { addresses: [${address}], nodeName: ${node}, conditions: { ready: true }, targetRef: { kind: Pod, name: ${name} } }\n`;
}

function terminatingPod(address: string, node: string, name: string): string {
  return pod(address, node, name).replace("{ ready: true }", "{ ready: false, serving: true, terminating: true }");
}
