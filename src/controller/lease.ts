/** coordination.k8s.io/v1 Lease as leader election writes it: what a server sent, and what is sent back. */

import { fieldsOf } from "../kube/fields.ts";

/** One observation of a Lease. */
export interface LeaseRecord {
  /** "" = given up: anybody may take it at once. */
  readonly holder: string;
  /** How long its holder may be silent, by the clock of whoever looks. */
  readonly durationMillis: number;
  readonly acquireTime: string;
  readonly transitions: number;
  /** Changes with every write: what tells a living holder from a dead one. */
  readonly resourceVersion: string;
  /** The whole object, of which labels and annotations are sent back as they were. */
  readonly object: Readonly<Record<string, unknown>>;
}

/** Null = not a Lease. */
export function readLease(raw: unknown): LeaseRecord | null {
  const object = fieldsOf(raw);
  const { resourceVersion } = fieldsOf(object["metadata"]);
  if (typeof resourceVersion !== "string") return null;
  const { holderIdentity, leaseDurationSeconds, acquireTime, leaseTransitions } = fieldsOf(object["spec"]);
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    durationMillis: typeof leaseDurationSeconds === "number" ? leaseDurationSeconds * 1000 : 0,
    acquireTime: typeof acquireTime === "string" ? acquireTime : "",
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
    resourceVersion,
    object,
  };
}

/** What a Lease is to say. */
export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/** A Lease that is not there yet. */
export function newLease(namespace: string, name: string, spec: LeaseSpec): object {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace }, spec };
}

/** The next version of one that is: refused by the server when somebody wrote it in between. */
export function nextLease({ object }: LeaseRecord, spec: LeaseSpec): object {
  return { ...object, apiVersion: "coordination.k8s.io/v1", kind: "Lease", spec: { ...fieldsOf(object["spec"]), ...spec } };
}

/** Kubernetes' MicroTime. Written for people: nothing compares it with a clock. */
export function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}
