/**
 * Gives LoadBalancer Services their addresses and writes them into their status.
 *
 * Two controllers never give one address: only the holder of the Lease decides; it begins with a read of all Services that cannot be behind what the last
 * leader wrote; it asks for its right before every write; and every write names the version of the Service that it was decided for, so that one from a
 * process that was paused meanwhile is refused by the server. A refused write is decided again from the object as it is now.
 */

import type { Clock } from "../clock.ts";
import { formatAddress } from "../ip/format.ts";
import { Allocator, type Decision } from "../ipam/allocator.ts";
import type { PoolUsage } from "../ipam/pool.ts";
import { isKept, problemText } from "../ipam/problem.ts";
import type { KubeClient } from "../kube/client.ts";
import type { KubeFailure } from "../kube/failure.ts";
import type { Resource } from "../kube/resource.ts";
import { wait } from "../kube/waiting.ts";
import type { Log } from "../log.ts";
import type { ClusterObject, ObjectChange, Service } from "../objects/kinds.ts";
import type { SourceBatch } from "../source/source.ts";
import type { Duty } from "./duty.ts";
import type { EventSink } from "./events.ts";
import { readOne } from "./read-one.ts";
import { isNewer, listLoadBalancers, servicesIn } from "./service-list.ts";
import { type Attempt, WriteQueue } from "./write-queue.ts";

export interface AddressDutyPorts {
  readonly client: Pick<KubeClient, "list" | "patch">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly events: EventSink;
  /** False as soon as another process may lead, however late this one notices. */
  holds(): boolean;
  /** The addresses of pools changed. */
  usageChanged(): void;
}

export interface AddressDutyOptions {
  readonly loadBalancerClass: string;
  readonly heraldNamespace: string;
}

/** Writes under way at once: enough to keep an API server busy, few enough to leave it to others too. */
const CONCURRENCY = 16;
const LIST_PAUSE_MILLIS = 2000;
/** Somebody else writes the same status: a controller of another kind, most likely. Two of them must not chase each other. */
const OVERWRITTEN_PAUSE_MILLIS = 5000;

export class AddressDuty implements Duty {
  readonly #options: AddressDutyOptions;
  readonly #ports: AddressDutyPorts;
  /** Pools and namespaces as they are now, leader or not. */
  readonly #context = new Map<string, ClusterObject>();
  #term: Term | null = null;

  constructor(options: AddressDutyOptions, ports: AddressDutyPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  observe({ changes }: SourceBatch): void {
    for (const change of changes) {
      const { kind } = change.type === "set" ? change.object : change.ref;
      if (kind !== "IPAddressPool" && kind !== "Namespace") continue;
      const { namespace, name } = change.type === "set" ? change.object.metadata : change.ref;
      if (change.type === "set") this.#context.set(`${kind} ${namespace}/${name}`, change.object);
      else this.#context.delete(`${kind} ${namespace}/${name}`);
    }
    this.#term?.observe(changes);
  }

  async lead(signal: AbortSignal): Promise<void> {
    const term = new Term(this.#options, this.#ports, signal);
    this.#term = term;
    try {
      await term.run([...this.#context.values()]);
    } finally {
      this.#term = null;
    }
  }

  /** Of every pool, while it leads. */
  usage(): readonly PoolUsage[] {
    return this.#term?.usage() ?? [];
  }
}

/** What is known of one Service besides what the allocator knows. */
interface Known {
  /** As the server had it last: what a write is decided against. */
  service: Service;
  decision: Decision | null;
  /** To be told once it is written. */
  gained: Decision["gained"];
  said: string;
  /** What we wrote last, and when. */
  written: { readonly text: string; readonly at: number } | null;
}

/** One time of leading, from taking over to the end. */
class Term {
  readonly #ports: AddressDutyPorts;
  readonly #signal: AbortSignal;
  readonly #allocator: Allocator;
  readonly #queue: WriteQueue;
  readonly #known = new Map<string, Known>();
  /** Changes that come before the first read is done; null = it is. */
  #early: ObjectChange[] | null = [];

  constructor(options: AddressDutyOptions, ports: AddressDutyPorts, signal: AbortSignal) {
    this.#ports = ports;
    this.#signal = signal;
    this.#allocator = new Allocator(options);
    const { clock, random } = ports;
    this.#queue = new WriteQueue({ concurrency: CONCURRENCY, clock, random, write: (key) => this.#write(key) });
  }

  async run(context: readonly ClusterObject[]): Promise<void> {
    const services = await this.#read();
    if (services !== null) {
      this.#allocator.apply(context.map((object) => ({ type: "set", object })));
      const early = this.#early ?? [];
      this.#early = null;
      this.#note(services.map((object) => ({ type: "set", object })));
      this.observe(early);
      if (!this.#signal.aborted)
        await new Promise<void>((resolve) => this.#signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await this.#queue.stop();
  }

  observe(changes: readonly ObjectChange[]): void {
    if (this.#early !== null) {
      this.#early.push(...changes);
      return;
    }
    this.#note(changes.filter((change) => this.#isNews(change)));
    this.#decide();
  }

  usage(): readonly PoolUsage[] {
    return this.#early === null ? this.#allocator.usage() : [];
  }

  async #read(): Promise<readonly Service[] | null> {
    const { client, clock, log } = this.#ports;
    for (let first = true; !this.#signal.aborted; first = false) {
      const services = await listLoadBalancers(client, this.#signal);
      if (services.ok) return services.value;
      if (first && services.failure.condition !== "Aborted")
        log({ event: "address.readFailed", why: `${services.failure.condition}: ${services.failure.message}` });
      await wait(clock, services.failure.retryAfterMillis ?? LIST_PAUSE_MILLIS, this.#signal);
    }
    return null;
  }

  /** Our own reads and writes are often ahead of the watch: what it says of an older version is no news. */
  #isNews(change: ObjectChange): boolean {
    if (change.type === "set") {
      const { object } = change;
      if (object.kind !== "Service") return true;
      const known = this.#known.get(keyOf(object));
      return known === undefined || isNewer(object.metadata.resourceVersion, known.service.metadata.resourceVersion);
    }
    if (change.ref.kind !== "Service") return true;
    const known = this.#known.get(`${change.ref.namespace}/${change.ref.name}`);
    return known === undefined || isNewer(change.resourceVersion, known.service.metadata.resourceVersion);
  }

  #note(changes: readonly ObjectChange[]): void {
    for (const change of changes) {
      if (change.type === "delete") {
        if (change.ref.kind === "Service") this.#known.delete(`${change.ref.namespace}/${change.ref.name}`);
        continue;
      }
      const { object } = change;
      if (object.kind !== "Service") continue;
      const key = keyOf(object);
      const known = this.#known.get(key);
      if (known !== undefined && known.service.metadata.uid === object.metadata.uid) known.service = object;
      else if (object.type === "LoadBalancer")
        this.#known.set(key, { service: object, decision: null, gained: [], said: "", written: null });
      else this.#known.delete(key);
    }
    this.#allocator.apply(changes);
  }

  #decide(): void {
    const decisions = this.#allocator.decide();
    for (const decision of decisions) {
      const key = keyOf(decision.service);
      const known = this.#known.get(key);
      if (known === undefined) continue;
      known.decision = decision;
      known.gained = [
        ...known.gained.filter(({ address }) => decision.addresses.some(({ key }) => key === address.key)),
        ...decision.gained,
      ];
      this.#say(known, decision);
      if (differs(known)) this.#queue.push(key);
    }
    if (decisions.length > 0) this.#ports.usageChanged();
  }

  /** What it lacks, once per change of that. */
  #say(known: Known, { service, problems }: Decision): void {
    const said = problems.map(problemText).join("; ");
    if (said === known.said) return;
    known.said = said;
    if (said === "") return;
    this.#ports.log({ event: "address.unavailable", service: keyOf(service), why: said });
    const reason = problems.every(isKept) ? "AddressKept" : "AddressUnavailable";
    this.#ports.events.emit({ regarding: regarding(service), type: "Warning", reason, action: "Allocate", note: said });
  }

  async #write(key: string): Promise<Attempt> {
    const known = this.#known.get(key);
    if (known === undefined || !differs(known)) return DONE;
    if (this.#signal.aborted || !this.#ports.holds()) return LATER;
    const { service, decision } = known;
    const { name, namespace, resourceVersion } = service.metadata;
    const ingress = (decision?.addresses ?? []).map((address) => ({ ip: formatAddress(address), ipMode: "VIP" }));
    const text = JSON.stringify(ingress);
    const { clock } = this.#ports;
    const since = known.written?.text === text ? clock.now() - known.written.at : OVERWRITTEN_PAUSE_MILLIS;
    if (since < OVERWRITTEN_PAUSE_MILLIS) return { done: false, afterMillis: OVERWRITTEN_PAUSE_MILLIS - since };
    const patch = { metadata: { resourceVersion }, status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } };
    const answer = await this.#ports.client.patch(servicesOf(namespace), name, patch, this.#signal, "status");
    if (!answer.ok) return await this.#refused(key, service, answer.failure);
    known.written = { text, at: clock.now() };
    this.#tellWritten(known, service);
    this.#learn(answer.value);
    return DONE;
  }

  /** What a server says of a Service, in answer to a request of ours. */
  #learn(raw: unknown): void {
    const changes = servicesIn(raw).map((object): ObjectChange => ({ type: "set", object }));
    this.#note(changes.filter((change) => this.#isNews(change)));
    this.#decide();
  }

  async #refused(key: string, { metadata: { namespace, name } }: Service, failure: KubeFailure): Promise<Attempt> {
    switch (failure.condition) {
      case "Aborted":
        return LATER;
      case "NotFound":
        return DONE; // Deleted: the watch says so in a moment.
      case "Conflict": {
        // Somebody wrote it in between: decided again from what it is now, which the watch may not even say, since not every change is one to us.
        const now = await readOne(this.#ports.client, servicesOf(namespace), name, this.#signal);
        if (!now.ok) return { done: false, afterMillis: now.failure.retryAfterMillis };
        if (now.value === null) return DONE;
        this.#learn(now.value);
        const known = this.#known.get(key);
        if (known !== undefined && differs(known)) this.#queue.push(key);
        return DONE;
      }
      default:
        this.#ports.log({ event: "address.writeFailed", service: key, why: `${failure.condition}: ${failure.message}` });
        return { done: false, afterMillis: failure.retryAfterMillis };
    }
  }

  #tellWritten(known: Known, service: Service): void {
    const addresses = (known.decision?.addresses ?? []).map(formatAddress);
    this.#ports.log({ event: "address.written", service: keyOf(service), addresses });
    if (known.gained.length === 0) return;
    const note = known.gained.map(({ address, pool }) => `${formatAddress(address)} from IPAddressPool ${pool}`).join(", ");
    known.gained = [];
    this.#ports.events.emit({ regarding: regarding(service), type: "Normal", reason: "AddressAssigned", action: "Allocate", note });
  }
}

const DONE: Attempt = { done: true };
const LATER: Attempt = { done: false, afterMillis: null };

/** True when the status does not say what was decided. */
function differs({ service, decision }: Known): boolean {
  if (decision === null || decision.service.metadata.uid !== service.metadata.uid || service.type !== "LoadBalancer") return false;
  const { loadBalancerIPs } = service;
  return (
    loadBalancerIPs.length !== decision.addresses.length ||
    decision.addresses.some(({ key }) => !loadBalancerIPs.some((address) => address.key === key))
  );
}

function servicesOf(namespace: string): Resource {
  return { group: "", version: "v1", plural: "services", namespace };
}

function regarding({ metadata: { namespace, name, uid } }: Service) {
  return { kind: "Service", namespace, name, uid, apiVersion: "v1" };
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}
