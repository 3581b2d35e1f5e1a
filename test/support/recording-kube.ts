import { failureWith, type KubeFailure, type Outcome } from "../../src/kube/failure.ts";
import type { Resource } from "../../src/kube/resource.ts";

export interface RecordedWrite {
  readonly verb: "create" | "patch" | "apply" | "delete";
  readonly plural: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly subresource: string;
  readonly manager: string;
  readonly object: unknown;
  /** Of the clock. */
  readonly at: number;
}

/** An API server as a writer meets it: keeps what is written, and fails when told. Answers within the turn of the event loop. */
export class RecordingKube {
  readonly writes: RecordedWrite[] = [];
  /** What becomes of a write; null = it succeeds. */
  fails: (write: RecordedWrite) => KubeFailure | null = () => null;
  readonly #clock: { now(): number };

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  create(resource: Resource, object: unknown): Promise<Outcome<unknown>> {
    return this.#take("create", resource, nameOf(object), object);
  }

  patch(resource: Resource, name: string, patch: unknown, _signal?: AbortSignal, subresource = ""): Promise<Outcome<unknown>> {
    return this.#take("patch", resource, name, patch, subresource);
  }

  apply(
    resource: Resource,
    object: { readonly metadata: { readonly name: string } },
    { manager, subresource = "" }: { readonly manager: string; readonly subresource?: string },
  ): Promise<Outcome<unknown>> {
    return this.#take("apply", resource, object.metadata.name, object, subresource, manager);
  }

  delete(resource: Resource, name: string): Promise<Outcome<unknown>> {
    return this.#take("delete", resource, name, null);
  }

  #take(
    verb: RecordedWrite["verb"],
    { plural, namespace }: Resource,
    name: string,
    object: unknown,
    subresource = "",
    manager = "",
  ): Promise<Outcome<unknown>> {
    const write: RecordedWrite = { verb, plural, namespace, name, subresource, manager, object, at: this.#clock.now() };
    this.writes.push(write);
    const failure = this.fails(write);
    return Promise.resolve(failure === null ? { ok: true, value: object } : { ok: false, failure });
  }
}

/** As a server says it. */
export function refusal(condition: KubeFailure["condition"], message = "no"): KubeFailure {
  return failureWith(condition, message);
}

/** Everything that waits for nothing but its turn has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function nameOf(object: unknown): string {
  return String(JSON.parse(JSON.stringify(object)).metadata.name);
}
