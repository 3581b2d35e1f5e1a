import type { Clock } from "../../clock.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Condition, KubeFailure } from "../../kube/failure.ts";
import type { Finding, Kind, ObjectChange } from "../../objects/kinds.ts";
import { secretPassword } from "../../objects/secret.ts";
import type { SecretAnswer, Source, SourceSink } from "../source.ts";
import { concernsKind, findingOf, passes } from "./conditions.ts";
import { KindStore } from "./kind-store.ts";
import { Reflector } from "./reflector.ts";
import { type WatchedResource, watchedResources } from "./resources.ts";

export interface KubernetesSourceOptions {
  readonly client: Pick<KubeClient, "list" | "watch" | "get" | "check" | "close">;
  /** Where our own kinds live. */
  readonly heraldNamespace: string;
  /** "" = none. */
  readonly serviceProxyName: string;
  /** Kinds that are not asked for. */
  readonly omitKinds?: readonly Kind[];
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
}

/** A fault that lasts is said again so often. Milliseconds. */
const REMIND = 300_000;
/** One kind's success ends the pauses of the others, but no oftener than this: watches that open and break must not chase each other. Milliseconds. */
const RESUME = 5_000;

/**
 * Objects from an API server. What it once delivered stays until the server says otherwise: a server that is away, that forbids, or that has lost a
 * kind of ours deletes nothing.
 */
export class KubernetesSource implements Source {
  readonly #options: KubernetesSourceOptions;
  readonly #kinds: readonly FollowedKind[];
  /** Faults that were said, by what they are about, and when. */
  readonly #said = new Map<string, number>();
  #reflectors: readonly Reflector[] = [];
  #synced = false;
  /** What the last findings were made from, and they. */
  #delivered = "";
  #findings: readonly Finding[] = [];
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    this.#kinds = watchedResources(options).map((resource) => new FollowedKind(resource, options.heraldNamespace));
  }

  /** @throws {SpeakerError} UNREADABLE without credentials at the start; later that is a fault like any other. */
  async run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    await client.check();
    try {
      this.#reflectors = this.#kinds.map((kind) => this.#reflector(kind, sink));
      await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
    } finally {
      client.close();
    }
  }

  state(): ReturnType<Source["state"]> {
    const now = this.#options.clock.now();
    return this.#kinds.map(({ resource, synced, heardAt }) => ({
      kind: resource.kind,
      synced,
      lastEventAgeMillis: heardAt === null || !synced ? null : now - heardAt,
    }));
  }

  async readSecret(name: string, signal: AbortSignal): Promise<SecretAnswer> {
    const { client, heraldNamespace } = this.#options;
    const answer = await client.get({ group: "", version: "v1", plural: "secrets", namespace: heraldNamespace }, name, signal);
    if (answer.ok) return { result: "found", password: secretPassword(answer.value) };
    return { result: "failed", why: SECRET_FAILURES[answer.failure.condition] ?? `cannot be read (${answer.failure.condition})` };
  }

  *restarts(): Generator<{ readonly kind: string; readonly cause: string; readonly count: number }> {
    for (const { resource, restarts } of this.#kinds) for (const [cause, count] of restarts) yield { kind: resource.kind, cause, count };
  }

  #reflector(followed: FollowedKind, sink: SourceSink): Reflector {
    const { client, clock, random } = this.#options;
    return new Reflector(followed.resource.selection, followed.store, {
      client,
      clock,
      random,
      heard: () => {
        followed.heardAt = clock.now();
      },
      deliver: (changes, at) => this.#deliver(sink, changes, at),
      listed: () => {
        followed.synced = true;
        this.#recovered(followed, sink);
        if (this.#synced || !this.#kinds.every(({ synced }) => synced)) return;
        this.#synced = true;
        sink.synced();
      },
      recovered: () => this.#recovered(followed, sink),
      failed: (failure) => this.#failed(followed, failure, sink),
    });
  }

  #deliver(sink: SourceSink, changes: readonly ObjectChange[], at: number): void {
    const delivered = this.#kinds.map(({ store, condition }) => `${store.revision}${condition?.code ?? ""}`).join(" ");
    const isNew = delivered !== this.#delivered;
    if (changes.length === 0 && !isNew) return;
    if (isNew) this.#findings = this.#allFindings();
    this.#delivered = delivered;
    sink.batch({ changes, findings: this.#findings, at });
  }

  #allFindings(): readonly Finding[] {
    const found: Finding[] = [];
    for (const { store, condition } of this.#kinds) {
      if (condition !== null) found.push(condition);
      found.push(...store.findings());
    }
    return found;
  }

  #recovered(followed: FollowedKind, sink: SourceSink): void {
    const now = this.#options.clock.now();
    if (followed.lastCondition !== null && now >= this.#resumedAt + RESUME) {
      this.#resumedAt = now;
      for (const reflector of this.#reflectors) reflector.resume();
    }
    followed.lastCondition = null;
    followed.condition = null;
    this.#said.delete(followed.resource.kind);
    this.#said.delete("");
    this.#deliver(sink, [], now);
  }

  #failed(followed: FollowedKind, failure: KubeFailure, sink: SourceSink): void {
    const { restarts, resource } = followed;
    restarts.set(failure.condition, (restarts.get(failure.condition) ?? 0) + 1);
    followed.failures = followed.lastCondition === failure.condition ? followed.failures + 1 : 1;
    followed.lastCondition = failure.condition;
    // A server that is away besides does not make it better.
    followed.condition = findingOf(resource, failure, followed.synced) ?? followed.condition;
    this.#deliver(sink, [], this.#options.clock.now());
    if (passes(failure) && followed.failures < 2) return;
    this.#say(followed, failure, sink);
  }

  /** One line for what concerns all kinds alike, such as a server that is away; one per kind for the rest. */
  #say({ resource, synced }: FollowedKind, failure: KubeFailure, sink: SourceSink): void {
    const about = concernsKind(failure) ? resource.kind : "";
    const now = this.#options.clock.now();
    if (now < (this.#said.get(about) ?? Number.NEGATIVE_INFINITY) + REMIND) return;
    this.#said.set(about, now);
    const what = about === "" ? "the API server" : about;
    const effect = synced ? "keeping what it said last" : "waiting for it";
    const cause = new Error(failure.message, { cause: failure.cause });
    sink.fault(`cannot read ${what} (${failure.condition}): ${effect}`, Object.assign(cause, { code: failure.condition }));
  }
}

/** What a person can do about it. */
const SECRET_FAILURES: Readonly<Partial<Record<Condition, string>>> = {
  NotFound: "there is none: create it",
  Forbidden: "may not be read: allow Herald's ServiceAccount to get it by name",
};

/** One kind and how its following goes. */
class FollowedKind {
  readonly resource: WatchedResource;
  readonly store: KindStore;
  readonly restarts = new Map<string, number>();
  synced = false;
  /** Monotonic milliseconds of the last word. */
  heardAt: number | null = null;
  /** Failures of one condition in a row. */
  failures = 0;
  lastCondition: Condition | null = null;
  condition: Finding | null = null;

  constructor(resource: WatchedResource, heraldNamespace: string) {
    this.resource = resource;
    this.store = new KindStore(resource, { heraldNamespace });
  }
}
