/** The leader's duty to say in the status of each of our own objects what became of it. Written when it changes; read by no one who decides. */

import type { Clock, Timer } from "../clock.ts";
import type { KubeClient } from "../kube/client.ts";
import { fieldsOf } from "../kube/fields.ts";
import type { Resource } from "../kube/resource.ts";
import { type StatusTarget, StatusWriter } from "../kube/status-writer.ts";
import type { Log } from "../log.ts";
import { refKey, refOf } from "../objects/check.ts";
import { type Condition, toConditions } from "../objects/conditions.ts";
import { DEFINITIONS, GROUP, VERSION } from "../objects/definitions.ts";
import type { ClusterObject, Finding } from "../objects/kinds.ts";
import type { PlannerOptions } from "../plan/change.ts";
import { findInPieces } from "../plan/cluster.ts";
import { conditionsOf, type ObjectConditions, type OwnObject } from "../plan/conditions.ts";
import type { SourceBatch } from "../source/source.ts";
import type { Duty } from "./duty.ts";
import { NodeStatuses } from "./node-statuses.ts";
import { readOne } from "./read-one.ts";
import { runInSlices } from "./slices.ts";

export interface ConditionsPorts {
  readonly client: Pick<KubeClient, "list" | "watch" | "apply">;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  readonly planning: Omit<PlannerOptions, "node">;
}

/** Milliseconds. What is found between objects costs a plan of the cluster: it is made beside other work, and at most so large a part of the time goes into it. */
const LOOK = { after: 1000, timesItsCost: 20 } as const;
const PAGE = 500;

/** What is known of an object's status as it is. */
interface Known {
  readonly conditions: readonly Condition[];
  readonly sessions: string | null;
}

export class ConditionsDuty implements Duty {
  readonly #ports: ConditionsPorts;
  readonly #objects = new Map<string, ClusterObject>();
  readonly #known = new Map<string, Known>();
  /** metadata.generation of versions that were refused, with the words of the refusal they were asked for. */
  readonly #generations = new Map<string, { readonly words: string; readonly generation: number }>();
  #findings: readonly Finding[] = [];
  #leading: Leadership | null = null;
  #timer: Timer | null = null;
  /** Of a round under way: objects of ours that changed since it began, of which it knows no truth any more; null = none is under way. */
  #changedMeanwhile: Set<string> | null = null;
  /** Something changed during the round: another one follows. */
  #again = false;
  /** Not before this moment, so that others have their time. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(ports: ConditionsPorts) {
    this.#ports = ports;
  }

  observe({ changes, findings }: SourceBatch): void {
    for (const change of changes) {
      const ref = change.type === "set" ? refOf(change.object) : change.ref;
      this.#changedMeanwhile?.add(keyOf(ref));
      if (change.type === "set") this.#objects.set(refKey(ref), change.object);
      else this.#forget(ref);
    }
    this.#findings = findings;
    this.#changed();
  }

  async lead(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { client, clock, log, random, planning } = this.#ports;
    const namespace = planning.heraldNamespace;
    const writer = new StatusWriter({ client, clock, log, manager: "herald-controller" });
    const statuses = new NodeStatuses({ client, clock, log, random, namespace, changed: () => this.#changed() });
    const following = statuses.run(signal);
    await Promise.all([this.#readKnown(signal), statuses.settled]);
    this.#leading = { writer, statuses, signal };
    this.#changed();
    await following;
    this.#leading = null;
    this.#timer?.cancel();
    this.#timer = null;
    await writer.stop();
  }

  #forget(ref: { readonly kind: ClusterObject["kind"]; readonly namespace: string; readonly name: string }): void {
    this.#objects.delete(refKey(ref));
    const definition = DEFINITIONS.find(({ kind }) => kind === ref.kind);
    if (definition === undefined) return;
    this.#known.delete(keyOf(ref));
    this.#leading?.writer.forget({ resource: this.#resource(definition.plural), name: ref.name });
  }

  #changed(): void {
    if (this.#leading === null || this.#timer !== null) return;
    if (this.#changedMeanwhile !== null) {
      this.#again = true;
      return;
    }
    const { clock } = this.#ports;
    const at = Math.max(clock.now() + LOOK.after, this.#notBefore);
    this.#timer = clock.setTimer(at - clock.now(), () => {
      this.#timer = null;
      void this.#look();
    });
  }

  /** One round: of all objects as they are at its beginning. What changes meanwhile is for the next one. */
  async #look(): Promise<void> {
    const leading = this.#leading;
    if (leading === null || leading.signal.aborted) return;
    const { clock, planning } = this.#ports;
    const changed = new Set<string>();
    this.#changedMeanwhile = changed;
    const all = [...this.#objects.values()];
    const findings = this.#findings;
    const found = await runInSlices(findInPieces(all, planning), clock, leading.signal);
    if (found !== null && !leading.signal.aborted) {
      const sayingAt = clock.now();
      const nodes = all.filter((object) => object.kind === "Node");
      const sessions = leading.statuses.sessions();
      for (const one of conditionsOf({ objects: all.filter(isOwn), nodes, findings: [...findings, ...found.result], sessions }))
        if (!changed.has(keyOf(one))) this.#say(one, leading);
      const now = clock.now();
      this.#notBefore = now + (found.millis + now - sayingAt) * LOOK.timesItsCost;
    }
    this.#changedMeanwhile = null;
    if (!this.#again) return;
    this.#again = false;
    this.#changed();
  }

  #say(one: ObjectConditions, { writer, signal }: Leadership): void {
    const definition = DEFINITIONS.find(({ kind }) => kind === one.kind);
    const generation = one.generation ?? this.#generationOf(one, signal);
    if (definition === undefined || generation === null) return;
    const key = keyOf(one);
    const before = this.#known.get(key);
    const conditions = toConditions(one.aspects, before?.conditions ?? [], this.#ports.clock.wall(), generation);
    const known: Known = { conditions, sessions: one.sessions };
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(known)) return;
    this.#known.set(key, known);
    const target: StatusTarget = {
      resource: this.#resource(definition.plural),
      apiVersion: `${GROUP}/${VERSION}`,
      kind: one.kind,
      name: one.name,
      own: null,
    };
    writer.want(target, { observedGeneration: generation, conditions, ...(one.sessions === null ? {} : { sessions: one.sessions }) });
  }

  /** Of a version that the source refused: it tells no version of it, the server does. null = not known yet. */
  #generationOf(one: ObjectConditions, signal: AbortSignal): number | null {
    const key = keyOf(one);
    const words = JSON.stringify(one.aspects[0]);
    const known = this.#generations.get(key);
    if (known?.words === words) return known.generation;
    const plural = DEFINITIONS.find(({ kind }) => kind === one.kind)?.plural;
    if (plural === undefined) return null;
    void readOne(this.#ports.client, this.#resource(plural), one.name, signal).then((answer) => {
      const { generation } = answer.ok ? fieldsOf(fieldsOf(answer.value)["metadata"]) : {};
      if (typeof generation !== "number") return;
      this.#generations.set(key, { words, generation });
      this.#changed();
    });
    return null;
  }

  /** What the last leader wrote: times that go on, and nothing to be written again. */
  async #readKnown(signal: AbortSignal): Promise<void> {
    this.#known.clear();
    for (const { kind, plural } of DEFINITIONS) {
      let continuation = "";
      do {
        const page = { limit: PAGE, continuation };
        continuation = "";
        for await (const part of this.#ports.client.list(this.#resource(plural), page, signal)) {
          if (part.type === "end") continuation = part.continuation;
          if (part.type === "items") for (const item of part.items) this.#readStatus(kind, item);
        }
      } while (continuation !== "" && !signal.aborted);
    }
  }

  #readStatus(kind: string, item: unknown): void {
    const fields = fieldsOf(item);
    const { name } = fieldsOf(fields["metadata"]);
    const { conditions, sessions } = fieldsOf(fields["status"]);
    if (typeof name !== "string" || !Array.isArray(conditions)) return;
    const known = conditions.flatMap((condition) => readCondition(condition) ?? []);
    this.#known.set(keyOf({ kind, name }), { conditions: known, sessions: typeof sessions === "string" ? sessions : null });
  }

  #resource(plural: string): Resource {
    return { group: GROUP, version: VERSION, plural, namespace: this.#ports.planning.heraldNamespace };
  }
}

interface Leadership {
  readonly writer: StatusWriter;
  readonly statuses: NodeStatuses;
  readonly signal: AbortSignal;
}

function isOwn(object: ClusterObject): object is OwnObject {
  return DEFINITIONS.some(({ kind }) => kind === object.kind);
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}

/** In the order of fields in which it is written. */
function readCondition(raw: unknown): Condition | null {
  const { type, status, observedGeneration, lastTransitionTime, reason, message } = fieldsOf(raw);
  if (status !== "True" && status !== "False" && status !== "Unknown") return null;
  if (typeof type !== "string" || typeof lastTransitionTime !== "string" || typeof reason !== "string") return null;
  return {
    type,
    status,
    ...(typeof observedGeneration === "number" ? { observedGeneration } : {}),
    lastTransitionTime,
    reason,
    message: typeof message === "string" ? message : "",
  };
}
