import type { RouterTable } from "./table.ts";

/** Names of `--router`. */
export const ROUTER_NAMES = ["builtin", "frr", "gobgp", "bird"] as const;
export type RouterName = (typeof ROUTER_NAMES)[number];

/** Looked at again after this in any case: nothing tells of a speaker that has ended. */
export const LOOK_MILLIS = 500;

/** A node of the demo and where its speaker is to be found. */
export interface DemoNode {
  readonly name: string;
  /** BGP Identifier, also the node's IPv4 next hop. */
  readonly routerId: string;
  /** Where its session ends: 127.0.0.1 towards the built-in router, an address of its own towards a daemon. */
  readonly sessionAddress: string;
}

export const NODE_ASN = 65001;
export const ROUTER_ASN = 65000;

/** A Top-of-Rack router as the demo needs it: it peers with the speakers, and its table can be read. */
export interface DemoRouter {
  /** In words: `FRR 8.4.4`. */
  readonly product: string;
  /** True when the router calls the speakers, which then listen; false when they call it. */
  readonly dials: boolean;
  /** The BGPPeer objects that lead the speakers to it, as YAML. */
  peers(nodes: readonly DemoNode[]): string;
  /** Starts it. `ports`: where each speaker listens, by node name; empty unless it dials. @throws {SpeakerError} when it does not come up */
  start(nodes: readonly DemoNode[], ports: ReadonlyMap<string, number>): Promise<void>;
  /** Sessions that are up now. */
  established(): Promise<number>;
  table(): Promise<RouterTable>;
  /** As of the last look at the table: next hops whose paths say that they are about to go (RFC 8326). */
  readonly leavingHops: readonly string[];
  /**
   * Resolves when table or sessions may have changed since the last look at either, with the signal, or after so many milliseconds. Gives the event
   * loop a turn in any case.
   */
  changed(signal: AbortSignal, patienceMillis: number): Promise<void>;
  stop(): Promise<void>;
}
