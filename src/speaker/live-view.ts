/** A running speaker as the admin API and the metrics see it. Reads, never changes; long lists are made while they are read. */

import type { Clock } from "../clock.ts";
import { SpeakerError } from "../errors.ts";
import { formatAddress } from "../ip/format.ts";
import { parseAddress, parsePrefix } from "../ip/parse.ts";
import { containsAddress } from "../ip/prefix.ts";
import type { MetricsSource, PeerMetrics } from "../metrics.ts";
import type { DrainState } from "../plan/drain-phase.ts";
import { DRAIN_CAUSES } from "../plan/node-checks.ts";
import type { Planner } from "../plan/planner.ts";
import type { BalanceItem, TimelineEvent } from "../plan/report.ts";
import { formatSubject, parseSubject, type Subject } from "../plan/subject.ts";
import type { Source } from "../source/source.ts";
import type { EventsView } from "../view/events.ts";
import type { ExplainView } from "../view/explain.ts";
import type { PeersView } from "../view/peers.ts";
import type { RouteView } from "../view/routes.ts";
import type { ServiceView } from "../view/services.ts";
import type { EventQuery, SpeakerView } from "../view/speaker-view.ts";
import type { Bfd } from "./bfd.ts";
import type { FindingLog } from "./finding-log.ts";
import type { PeerSet } from "./peer-set.ts";
import { measurePeer, viewPeer } from "./peer-view.ts";
import type { Planning } from "./planning.ts";
import type { PrefixTimes } from "./prefix-times.ts";
import { restoredFinding, restoredFor, restoredRoutes } from "./restored-routes.ts";
import type { SavedState } from "./state-file.ts";
import type { Timeline } from "./timeline.ts";

interface LiveViewParts {
  readonly node: string;
  readonly clock: Clock;
  readonly source: Source;
  readonly planner: Planner;
  readonly planning: Planning;
  readonly peers: PeerSet;
  readonly timeline: Timeline;
  readonly times: PrefixTimes;
  readonly findings: FindingLog;
  readonly bfd: Bfd;
  synced(): boolean;
  /** The state file speaks: no decision is in force; null = they are. */
  restored(): SavedState | null;
  /** Equal paths that the routers use. */
  ecmpWidth(): number;
}

/** Events of the timeline in an explanation. */
const TIMELINE_LENGTH = 100;

export class LiveView implements SpeakerView, MetricsSource {
  readonly node: string;
  readonly #parts: LiveViewParts;
  readonly #startedAt: number;
  readonly #faults = new Map<string, number>();
  #wasReady = false;

  constructor(parts: LiveViewParts) {
    this.node = parts.node;
    this.#parts = parts;
    this.#startedAt = parts.clock.wall().getTime();
    parts.timeline.measureWith(parts.clock);
  }

  ready(): boolean {
    // Later rounds of planning are everyday life.
    this.#wasReady ||= this.#parts.planning.complete;
    return this.#wasReady;
  }

  waitingFor(): string {
    if (this.ready()) return "";
    if (this.#parts.synced()) return "the first decisions are being made";
    const kinds = this.#parts.source.state().filter(({ synced }) => !synced);
    return kinds.length === 0 ? "the first full read of the objects" : `the first full read of ${kinds.map(({ kind }) => kind).join(", ")}`;
  }

  peers(): PeersView {
    return { node: this.node, items: this.#parts.peers.all().map((peer) => viewPeer(peer, this.#parts.bfd.status(peer.name))) };
  }

  *routes(): Generator<RouteView> {
    const { planner, times, peers } = this.#parts;
    const restored = this.#parts.restored();
    if (restored !== null) {
      yield* restoredRoutes(restored, (peer) => peers.get(peer)?.status.localAddress ?? null);
      return;
    }
    for (const route of planner.routes()) {
      const prefix = parsePrefix(route.prefix, { hostBits: "mask" });
      yield { ...route, since: this.#time(prefix.ok ? times.since(prefix.value) : null), restored: null };
    }
  }

  *services(): Generator<ServiceView> {
    const { planner, timeline } = this.#parts;
    for (const item of planner.services()) {
      // The newest word counts, whether it was about all peers or about one.
      let since = timeline.since(item.service, item.address, null) ?? 0;
      for (const peer of Object.keys(item.peers)) since = Math.max(since, timeline.since(item.service, item.address, peer) ?? 0);
      yield { ...item, since: this.#time(since === 0 ? null : since) };
    }
  }

  explain(text: string): ExplainView {
    const { planner } = this.#parts;
    const subject = parseSubject(text, "default");
    const state = this.#parts.restored();
    if (state !== null) return this.#explainRestored(state, subject);
    const explain = planner.explain(subject);
    if (explain === null) throw new SpeakerError("SUBJECT_UNKNOWN", `there is no ${subject.type} ${formatSubject(subject)} here`);
    return { node: this.node, ...explain, timeline: this.#timelineOf(subject), restored: [] };
  }

  /** There is nothing to explain but where the routes come from: no decision is made from part of the inputs. */
  #explainRestored(state: SavedState, subject: Subject): ExplainView {
    const restored = restoredFor(state, subject);
    const value = formatSubject(subject);
    if (restored.length === 0) {
      throw new SpeakerError("SUBJECT_UNKNOWN", `${subject.type} ${value}: nothing was announced for it before the restart`, {
        remedy: `wait for ${this.waitingFor()}`,
      });
    }
    const findings = restored.map(restoredFinding);
    return { node: this.node, subject: { type: subject.type, value }, items: [], timeline: this.#timelineOf(subject), findings, restored };
  }

  balance(service: string | null): Iterable<BalanceItem | null> {
    const { planner, ecmpWidth } = this.#parts;
    if (service !== null && !planner.knowsService(service)) {
      throw new SpeakerError("SUBJECT_UNKNOWN", `there is no service ${service} here`, { remedy: "name a Service as namespace/name" });
    }
    return planner.balance({ ecmpWidth: ecmpWidth(), service });
  }

  events(query: EventQuery): EventsView {
    return { node: this.node, items: this.#parts.timeline.read(query, this.#now()) };
  }

  *measuredPeers(): Generator<PeerMetrics> {
    for (const peer of this.#parts.peers.all()) yield measurePeer(peer, this.#parts.bfd.status(peer.name));
  }

  *decisions(): Generator<{ readonly announced: boolean; readonly reason: string; readonly count: number }> {
    const { announced, notAnnounced } = this.#parts.planner.decisions();
    yield { announced: true, reason: "", count: announced };
    for (const [reason, count] of Object.entries(notAnnounced)) yield { announced: false, reason, count };
  }

  *kinds(): Generator<{ readonly kind: string; readonly synced: boolean; readonly lastEventAgeSeconds: number | null }> {
    for (const { kind, synced, lastEventAgeMillis } of this.#parts.source.state()) {
      yield { kind, synced, lastEventAgeSeconds: lastEventAgeMillis === null ? null : lastEventAgeMillis / 1000 };
    }
  }

  invalidObjects(): ReadonlyMap<string, number> {
    return this.#parts.findings.refused();
  }

  /** A fault after which the source began anew. */
  countFault(cause: string): void {
    this.#faults.set(cause, (this.#faults.get(cause) ?? 0) + 1);
  }

  *sourceRestarts(): Generator<{ readonly kind: string; readonly cause: string; readonly count: number }> {
    const counted = this.#parts.source.restarts?.();
    if (counted !== undefined) yield* counted;
    else for (const [cause, count] of this.#faults) yield { kind: "all", cause, count };
  }

  drain(): DrainState {
    return this.#parts.planner.drain;
  }

  *drainCauses(): Generator<{ readonly cause: string; readonly drains: boolean }> {
    const { cause: inForce } = this.drain();
    for (const cause of DRAIN_CAUSES) yield { cause, drains: cause === inForce };
  }

  /** Where the timeline does not reach, the time from which on nothing else was the case. */
  #time(epochMillis: number | null): string {
    return new Date(epochMillis ?? this.#startedAt).toISOString();
  }

  #now(): number {
    return this.#parts.clock.wall().getTime();
  }

  #timelineOf(subject: Subject): TimelineEvent[] {
    const service = subject.type === "service" ? formatSubject(subject) : null;
    const query = { service, sinceEpochMillis: null, limit: TIMELINE_LENGTH };
    const wants = addressesOf(subject);
    return this.#parts.timeline.read(wants === null ? query : { ...query, wants }, this.#now());
  }
}

/** null = whatever they are. */
function addressesOf(subject: Subject): ((address: string) => boolean) | null {
  switch (subject.type) {
    case "service":
      return null;
    case "address": {
      const wanted = formatAddress(subject.address);
      return (address) => address === wanted;
    }
    case "prefix":
      return (address) => {
        const parsed = parseAddress(address);
        return parsed.ok && containsAddress(subject.prefix, parsed.value);
      };
  }
}
