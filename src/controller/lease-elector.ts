/**
 * Leader election over a Lease, by client-go's rules (tools/leaderelection): the holder writes it every retry period, and whoever has seen it unchanged for
 * its duration may take it. Times in the object are never compared with a clock, so skew between machines does not matter: each looks at its own
 * monotonic clock, and at whether the object changed. Every write is a compare-and-swap by resourceVersion: of two that take it, one fails.
 *
 * A leader that cannot renew stops after `renewDeadline`, counted from before the last request that succeeded; others wait `leaseDuration`, counted
 * from after they saw it. The time between the two is what a process has to notice that it was paused.
 */

import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/client.ts";
import type { KubeFailure } from "../kube/failure.ts";
import type { Resource } from "../kube/resource.ts";
import { wait } from "../kube/waiting.ts";
import type { Log } from "../log.ts";
import type { Elector } from "./controller.ts";
import { type LeaseRecord, type LeaseSpec, microTime, newLease, nextLease, readLease } from "./lease.ts";

/** Milliseconds: retryPeriod < renewDeadline < leaseDuration. */
export interface LeaseTimings {
  readonly leaseDuration: number;
  readonly renewDeadline: number;
  readonly retryPeriod: number;
}

export interface LeaseElectorOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "update">;
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Differs from process to process, also from one that ran here before. */
  readonly identity: string;
  readonly timings: LeaseTimings;
}

/** Those who wait spread their attempts over so many retry periods more (client-go's JitterFactor). */
const JITTER = 1.2;
/** Giving the Lease up must not hold a shutdown up. */
const RELEASE_MILLIS = 1000;

export class LeaseElector implements Elector {
  readonly #options: LeaseElectorOptions;
  readonly #place: Resource;
  #observed: LeaseRecord | null = null;
  #observedAt = Number.NEGATIVE_INFINITY;
  /** Before the last write that made or kept us the holder. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #leading = false;
  #faulty = false;

  constructor(options: LeaseElectorOptions) {
    this.#options = options;
    this.#place = { group: "coordination.k8s.io", version: "v1", plural: "leases", namespace: options.namespace };
  }

  /** True while a write is ours to make. Asked right before each: a process that was paused hears it here before its timers tell. */
  get holds(): boolean {
    return this.#leading && this.#options.clock.now() < this.#renewedAt + this.#options.timings.renewDeadline;
  }

  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, random, timings } = this.#options;
    while (!signal.aborted) {
      if (await this.#attempt(signal)) await this.#hold(lead, signal);
      else await wait(clock, timings.retryPeriod * (1 + JITTER * random()), signal);
    }
  }

  /** Leads until the Lease is lost or the signal aborts, and gives it up in the second case. */
  async #hold(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, log, identity, timings } = this.#options;
    const leading = new AbortController();
    const ended = new AbortController();
    const stop = (): void => leading.abort();
    signal.addEventListener("abort", stop, { once: true });
    this.#leading = true;
    log({ event: "lease.acquired", identity, transitions: this.#observed?.transitions ?? 0 });
    const renewing = this.#renew(leading, ended.signal);
    try {
      if (signal.aborted) stop();
      await lead(leading.signal);
    } finally {
      signal.removeEventListener("abort", stop);
      ended.abort();
      await renewing;
      const stillOurs = this.holds;
      this.#leading = false;
      if (stillOurs) await this.#release();
    }
    // Who led and was told that it does not any more does not run back at once.
    if (!signal.aborted) await wait(clock, timings.retryPeriod, signal);
  }

  /** Writes the Lease every retry period, also while what was begun comes to its end. Aborts `leading` when it is lost. */
  async #renew(leading: AbortController, ended: AbortSignal): Promise<void> {
    const { clock, log, timings } = this.#options;
    const lose = (why: string): void => {
      if (!this.#leading) return;
      this.#leading = false;
      log({ event: "lease.lost", why });
      leading.abort();
    };
    while (this.#leading && !ended.aborted) {
      const deadline = clock.setTimer(this.#renewedAt + timings.renewDeadline - clock.now(), () =>
        lose(`not renewed for ${timings.renewDeadline / 1000} s`),
      );
      await wait(clock, timings.retryPeriod, ended);
      while (this.#leading && !ended.aborted && !(await this.#attempt(ended))) {
        const { holder } = this.#observed ?? { holder: "" };
        if (holder !== "" && holder !== this.#options.identity) lose(`held by ${holder}`);
        else await wait(clock, timings.retryPeriod, ended);
      }
      deadline.cancel();
    }
  }

  /** One round of client-go's tryAcquireOrRenew. True = the Lease is ours from now. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { clock, identity, timings } = this.#options;
    const limit = new AbortController();
    const abort = (): void => limit.abort();
    // A request that hangs must leave time for another.
    const timer = clock.setTimer(timings.renewDeadline / 2, abort);
    signal.addEventListener("abort", abort, { once: true });
    try {
      // The holder knows the newest version unless somebody interfered: one request, and a look only when that is refused.
      if (this.#observed?.holder === identity && this.#leading && (await this.#write(this.#observed, limit.signal))) return true;
      const current = await this.#look(limit.signal);
      if (current === "failed") return false;
      if (current === null) return await this.#create(limit.signal);
      const { holder } = current;
      const silentUntil = this.#observedAt + (current.durationMillis || timings.leaseDuration);
      if (holder !== "" && holder !== identity && clock.now() < silentUntil) return false;
      return await this.#write(current, limit.signal);
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", abort);
    }
  }

  async #look(signal: AbortSignal): Promise<LeaseRecord | null | "failed"> {
    const answer = await this.#options.client.get(this.#place, this.#options.name, signal);
    if (answer.ok) return this.#observe(answer.value) ?? "failed";
    if (answer.failure.condition === "NotFound") return null;
    this.#fault(answer.failure);
    return "failed";
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { client, clock, namespace, name } = this.#options;
    const before = clock.now();
    const answer = await client.create(this.#place, newLease(namespace, name, this.#spec(null)), signal);
    return this.#taken(answer.ok ? answer.value : null, before, answer.ok ? null : answer.failure);
  }

  async #write(current: LeaseRecord, signal: AbortSignal): Promise<boolean> {
    const { client, clock, name } = this.#options;
    const before = clock.now();
    const answer = await client.update(this.#place, name, nextLease(current, this.#spec(current)), signal);
    return this.#taken(answer.ok ? answer.value : null, before, answer.ok ? null : answer.failure);
  }

  #taken(value: unknown, before: number, failure: KubeFailure | null): boolean {
    // Conflict: somebody was faster, which is what the version is for.
    if (failure !== null) {
      if (failure.condition !== "Conflict") this.#fault(failure);
      return false;
    }
    this.#faulty = false;
    if (this.#observe(value)?.holder !== this.#options.identity) return false;
    this.#renewedAt = before;
    return true;
  }

  /** Others take it at once instead of waiting for its end. */
  async #release(): Promise<void> {
    const { client, clock, name, identity } = this.#options;
    const limit = new AbortController();
    const timer = clock.setTimer(RELEASE_MILLIS, () => limit.abort());
    const now = microTime(clock.wall());
    // A renewal that was cut off may have reached the server: then it is the second try that has the right version.
    for (let current = this.#observed, tries = 0; current?.holder === identity && tries < 2; tries++) {
      const spec = { ...this.#spec(current), holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
      const answer = await client.update(this.#place, name, nextLease(current, spec), limit.signal);
      if (answer.ok) this.#observe(answer.value);
      else if (answer.failure.condition === "Conflict") await this.#look(limit.signal);
      else this.#fault(answer.failure);
      current = this.#observed;
    }
    timer.cancel();
  }

  #spec(current: LeaseRecord | null): LeaseSpec {
    const { clock, identity, timings } = this.#options;
    const now = microTime(clock.wall());
    const renewal = current !== null && current.holder === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(timings.leaseDuration / 1000),
      acquireTime: renewal && current.acquireTime !== "" ? current.acquireTime : now,
      renewTime: now,
      leaseTransitions: current === null ? 0 : current.transitions + (renewal ? 0 : 1),
    };
  }

  #observe(raw: unknown): LeaseRecord | null {
    const record = readLease(raw);
    if (record === null) return null;
    const before = this.#observed;
    this.#observed = record;
    if (before?.resourceVersion !== record.resourceVersion) this.#observedAt = this.#options.clock.now();
    if (record.holder !== "" && record.holder !== this.#options.identity && before?.holder !== record.holder)
      this.#options.log({ event: "lease.heldByOther", holder: record.holder });
    return record;
  }

  /** The first of several in a row is worth a line. */
  #fault({ condition, message }: KubeFailure): void {
    if (condition === "Aborted" || this.#faulty) return;
    this.#faulty = true;
    const { namespace, name } = this.#options;
    this.#options.log({ event: "lease.fault", lease: `${namespace}/${name}`, why: `${condition}: ${message}` });
  }
}
