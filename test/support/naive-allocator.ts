/**
 * The rules of docs/addresses.md once more, as plainly as they can be written: everything is looked at again after every change, addresses are tried one
 * by one, and nothing is indexed. For small pools.
 */

import { type Address, compareAddresses, type Family } from "../../src/ip/address.ts";
import { formatAddress } from "../../src/ip/format.ts";
import { parseAddress } from "../../src/ip/parse.ts";
import type { IPAddressPool, LabelSelector, Namespace, ObjectChange, Service } from "../../src/objects/kinds.ts";

/** What is known of one Service of ours. */
interface Seat {
  service: Service;
  held: string[];
  /** Addresses on which it was found with another that does not share them. */
  excused: Set<string>;
}

export class NaiveAllocator {
  readonly #class: string;
  readonly #pools = new Map<string, IPAddressPool>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #seats = new Map<string, Seat>();

  constructor(loadBalancerClass: string) {
    this.#class = loadBalancerClass;
  }

  step(changes: readonly ObjectChange[]): void {
    const arrived = new Set<string>();
    const changed = new Set<string>();
    for (const change of changes) {
      const { kind } = change.type === "set" ? change.object : change.ref;
      const { namespace, name } = change.type === "set" ? change.object.metadata : change.ref;
      const key = `${namespace}/${name}`;
      const object = change.type === "set" ? change.object : null;
      if (kind === "IPAddressPool") {
        if (object?.kind === "IPAddressPool") this.#pools.set(name, object);
        else this.#pools.delete(name);
      } else if (kind === "Namespace") {
        if (object?.kind === "Namespace") this.#namespaces.set(name, object);
        else this.#namespaces.delete(name);
      } else if (kind === "Service") {
        const seat = this.#seats.get(key);
        const ours = object?.kind === "Service" && object.type === "LoadBalancer" && (object.loadBalancerClass ?? "") === this.#class;
        if (!ours || seat?.service.metadata.uid !== object.metadata.uid) this.#seats.delete(key);
        if (!ours) continue;
        changed.add(key);
        const known = this.#seats.get(key);
        if (known !== undefined) known.service = object;
        else {
          arrived.add(key);
          this.#seats.set(key, { service: object, held: [], excused: new Set() });
        }
      }
    }
    for (const seat of this.#inOrder()) {
      if (!arrived.has(keyOf(seat.service))) continue;
      for (const address of seat.service.loadBalancerIPs.map(formatAddress)) {
        if (this.#others(seat, address).some((other) => !mayShare(seat.service, other.service))) seat.excused.add(address);
        seat.held.push(address);
      }
    }
    for (const seat of this.#inOrder().reverse()) if (changed.has(keyOf(seat.service))) this.#cut(seat);
    // After every gift or loss from the start: the oldest that can have something has it first.
    while (this.#inOrder().some((seat) => this.#improve(seat)));
  }

  /** `namespace/name` → addresses. */
  held(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#seats].map(([key, { held }]) => [key, [...held].sort()]));
  }

  #inOrder(): Seat[] {
    const rank = ({ service }: Seat): string => `${service.metadata.creationTimestamp} ${keyOf(service)}`;
    return [...this.#seats.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  #others(seat: Seat, address: string): Seat[] {
    return [...this.#seats.values()].filter((other) => other !== seat && other.held.includes(address));
  }

  #cut(seat: Seat): void {
    const families = familiesOf(seat.service);
    const asked = requested(seat.service);
    for (const address of [...seat.held]) {
      const family = familyOf(address);
      const alike = seat.held.filter((other) => familyOf(other) === family);
      const preferred = alike.find((other) => asked.includes(other)) ?? alike[0];
      const clash = this.#others(seat, address).some(
        (other) => !mayShare(seat.service, other.service) && !seat.excused.has(address) && !other.excused.has(address),
      );
      if (!families.includes(family) || address !== preferred || clash) drop(seat, address);
    }
  }

  /** True when something changed. */
  #improve(seat: Seat): boolean {
    for (const address of seat.excused)
      if (this.#others(seat, address).every((other) => mayShare(seat.service, other.service))) seat.excused.delete(address);
    const { service } = seat;
    const families = familiesOf(service);
    const asked = requested(service);
    if (service.metadata.deleting || families.some((family) => asked.filter((a) => familyOf(a) === family).length > 1)) return false;
    if (asked.some((address) => !families.includes(familyOf(address)))) return false;
    const poolName = service.metadata.annotations["herald.dev/address-pool"];
    const named = poolName === undefined ? undefined : this.#pools.get(poolName);
    if (poolName !== undefined && (named === undefined || !this.#admits(named, service))) return false;

    const gives: string[] = [];
    const missing: Family[] = [];
    for (const family of families) {
      const has = seat.held.find((address) => familyOf(address) === family);
      const wants = asked.find((address) => familyOf(address) === family);
      if (wants !== undefined) {
        const within = [...this.#pools.values()].filter((pool) => offers(pool, wants));
        const allowed = named === undefined ? within.some((pool) => this.#admits(pool, service)) : within.includes(named);
        if (has !== wants && allowed && this.#roomFor(seat, wants)) gives.push(wants);
      } else if (has === undefined) missing.push(family);
      else if (named !== undefined && !offers(named, has) && [...this.#pools.values()].some((pool) => offers(pool, has)))
        missing.push(family);
    }
    const anchors = [...seat.held.filter((address) => !missing.includes(familyOf(address))), ...gives];
    const choices = named === undefined ? this.#choices(service) : [named];
    const near = choices.filter((pool) => anchors.some((address) => offers(pool, address)));
    const pools = [...near, ...choices.filter((pool) => !near.includes(pool))];
    const whole = pools.find((pool) => missing.every((family) => this.#find(seat, pool, family) !== undefined));
    for (const family of missing) {
      const pool = whole ?? pools.find((one) => this.#find(seat, one, family) !== undefined);
      const found = pool === undefined ? undefined : this.#find(seat, pool, family);
      if (found !== undefined) gives.push(found);
    }
    const needsAll = service.loadBalancer?.ipFamilyPolicy !== "PreferDualStack";
    if (gives.length === 0 || (needsAll && seat.held.length === 0 && gives.length < families.length)) return false;
    for (const address of gives) {
      for (const old of seat.held.filter((one) => familyOf(one) === familyOf(address))) drop(seat, old);
      seat.held.push(address);
    }
    return true;
  }

  #choices(service: Service): IPAddressPool[] {
    const rank = ({ serviceAllocation }: IPAddressPool): number =>
      serviceAllocation === null ? 1e12 : serviceAllocation.priority === 0 ? 1e11 : serviceAllocation.priority;
    return [...this.#pools.values()]
      .filter((pool) => pool.autoAssign && this.#admits(pool, service))
      .sort((a, b) => rank(a) - rank(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  #admits({ serviceAllocation }: IPAddressPool, { metadata }: Service): boolean {
    if (serviceAllocation === null) return true;
    const { namespaces, namespaceSelectors, serviceSelectors } = serviceAllocation;
    const labels = this.#namespaces.get(metadata.namespace)?.metadata.labels ?? {};
    const bySelector = namespaceSelectors.some((selector) => matches(selector, labels));
    const anywhere = namespaces.length + namespaceSelectors.length === 0;
    const here = anywhere || namespaces.includes(metadata.namespace) || bySelector;
    return here && (serviceSelectors.length === 0 || serviceSelectors.some((selector) => matches(selector, metadata.labels)));
  }

  #find(seat: Seat, pool: IPAddressPool, family: Family): string | undefined {
    const all = addressesOf(pool, family);
    const shared = all.filter((address) => {
      const others = this.#others(seat, address);
      return others.length > 0 && others.every((other) => mayShare(seat.service, other.service));
    });
    return shared[0] ?? all.find((address) => this.#others(seat, address).length === 0);
  }

  #roomFor(seat: Seat, address: string): boolean {
    return this.#others(seat, address).every((other) => mayShare(seat.service, other.service));
  }
}

function drop(seat: Seat, address: string): void {
  seat.held = seat.held.filter((one) => one !== address);
  seat.excused.delete(address);
}

/** MetalLB's rules. */
export function mayShare(a: Service, b: Service): boolean {
  const key = a.metadata.annotations["herald.dev/allow-shared-ip"];
  if (key === undefined || key === "" || key !== b.metadata.annotations["herald.dev/allow-shared-ip"]) return false;
  if (a.externalTrafficPolicy !== b.externalTrafficPolicy) return false;
  const pods = ({ loadBalancer, metadata }: Service): string =>
    JSON.stringify([metadata.namespace, Object.entries(loadBalancer?.selector ?? {}).sort()]);
  if (a.externalTrafficPolicy === "Local" && pods(a) !== pods(b)) return false;
  const ports = (b.loadBalancer?.ports ?? []).map(({ protocol, port }) => `${protocol}${port}`);
  return !(a.loadBalancer?.ports ?? []).some(({ protocol, port }) => ports.includes(`${protocol}${port}`));
}

/** True when the pool gives the address out. */
export function offers(pool: IPAddressPool, address: string): boolean {
  return addressesOf(pool, familyOf(address)).includes(address);
}

function addressesOf({ ranges, avoidBuggyIPs }: IPAddressPool, family: Family): string[] {
  const found = new Set<string>();
  for (const { from, to } of [...ranges].sort((a, b) => compareAddresses(a.from, b.from)))
    if (from.family === family) for (let at: Address = from; compareAddresses(at, to) <= 0; at = next(at)) found.add(formatAddress(at));
  return [...found].filter((address) => !avoidBuggyIPs || family === "IPv6" || !/\.(0|255)$/.test(address));
}

function next({ octets }: Address): Address {
  const after = [...octets];
  for (let i = after.length - 1; i >= 0; i--) {
    after[i] = ((after[i] ?? 0) + 1) & 255;
    if (after[i] !== 0) break;
  }
  const quads = Array.from({ length: 8 }, (_, i) => (((after[2 * i] ?? 0) << 8) | (after[2 * i + 1] ?? 0)).toString(16));
  const parsed = parseAddress(octets.length === 4 ? after.join(".") : quads.join(":"));
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function familiesOf({ loadBalancer, clusterIPs }: Service): readonly Family[] {
  const written = loadBalancer?.ipFamilies ?? [];
  const families = written.length > 0 ? written : clusterIPs.length > 0 ? clusterIPs.map(({ family }) => family) : (["IPv4"] as const);
  return loadBalancer?.ipFamilyPolicy === "SingleStack" ? families.slice(0, 1) : [...new Set(families)];
}

function requested({ metadata, loadBalancer }: Service): string[] {
  const text = metadata.annotations["herald.dev/loadBalancerIPs"] || loadBalancer?.loadBalancerIP || "";
  return [...new Set(text.split(",").filter((one) => one !== ""))];
}

function familyOf(address: string): Family {
  return address.includes(":") ? "IPv6" : "IPv4";
}

function matches({ matchLabels }: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}
