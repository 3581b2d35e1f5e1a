import type { Address, Family } from "../ip/address.ts";
import type { AddressKind, EndpointSlice, Service } from "../objects/kinds.ts";
import { digestEndpoints, type EndpointDigest } from "./endpoints.ts";

/** A Service with all that belongs to it. Exists while there is a Service or a slice of that name. */
export class ServiceEntry {
  readonly namespace: string;
  readonly name: string;
  service: Service | null = null;
  slices: readonly EndpointSlice[] = [];
  /** Addresses to announce, each once per kind; replaced, never changed, and the same value while nothing about them changed. */
  addresses: AddressList = NO_ADDRESSES;
  #ipv4: EndpointDigest | null = null;
  #ipv6: EndpointDigest | null = null;

  constructor(namespace: string, name: string) {
    this.namespace = namespace;
    this.name = name;
  }

  /** `namespace/name`. */
  get key(): string {
    return `${this.namespace}/${this.name}`;
  }

  /** Endpoints of the family; computed when asked for the first time after a change. */
  digest(family: Family): EndpointDigest {
    if (family === "IPv4") {
      this.#ipv4 ??= digestEndpoints(this.slices, "IPv4");
      return this.#ipv4;
    }
    this.#ipv6 ??= digestEndpoints(this.slices, "IPv6");
    return this.#ipv6;
  }

  replaceSlices(slices: readonly EndpointSlice[]): void {
    this.slices = slices;
    this.#ipv4 = null;
    this.#ipv6 = null;
  }
}

/** Addresses in the order cluster, external, load balancer. Two numbers instead of a kind each: there may be a million. */
export interface AddressList {
  readonly addresses: readonly Address[];
  readonly clusterIPs: number;
  readonly externalIPs: number;
}

export const NO_ADDRESSES: AddressList = { addresses: [], clusterIPs: 0, externalIPs: 0 };

export function kindAt(list: AddressList, index: number): AddressKind {
  if (index < list.clusterIPs) return "ClusterIP";
  return index < list.clusterIPs + list.externalIPs ? "ExternalIP" : "LoadBalancerIP";
}

/** Check 2: no proxy programs anything for ExternalName and headless Services; ingress counts while the type says LoadBalancer. */
export function addressesOf(service: Service): AddressList {
  if (service.type === "ExternalName" || service.headless) return NO_ADDRESSES;
  const clusterIPs = unique(service.clusterIPs);
  const externalIPs = unique(service.externalIPs);
  const ingress = service.type === "LoadBalancer" ? unique(service.loadBalancerIPs) : [];
  // Mostly there is one kind only: its list serves as it is.
  const [only, ...more] = [clusterIPs, externalIPs, ingress].filter((list) => list.length > 0);
  const addresses = more.length === 0 ? (only ?? clusterIPs) : [...clusterIPs, ...externalIPs, ...ingress];
  return { addresses, clusterIPs: clusterIPs.length, externalIPs: externalIPs.length };
}

function unique(addresses: readonly Address[]): readonly Address[] {
  if (addresses.length < 2) return addresses;
  const seen = new Set<string>();
  const kept = addresses.filter(({ key }) => !seen.has(key) && seen.add(key));
  return kept.length === addresses.length ? addresses : kept;
}

/** The same addresses of the same kinds in the same order. */
export function sameAddresses(a: AddressList, b: AddressList): boolean {
  return (
    a.clusterIPs === b.clusterIPs &&
    a.externalIPs === b.externalIPs &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, i) => address.key === b.addresses[i]?.key)
  );
}
