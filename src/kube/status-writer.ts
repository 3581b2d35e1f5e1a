/**
 * Keeps the status of objects as it is wished, by server-side apply: only what changed is written, an object at most once per five seconds, and of
 * several wishes meanwhile the newest alone. Nobody waits for it, and what fails is tried again at growing pauses.
 */

import type { Clock, Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import type { KubeClient } from "./client.ts";
import type { Outcome } from "./failure.ts";
import type { Resource } from "./resource.ts";
import { WriteFaults } from "./write-faults.ts";

export interface StatusTarget {
  readonly resource: Resource;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /**
   * Fields besides status of an object that is the writer's own, and is made where it does not exist. null = somebody else's: where it is gone
   * there is nothing to write.
   */
  readonly own: Readonly<Record<string, unknown>> | null;
}

export interface StatusWriterOptions {
  readonly client: Pick<KubeClient, "apply">;
  readonly clock: Clock;
  readonly log: Log;
  /** Field manager: `herald-speaker`. */
  readonly manager: string;
}

/** Milliseconds. */
const BETWEEN_WRITES = 5000;
const PAUSE = { least: 5000, most: 300_000 } as const;

interface Written {
  target: StatusTarget;
  /** As the API server has it, as far as known: texts of `own` and of the status. */
  own: string;
  status: string;
  /** null = as wished. */
  wish: Wish | null;
  /** Nothing is written before: a write was just made, or has failed. */
  notBefore: number;
  failures: number;
  writing: boolean;
}

interface Wish {
  readonly status: unknown;
  readonly text: string;
  readonly dueAt: number;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #faults: WriteFaults;
  readonly #objects = new Map<string, Written>();
  readonly #ended = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #timer: Timer | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#faults = new WriteFaults(options.clock, options.log);
  }

  /**
   * The status an object is to have, written after `delayMillis` at the latest where nothing stands against it. A wish that equals what was written takes
   * back the one before.
   */
  want(target: StatusTarget, status: unknown, delayMillis = 0): void {
    if (this.#ended.signal.aborted) return;
    const key = keyOf(target);
    const object = this.#objects.get(key) ?? fresh(target);
    this.#objects.set(key, object);
    object.target = target;
    const text = JSON.stringify(status);
    if (!object.writing && text === object.status && JSON.stringify(target.own) === object.own) {
      object.wish = null;
      return;
    }
    const dueAt = Math.min(this.#options.clock.now() + delayMillis, object.wish?.dueAt ?? Number.POSITIVE_INFINITY);
    object.wish = { status, text, dueAt };
    this.#arm();
  }

  /** The object is gone, or no longer of interest: nothing more is written to it. */
  forget(target: Pick<StatusTarget, "resource" | "name">): void {
    this.#objects.delete(keyOf(target));
  }

  /** Nothing more is written. Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#timer?.cancel();
    this.#timer = null;
    this.#objects.clear();
    await Promise.all(this.#underWay);
  }

  #arm(): void {
    if (this.#ended.signal.aborted) return;
    let at = Number.POSITIVE_INFINITY;
    for (const object of this.#objects.values()) at = Math.min(at, writeAt(object));
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== null && this.#timerAt <= at)) return;
    this.#timer?.cancel();
    const { clock } = this.#options;
    this.#timerAt = at;
    this.#timer = clock.setTimer(Math.max(0, Math.ceil(at - clock.now())), () => {
      this.#timer = null;
      this.#writeDue();
    });
  }

  #writeDue(): void {
    const now = this.#options.clock.now();
    for (const object of this.#objects.values()) {
      if (object.wish === null || writeAt(object) > now) continue;
      const work = this.#write(object, object.wish).finally(() => {
        this.#underWay.delete(work);
        this.#arm();
      });
      this.#underWay.add(work);
    }
    this.#arm();
  }

  async #write(object: Written, wish: Wish): Promise<void> {
    const { clock } = this.#options;
    const { target } = object;
    const own = JSON.stringify(target.own);
    object.writing = true;
    const made = object.own === own ? null : await this.#apply(target, target.own ?? {});
    if (made?.ok === true) object.own = own;
    const outcome = made?.ok === false ? made : await this.#apply(target, { status: wish.status }, "status");
    object.writing = false;
    object.notBefore = clock.now() + BETWEEN_WRITES;
    if (outcome.ok) {
      object.failures = 0;
      object.status = wish.text;
      if (object.wish?.text === wish.text && JSON.stringify(object.target.own) === own) object.wish = null;
      this.#faults.succeeded(target.resource.plural);
      return;
    }
    const { failure } = outcome;
    // Whoever owned it has deleted it.
    if (failure.condition === "NotFound" && target.own === null) {
      this.forget(target);
      return;
    }
    this.#faults.failed(target.resource.plural, failure);
    // It was deleted: it is to be made anew.
    if (failure.condition === "NotFound") object.own = NOT_MADE;
    const pause = Math.min(PAUSE.most, PAUSE.least * 2 ** Math.min(object.failures++, 20));
    object.notBefore = clock.now() + Math.max(pause, failure.retryAfterMillis ?? 0);
  }

  #apply(target: StatusTarget, fields: Readonly<Record<string, unknown>>, subresource?: "status"): Promise<Outcome<unknown>> {
    const { client, manager } = this.#options;
    const { resource, apiVersion, kind, name } = target;
    const { metadata, ...rest } = fields;
    const named = { ...(typeof metadata === "object" ? metadata : {}), name, ...namespaceOf(resource) };
    const how = subresource === undefined ? { manager } : { manager, subresource };
    const object = { apiVersion, kind, metadata: named, ...rest };
    return client.apply(resource, object, how, this.#ended.signal);
  }
}

const NOT_MADE = "";

function fresh(target: StatusTarget): Written {
  const own = target.own === null ? JSON.stringify(null) : NOT_MADE;
  return { target, own, status: "", wish: null, notBefore: Number.NEGATIVE_INFINITY, failures: 0, writing: false };
}

/** When the object is to be written next. */
function writeAt({ wish, writing, notBefore }: Written): number {
  return wish === null || writing ? Number.POSITIVE_INFINITY : Math.max(wish.dueAt, notBefore);
}

function namespaceOf({ namespace }: Resource): { readonly namespace?: string } {
  return namespace === null ? {} : { namespace };
}

function keyOf({ resource, name }: Pick<StatusTarget, "resource" | "name">): string {
  return `${resource.plural}/${resource.namespace ?? ""}/${name}`;
}
