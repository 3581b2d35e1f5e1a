import type { Namespace, Service } from "../objects/kinds.ts";
import { matchesAny, namespaceLabels, serviceLabels } from "../plan/selectors.ts";
import type { Pool } from "./pool.ts";

/** Which pools a Service that names none is given addresses from, and in which order. */
export class PoolChoice {
  readonly #setAside: readonly Pool[];
  readonly #open: readonly Pool[];

  constructor(pools: Iterable<Pool>) {
    const given = [...pools].filter(({ object }) => object.autoAssign).sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
    this.#setAside = given.filter(({ object }) => object.serviceAllocation !== null);
    this.#open = given.filter(({ object }) => object.serviceAllocation === null);
  }

  /** Those set aside for it, lowest priority first, then those for everybody, by name. */
  of(service: Service, namespace: Namespace | undefined): readonly Pool[] {
    if (this.#setAside.length === 0) return this.#open;
    const own = this.#setAside.filter((pool) => admits(pool, service, namespace));
    return own.length === 0 ? this.#open : [...own, ...this.#open];
  }
}

/** True when the pool is not set aside for others. */
export function admits({ object: { serviceAllocation } }: Pool, service: Service, namespace: Namespace | undefined): boolean {
  if (serviceAllocation === null) return true;
  const { namespaces, namespaceSelectors, serviceSelectors } = serviceAllocation;
  const name = service.metadata.namespace;
  const anywhere = namespaces.length === 0 && namespaceSelectors.length === 0;
  const here =
    anywhere ||
    namespaces.includes(name) ||
    (namespaceSelectors.length > 0 && matchesAny(namespaceSelectors, namespaceLabels(name, namespace)));
  return here && matchesAny(serviceSelectors, serviceLabels(service));
}

/** 0 = none stated: after all that have one. */
function rank({ object: { serviceAllocation } }: Pool): number {
  return serviceAllocation?.priority || Number.POSITIVE_INFINITY;
}
