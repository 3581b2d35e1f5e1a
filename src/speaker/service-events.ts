/**
 * Tells on a Service, as Events, when this node begins and ceases to announce an address of it. What comes in crowds (the first decisions, a drain) is
 * told once, on the Node.
 */

import type { Clock, Timer } from "../clock.ts";
import { formatAddress } from "../ip/format.ts";
import type { EventSubject, ObjectEvent } from "../kube/events.ts";
import { rank } from "../plan/announcers.ts";
import type { PlanChange, Transition } from "../plan/change.ts";
import type { ReasonCode } from "../plan/reasons.ts";

export interface ServiceEventsPorts {
  readonly clock: Clock;
  readonly node: string;
  emit(event: ObjectEvent): void;
  /** metadata.uid by `namespace/name`; null where there is no such Service. */
  serviceUid(service: string): string | null;
  /** metadata.uid of this node's Node; null while it is not known. */
  nodeUid(): string | null;
  /** Nodes of the cluster. */
  nodes(): number;
}

/** Events on Services leave as a burst and then one a second; the rest is told on the Node. Milliseconds. */
const BUCKET = { burst: 20, interval: 1000 } as const;
const CROWD = 10_000;
/** In a cluster of more nodes than this, about so many tell of an address: the same Event from a thousand nodes tells nobody more. */
const TELLERS = 50;

/** Reasons that somebody may have to do something about. */
const WARNINGS: ReadonlySet<string> = new Set<ReasonCode>([
  "nodeNetworkUnavailable",
  "noEndpoints",
  "dataplaneNotReady",
  "peerFamilyNotNegotiated",
  "noNextHop",
  "heldDown",
  "announceLimit",
]);

type Turn = NonNullable<Transition["turned"]>;

export class ServiceEvents {
  readonly #ports: ServiceEventsPorts;
  readonly #crowd = { announced: new Map<string, number>(), withdrawn: new Map<string, number>() };
  #first = true;
  #fullAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(ports: ServiceEventsPorts) {
    this.#ports = ports;
  }

  /** Decisions that became others. */
  changed({ transitions, transitionsOmitted }: Pick<PlanChange, "transitions" | "transitionsOmitted">): void {
    if (this.#first) return;
    for (const transition of transitions) if (transition.turned !== null) this.#turned(transition, transition.turned);
    // The planner describes a thousand; the others most likely went the same way.
    const last = transitions.at(-1);
    if (transitionsOmitted > 0 && last !== undefined)
      this.#join(last.announced ? "announced" : "withdrawn", last.reason, transitionsOmitted);
  }

  /** Everything was decided once. @param announced addresses that are announced */
  synced(announced: number): void {
    if (!this.#first) return;
    this.#first = false;
    if (announced > 0) this.#tellOnNode("announced", `${addresses(announced)} announced by this node since the speaker started`);
  }

  stop(): void {
    this.#first = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #turned(transition: Transition, turned: Turn): void {
    const { service, address, reason, detail } = transition;
    const { emit, serviceUid, node, nodes } = this.#ports;
    const uid = serviceUid(service);
    // Of what is gone nobody asks.
    if (address === null || uid === null) return;
    const written = formatAddress(address);
    if (!speaksFor(`${service} ${written}`, node, nodes())) return;
    if (!this.#take()) {
      this.#join(turned, reason, 1);
      return;
    }
    const slash = service.indexOf("/");
    const regarding: EventSubject = {
      apiVersion: "v1",
      kind: "Service",
      namespace: service.slice(0, slash),
      name: service.slice(slash + 1),
      uid,
    };
    const words = turned === "announced" ? `${written} on ${node}: ${detail}` : `${written} on ${node}: ${reason}: ${detail}`;
    emit({ regarding, ...wordsOf(turned), type: turned === "withdrawn" && WARNINGS.has(reason) ? "Warning" : "Normal", note: words });
  }

  #take(): boolean {
    const now = this.#ports.clock.now();
    const fullAt = Math.max(this.#fullAt, now) + BUCKET.interval;
    if (fullAt - now > BUCKET.burst * BUCKET.interval) return false;
    this.#fullAt = fullAt;
    return true;
  }

  #join(turned: Turn, reason: string, count: number): void {
    const counts = this.#crowd[turned];
    counts.set(reason, (counts.get(reason) ?? 0) + count);
    this.#timer ??= this.#ports.clock.setTimer(CROWD, () => {
      this.#timer = null;
      this.#tellCrowd();
    });
  }

  #tellCrowd(): void {
    for (const turned of ["announced", "withdrawn"] as const) {
      const counts = [...this.#crowd[turned]].sort(([, a], [, b]) => b - a);
      this.#crowd[turned].clear();
      if (counts.length === 0) continue;
      const sum = counts.reduce((total, [, count]) => total + count, 0);
      const reasons = counts.map(([reason, count]) => `${reason} ${count}`).join(", ");
      this.#tellOnNode(turned, `${addresses(sum)} ${turned} by this node${turned === "announced" ? "" : `: ${reasons}`}`);
    }
  }

  #tellOnNode(turned: Turn, note: string): void {
    const { node, nodeUid, emit } = this.#ports;
    const uid = nodeUid();
    if (uid === null) return;
    emit({ regarding: { apiVersion: "v1", kind: "Node", namespace: "", name: node, uid }, type: "Normal", ...wordsOf(turned), note });
  }
}

function wordsOf(turned: Turn): { readonly reason: string; readonly action: string } {
  return turned === "announced" ? { reason: "Announced", action: "Announce" } : { reason: "Withdrawn", action: "Withdraw" };
}

function addresses(count: number): string {
  return count === 1 ? "1 address of a Service" : `${count} addresses of Services`;
}

/** Whether this node is one of those that tell of the address; the same nodes for announced and withdrawn. */
function speaksFor(subject: string, node: string, nodes: number): boolean {
  return nodes <= TELLERS || rank(subject, node) < (TELLERS / nodes) * 0x1_0000_0000;
}
