import type { ClusterObject } from "./kinds.ts";
import { PackedEndpoints } from "./packed-endpoints.ts";

/** True when nothing that Herald acts on differs. resourceVersion and generation move with fields that are not read, such as a Node's heartbeat. */
export function sameObject(a: ClusterObject, b: ClusterObject): boolean {
  if (a === b) return true;
  const { resourceVersion, generation } = a.metadata;
  return sameValue(a, { ...b, metadata: { ...b.metadata, resourceVersion, generation } });
}

/** Projected values are trees of plain objects, lists, octets and scalars. */
function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && a.length === b.length && a.every((octet, i) => octet === b[i]);
  if (a instanceof PackedEndpoints) return b instanceof PackedEndpoints && a.equals(b);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameValue(value, right.get(key)));
}
