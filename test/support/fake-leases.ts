import type { KubeFailure, Outcome } from "../../src/kube/failure.ts";
import { fieldsOf } from "../../src/kube/fields.ts";
import type { Resource } from "../../src/kube/resource.ts";

/** One Lease on a server that compares versions; nothing more of an API server. */
export class FakeLeases {
  /** null = there is none. */
  lease: Readonly<Record<string, unknown>> | null = null;
  /** Set: every request is answered with it. */
  failure: KubeFailure | null = null;
  writes = 0;
  #version = 0;

  get spec(): Readonly<Record<string, unknown>> {
    return fieldsOf(this.lease?.["spec"]);
  }

  get holder(): unknown {
    return this.spec["holderIdentity"];
  }

  async get(_place: Resource, _name: string): Promise<Outcome<unknown>> {
    if (this.failure !== null) return { ok: false, failure: this.failure };
    return this.lease === null ? refused("NotFound", 404) : { ok: true, value: this.lease };
  }

  async create(_place: Resource, object: unknown): Promise<Outcome<unknown>> {
    if (this.failure !== null) return { ok: false, failure: this.failure };
    return this.lease === null ? this.#store(object) : refused("Conflict", 409);
  }

  async update(_place: Resource, _name: string, object: unknown): Promise<Outcome<unknown>> {
    if (this.failure !== null) return { ok: false, failure: this.failure };
    const sent = fieldsOf(fieldsOf(object)["metadata"])["resourceVersion"];
    return sent === fieldsOf(this.lease?.["metadata"])["resourceVersion"] ? this.#store(object) : refused("Conflict", 409);
  }

  #store(object: unknown): Outcome<unknown> {
    this.writes++;
    const fields = fieldsOf(object);
    this.lease = { ...fields, metadata: { ...fieldsOf(fields["metadata"]), resourceVersion: String(++this.#version) } };
    return { ok: true, value: this.lease };
  }
}

export function refused(condition: KubeFailure["condition"], status: number): Outcome<unknown> {
  return { ok: false, failure: { condition, status, message: condition, retryAfterMillis: null } };
}
