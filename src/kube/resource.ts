import type { ObjectReader } from "./meta-messages.ts";

/** All objects of one kind, in one namespace or in all. */
export interface Resource {
  /** "" = the core group. */
  readonly group: string;
  readonly version: string;
  /** `endpointslices`. */
  readonly plural: string;
  /** null = all namespaces, or a kind that has none. */
  readonly namespace: string | null;
}

/** A selection of them that the server makes. */
export interface Selection extends Resource {
  /** How its messages are read: a server that writes them is asked for them in a watch. Without it, for JSON. */
  readonly read?: ObjectReader;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/apis/discovery.k8s.io/v1/endpointslices?labelSelector=…`; with `name`, the path of one object. */
export function pathOf(resource: Selection, query: Query = {}, name?: string, subresource?: string): string {
  const { group, version, plural, namespace, labelSelector, fieldSelector } = resource;
  const steps = [...(group === "" ? ["api"] : ["apis", group]), version, ...(namespace === null ? [] : ["namespaces", namespace]), plural];
  if (name !== undefined) steps.push(name);
  if (subresource !== undefined) steps.push(subresource);
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries({ labelSelector, fieldSelector, ...query }))
    if (value !== undefined) search.set(key, String(value));
  const path = `/${steps.map(encodeURIComponent).join("/")}`;
  return search.size === 0 ? path : `${path}?${search}`;
}

/** `endpointslices.discovery.k8s.io`, as people and RBAC name it. */
export function nameOf({ group, plural }: Resource): string {
  return group === "" ? plural : `${plural}.${group}`;
}
