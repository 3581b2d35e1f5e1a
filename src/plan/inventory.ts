/**
 * The objects in force and the indexes over them: Service → its slices and addresses, address → Services, namespace → Services. Knows no
 * node of its own, so that many planners may read one inventory. Every change tells what it touched.
 */

import type { Family } from "../ip/address.ts";
import type {
  BFDProfile,
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  Community,
  EndpointSlice,
  IPAddressPool,
  Namespace,
  Node,
  ObjectChange,
  ObjectRef,
  OwnObject,
  Service,
} from "../objects/kinds.ts";
import { addressesOf, NO_ADDRESSES, ServiceEntry, sameAddresses } from "./service-entry.ts";

/** Told of whatever a change may alter. */
export interface Touched {
  /**
   * Its Service, slices or addresses (`moved`) changed, or somebody else got or lost one of its addresses. `family`: of the slice that changed,
   * null = not a slice.
   */
  service(entry: ServiceEntry, moved: boolean, family: Family | null): void;
  node(name: string, before: Node | undefined, after: Node | undefined): void;
  namespace(name: string): void;
  advertisement(name: string): void;
  peer(name: string): void;
  /** Communities or pools: whatever advertisements refer to. */
  references(): void;
}

interface NamespaceEntry {
  namespace: Namespace | undefined;
  readonly services: Map<string, ServiceEntry>;
  readonly slices: Map<string, EndpointSlice>;
}

export class Inventory {
  readonly heraldNamespace: string;
  readonly nodes = new Map<string, Node>();
  readonly peers = new Map<string, BGPPeer>();
  readonly advertisements = new Map<string, BGPAdvertisement>();
  readonly communities = new Map<string, Community>();
  readonly pools = new Map<string, IPAddressPool>();
  readonly bfdProfiles = new Map<string, BFDProfile>();
  readonly #namespaces = new Map<string, NamespaceEntry>();
  /** The only Service of an address. */
  readonly #sole = new Map<string, ServiceEntry>();
  /** Several Services (or one under several kinds) with how often each has the address: few, so that asking costs next to nothing. */
  readonly #sharers = new Map<string, Map<ServiceEntry, number>>();

  constructor(heraldNamespace: string) {
    this.heraldNamespace = heraldNamespace;
  }

  apply(change: ObjectChange, touched: Touched): void {
    if (change.type === "set") this.#set(change.object, touched);
    else this.#delete(change.ref, touched);
  }

  namespace(name: string): Namespace | undefined {
    return this.#namespaces.get(name)?.namespace;
  }

  service(namespace: string, name: string): ServiceEntry | undefined {
    return this.#namespaces.get(namespace)?.services.get(name);
  }

  *services(): IterableIterator<ServiceEntry> {
    for (const { services } of this.#namespaces.values()) yield* services.values();
  }

  *servicesOf(namespace: string): IterableIterator<ServiceEntry> {
    const entry = this.#namespaces.get(namespace);
    if (entry !== undefined) yield* entry.services.values();
  }

  /** More than one Service has the address, or one has it under several kinds. */
  isShared(addressKey: string): boolean {
    return this.#sharers.size > 0 && this.#sharers.has(addressKey);
  }

  /** The Services that have the address. */
  holders(addressKey: string): readonly ServiceEntry[] {
    const sole = this.#sole.get(addressKey);
    return sole === undefined ? [...(this.#sharers.get(addressKey)?.keys() ?? [])] : [sole];
  }

  /** True when some Service has the address. */
  has(addressKey: string): boolean {
    return this.#sole.has(addressKey) || this.#sharers.has(addressKey);
  }

  #set(object: ClusterObject, touched: Touched): void {
    const { namespace, name } = object.metadata;
    switch (object.kind) {
      case "Service":
        this.#setService(namespace, name, object, touched);
        break;
      case "EndpointSlice":
        this.#setSlice(namespace, name, object, touched);
        break;
      case "Namespace":
        this.#namespaceEntry(name).namespace = object;
        touched.namespace(name);
        break;
      case "Node": {
        const before = this.nodes.get(name);
        this.nodes.set(name, object);
        touched.node(name, before, object);
        break;
      }
      case "Secret":
        // Of the speaker alone: no decision depends on a password.
        break;
      default:
        if (namespace === this.heraldNamespace) this.#setOurs(object, touched);
    }
  }

  #setOurs(object: OwnObject, touched: Touched): void {
    const { name } = object.metadata;
    switch (object.kind) {
      case "BGPPeer":
        this.peers.set(name, object);
        touched.peer(name);
        break;
      case "BGPAdvertisement":
        this.advertisements.set(name, object);
        touched.advertisement(name);
        break;
      case "Community":
        this.communities.set(name, object);
        touched.references();
        break;
      case "IPAddressPool":
        this.pools.set(name, object);
        touched.references();
        break;
      case "BFDProfile":
        // No decision depends on it: the speaker's BFD does, and a finding names a profile that is missing.
        this.bfdProfiles.set(name, object);
        break;
    }
  }

  #delete({ kind, namespace, name }: ObjectRef, touched: Touched): void {
    switch (kind) {
      case "Service":
        this.#setService(namespace, name, null, touched);
        break;
      case "EndpointSlice":
        this.#setSlice(namespace, name, null, touched);
        break;
      case "Namespace": {
        const entry = this.#namespaces.get(name);
        if (entry === undefined) break;
        entry.namespace = undefined;
        this.#forgetNamespace(name, entry);
        touched.namespace(name);
        break;
      }
      case "Node": {
        const before = this.nodes.get(name);
        if (this.nodes.delete(name)) touched.node(name, before, undefined);
        break;
      }
      case "Secret":
        break;
      default:
        if (namespace === this.heraldNamespace) this.#deleteOurs(kind, name, touched);
    }
  }

  #deleteOurs(kind: OwnObject["kind"], name: string, touched: Touched): void {
    switch (kind) {
      case "BGPPeer":
        if (this.peers.delete(name)) touched.peer(name);
        break;
      case "BGPAdvertisement":
        if (this.advertisements.delete(name)) touched.advertisement(name);
        break;
      case "Community":
        if (this.communities.delete(name)) touched.references();
        break;
      case "IPAddressPool":
        if (this.pools.delete(name)) touched.references();
        break;
      case "BFDProfile":
        this.bfdProfiles.delete(name);
        break;
    }
  }

  #setService(namespace: string, name: string, service: Service | null, touched: Touched): void {
    const known = this.service(namespace, name);
    if (known === undefined && service === null) return;
    const entry = known ?? this.#addEntry(namespace, name);
    entry.service = service;
    const addresses = service === null ? NO_ADDRESSES : addressesOf(service);
    const moved = !sameAddresses(entry.addresses, addresses);
    if (moved) {
      for (const { key } of entry.addresses.addresses) this.#release(key, entry, touched);
      for (const { key } of addresses.addresses) this.#hold(key, entry, touched);
      entry.addresses = addresses;
    }
    this.#forgetEntry(entry);
    touched.service(entry, moved, null);
  }

  #setSlice(namespace: string, name: string, slice: EndpointSlice | null, touched: Touched): void {
    const home = this.#namespaceEntry(namespace);
    const before = home.slices.get(name);
    if (slice === null) home.slices.delete(name);
    else home.slices.set(name, slice);

    if (before !== undefined && before.serviceName !== null && before.serviceName !== slice?.serviceName) {
      const entry = home.services.get(before.serviceName);
      if (entry !== undefined) {
        entry.replaceSlices(entry.slices.filter((other) => other !== before));
        this.#forgetEntry(entry);
        touched.service(entry, false, familyOf(before));
      }
    }
    if (slice !== null && slice.serviceName !== null) {
      const entry = home.services.get(slice.serviceName) ?? this.#addEntry(namespace, slice.serviceName);
      const at = before === undefined ? -1 : entry.slices.indexOf(before);
      entry.replaceSlices(at < 0 ? [...entry.slices, slice] : entry.slices.with(at, slice));
      touched.service(entry, false, familyOf(slice));
    }
    this.#forgetNamespace(namespace, home);
  }

  #addEntry(namespace: string, name: string): ServiceEntry {
    const entry = new ServiceEntry(namespace, name);
    this.#namespaceEntry(namespace).services.set(name, entry);
    return entry;
  }

  #forgetEntry(entry: ServiceEntry): void {
    if (entry.service !== null || entry.slices.length > 0) return;
    const home = this.#namespaces.get(entry.namespace);
    if (home === undefined) return;
    home.services.delete(entry.name);
    this.#forgetNamespace(entry.namespace, home);
  }

  #namespaceEntry(name: string): NamespaceEntry {
    let entry = this.#namespaces.get(name);
    if (entry === undefined) {
      entry = { namespace: undefined, services: new Map(), slices: new Map() };
      this.#namespaces.set(name, entry);
    }
    return entry;
  }

  #forgetNamespace(name: string, entry: NamespaceEntry): void {
    if (entry.namespace === undefined && entry.services.size === 0 && entry.slices.size === 0) this.#namespaces.delete(name);
  }

  #hold(key: string, entry: ServiceEntry, touched: Touched): void {
    const sharers = this.#sharers.get(key);
    if (sharers !== undefined) {
      sharers.set(entry, (sharers.get(entry) ?? 0) + 1);
      return;
    }
    const sole = this.#sole.get(key);
    if (sole === undefined) {
      this.#sole.set(key, entry);
      return;
    }
    this.#sole.delete(key);
    this.#sharers.set(key, sole === entry ? new Map([[entry, 2]]) : new Map([[sole, 1]]).set(entry, 1));
    touched.service(sole, false, null);
  }

  #release(key: string, entry: ServiceEntry, touched: Touched): void {
    const sharers = this.#sharers.get(key);
    if (sharers === undefined) {
      this.#sole.delete(key);
      return;
    }
    const times = (sharers.get(entry) ?? 0) - 1;
    if (times > 0) sharers.set(entry, times);
    else sharers.delete(entry);
    const [only] = sharers;
    if (only !== undefined && sharers.size === 1 && only[1] === 1) {
      this.#sharers.delete(key);
      this.#sole.set(key, only[0]);
      touched.service(only[0], false, null);
    }
  }
}

function familyOf({ addressType }: EndpointSlice): Family | null {
  return addressType === "FQDN" ? null : addressType;
}
