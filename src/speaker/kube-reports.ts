/** What a speaker tells the API server: its BGPNodeStatus, and Events. Nothing comes back from it: a server that takes none of it changes no route. */

import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/client.ts";
import { EventWriter } from "../kube/events.ts";
import type { Log } from "../log.ts";
import type { Finding } from "../objects/kinds.ts";
import type { PlanChange } from "../plan/change.ts";
import type { Planner } from "../plan/planner.ts";
import type { SourceBatch } from "../source/source.ts";
import type { NodeStatusInputs } from "./node-status.ts";
import { NodeStatusReport } from "./node-status-report.ts";
import { ServiceEvents } from "./service-events.ts";

export interface ReportTo {
  /** Of its own: what it is asked to wait for holds up no list and no watch. */
  readonly client: Pick<KubeClient, "create" | "patch" | "apply" | "close">;
  /** Version of Herald. */
  readonly version: string;
}

export interface KubeReportsPorts extends ReportTo {
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly namespace: string;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  readonly planner: Pick<Planner, "serviceUid" | "decisions">;
  look(): Omit<NodeStatusInputs, "version" | "findings" | "decisions">;
}

export class KubeReports {
  readonly #ports: KubeReportsPorts;
  readonly #events: EventWriter;
  readonly #services: ServiceEvents;
  readonly #status: NodeStatusReport;
  readonly #nodes = new Set<string>();
  #nodeUid: string | null = null;
  #findings: readonly Finding[] = [];

  constructor(ports: KubeReportsPorts, nodeStatus: boolean) {
    const { client, clock, log, node, namespace, random, planner, version } = ports;
    this.#ports = ports;
    this.#events = new EventWriter({ client, clock, log, controller: "herald.dev/speaker", instance: node, random });
    this.#services = new ServiceEvents({
      clock,
      node,
      emit: (event) => this.#events.emit(event),
      serviceUid: (service) => planner.serviceUid(service),
      nodeUid: () => this.#nodeUid,
      nodes: () => this.#nodes.size,
    });
    const look = (): NodeStatusInputs => ({ ...ports.look(), version, findings: this.#findings, decisions: planner.decisions() });
    this.#status = new NodeStatusReport({ client, clock, log, node, namespace, random, look }, nodeStatus);
  }

  switchNodeStatus(on: boolean): void {
    this.#status.switch(on);
  }

  observe({ changes, findings }: SourceBatch): void {
    for (const change of changes) {
      if (change.type === "set" && change.object.kind === "Node") this.#nodes.add(change.object.metadata.name);
      if (change.type === "delete" && change.ref.kind === "Node") this.#nodes.delete(change.ref.name);
      if (change.type === "set" && change.object.kind === "Node" && change.object.metadata.name === this.#ports.node)
        this.#nodeUid = change.object.metadata.uid;
      if (change.type === "delete" && change.ref.kind === "Node" && change.ref.name === this.#ports.node) this.#nodeUid = null;
    }
    this.#status.setNode(this.#nodeUid);
    if (findings.length > 0 || this.#findings.length > 0) this.#status.changed();
    this.#findings = findings;
  }

  /** Part of a round of decisions. */
  changed(change: PlanChange): void {
    this.#services.changed(change);
  }

  /** A round of decisions is over. */
  decided(): void {
    this.#services.synced(this.#ports.planner.decisions().announced);
    this.#status.changed();
  }

  /** Something became of a session. */
  happened(): void {
    this.#status.changed();
  }

  async stop(): Promise<void> {
    this.#services.stop();
    this.#events.stop();
    await this.#status.stop();
    this.#ports.client.close();
  }
}
