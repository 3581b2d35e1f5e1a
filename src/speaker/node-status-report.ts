/** Keeps this node's BGPNodeStatus true: looks a second after something happened, and writes what has changed. */

import type { Clock, Timer } from "../clock.ts";
import { type StatusTarget, StatusWriter, type StatusWriterOptions } from "../kube/status-writer.ts";
import type { NodeStatus } from "../objects/bgp-node-status.ts";
import { GROUP, VERSION } from "../objects/definitions.ts";
import { type NodeStatusInputs, nodeStatusOf, sameness, toStatusObject, urgency } from "./node-status.ts";

export interface NodeStatusPorts extends Omit<StatusWriterOptions, "manager"> {
  readonly clock: Clock;
  /** Herald's own namespace. */
  readonly namespace: string;
  readonly node: string;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  look(): NodeStatusInputs;
}

/** Milliseconds. */
const LOOK_AFTER = 1000;
/**
 * Counts change on every node of a cluster at once, whenever a Service comes or goes: they are written after 5 to 35 s, so that a fleet neither writes as
 * one nor all the time.
 */
const COUNTS = { least: 5000, spread: 30_000 } as const;

export class NodeStatusReport {
  readonly #ports: NodeStatusPorts;
  readonly #writer: StatusWriter;
  #on: boolean;
  /** The Node that owns the object: without it there is none, so that it goes with the Node. null = not known. */
  #nodeUid: string | null = null;
  #timer: Timer | null = null;
  #wished: NodeStatus | null = null;
  #ownedBy = "";

  constructor(ports: NodeStatusPorts, on: boolean) {
    this.#ports = ports;
    this.#on = on;
    this.#writer = new StatusWriter({ client: ports.client, clock: ports.clock, log: ports.log, manager: "herald-speaker" });
  }

  /** Off: nothing more is written; what was stands as it is. */
  switch(on: boolean): void {
    this.#on = on;
    this.#wished = null;
    if (!on) this.#writer.forget(this.#target(""));
    this.changed();
  }

  /** The Node object of this node, or null where there is none. */
  setNode(uid: string | null): void {
    if (uid === this.#nodeUid) return;
    this.#nodeUid = uid;
    if (uid === null) this.#writer.forget(this.#target(""));
    this.changed();
  }

  /** Something happened that the status may tell of. */
  changed(): void {
    if (!this.#on || this.#nodeUid === null || this.#timer !== null) return;
    this.#timer = this.#ports.clock.setTimer(LOOK_AFTER, () => {
      this.#timer = null;
      this.#look();
    });
  }

  async stop(): Promise<void> {
    this.#on = false;
    this.#timer?.cancel();
    this.#timer = null;
    await this.#writer.stop();
  }

  #look(): void {
    const uid = this.#nodeUid;
    if (!this.#on || uid === null) return;
    const { clock, look, random } = this.#ports;
    const before = this.#wished;
    const inputs = look();
    const status = nodeStatusOf(inputs, before, clock.wall());
    // What waits for the kernel is not with the peer yet.
    if (inputs.peers.some(({ pending, state }) => pending > 0 && state === "Established")) this.changed();
    if (before !== null && this.#ownedBy === uid && sameness(before) === sameness(status)) return;
    const urgent = before === null || this.#ownedBy !== uid || urgency(before) !== urgency(status);
    this.#wished = status;
    this.#ownedBy = uid;
    this.#writer.want(this.#target(uid), toStatusObject(status), urgent ? 0 : COUNTS.least + random() * COUNTS.spread);
  }

  #target(uid: string): StatusTarget {
    const { namespace, node } = this.#ports;
    return {
      resource: { group: GROUP, version: VERSION, plural: "bgpnodestatuses", namespace },
      apiVersion: `${GROUP}/${VERSION}`,
      kind: "BGPNodeStatus",
      name: node,
      own: {
        metadata: {
          labels: { "app.kubernetes.io/name": "herald", "app.kubernetes.io/part-of": "herald" },
          ownerReferences: [{ apiVersion: "v1", kind: "Node", name: node, uid }],
        },
      },
    };
  }
}
