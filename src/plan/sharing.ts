/**
 * An address that several Services have. When an owner answers only where it has an endpoint, a node announces the address only if every
 * owner with counted endpoints somewhere has one usable there: the router cannot tell the owners apart. Where no node can satisfy all, any
 * owner suffices, and a finding says so. Owners are counted, not listed, so that one of a hundred thousand changes at the cost of one.
 */

import type { Family } from "../ip/address.ts";
import { type Advertisement, allowsAddress, selectsNode } from "./advertisement.ts";
import { countedBy } from "./endpoints.ts";
import type { Scene } from "./scene.ts";
import { isLocalOnly, serviceObstacle } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";

/** Who may announce a shared address. */
export interface Sharing {
  /** The node must leave the address to others. */
  blocksNode(node: string): boolean;
  /** No node has endpoints of all owners, this one included. */
  readonly disagrees: boolean;
  /** Nodes with endpoints of all, sorted, where the address is left to them; null = any node may announce. */
  readonly reserved: readonly string[] | null;
}

/** Any node may announce. */
export const FREE: Sharing = { blocksNode: () => false, disagrees: false, reserved: null };

/** What one owner says about where traffic for the address reaches it. */
export interface OwnerView {
  /** Endpoints of it count on a node that passes checks 8 to 10. */
  readonly counts: boolean;
  /** Some policy asks for endpoints on the node. */
  readonly isLocal: boolean;
  /** Usable on every node. */
  readonly everywhere: boolean;
  /** Usable on these, by endpoints of their own. */
  readonly nodes: readonly string[];
  /** Those of `nodes` that an advertisement for it selects. */
  readonly announcing: readonly string[];
  /** Advertisements that announce it on every node they select. */
  readonly anywhere: readonly Advertisement[];
}

const NOBODY: OwnerView = { counts: false, isLocal: false, everywhere: false, nodes: [], announcing: [], anywhere: [] };

/** @param anywhere advertisements that select the Service, whatever the node. */
export function viewOwner(scene: Scene, entry: ServiceEntry, anywhere: readonly Advertisement[], addressKey: string): OwnerView {
  const { service } = entry;
  if (service === null) return NOBODY;
  const { options, mayAnnounce, inventory } = scene.parts;
  const digest = entry.digest(familyOf(addressKey));
  const nodes = new Set<string>();
  const announcing = new Set<string>();
  const everyNode = new Set<Advertisement>();
  let [counts, isLocal] = [false, false];
  entry.addresses.addresses.forEach((address, i) => {
    if (address.key !== addressKey) return;
    const kind = kindAt(entry.addresses, i);
    if (serviceObstacle(service, kind, options) !== null) return;
    const localOnly = isLocalOnly(service, kind);
    for (const advertisement of anywhere) {
      const { source } = advertisement;
      if (!source.addresses.includes(kind) || !allowsAddress(advertisement, kind, address)) continue;
      isLocal ||= localOnly;
      const counted = countedBy(digest, source.endpointPolicy, mayAnnounce);
      if (!localOnly && digest[counted] > 0) everyNode.add(advertisement);
      for (const endpoints of digest.nodes) {
        if (endpoints[counted] === 0) continue;
        counts ||= mayAnnounce(endpoints.node);
        if (!localOnly) continue;
        nodes.add(endpoints.node);
        if (selectsNode(source, inventory.nodes.get(endpoints.node))) announcing.add(endpoints.node);
      }
    }
  });
  return { counts, isLocal, everywhere: everyNode.size > 0, nodes: [...nodes], announcing: [...announcing], anywhere: [...everyNode] };
}

/** The owners of one address. */
export class Owners {
  readonly #views = new Map<ServiceEntry, OwnerView>();
  readonly #usable = new Map<string, number>();
  readonly #announcing = new Map<string, number>();
  readonly #anywhere = new Map<Advertisement, number>();
  #counting = 0;
  #local = 0;
  /** Counting owners that are not usable everywhere. */
  #bound = 0;
  #lacking = new Map<string, string | null>();

  put(entry: ServiceEntry, view: OwnerView): void {
    this.remove(entry);
    this.#views.set(entry, view);
    this.#add(view, 1);
  }

  remove(entry: ServiceEntry): void {
    const view = this.#views.get(entry);
    if (view === undefined) return;
    this.#views.delete(entry);
    this.#add(view, -1);
  }

  /** Who may announce, as of now: later changes do not alter the answer. */
  judge(scene: Scene): Sharing {
    if (this.#counting < 2 || this.#local === 0 || this.#bound === 0) return FREE;
    const satisfied = new Set<string>();
    let somewhere = false;
    for (const [node, owners] of this.#usable) {
      if (owners !== this.#bound) continue;
      satisfied.add(node);
      somewhere ||= scene.parts.mayAnnounce(node) && this.#announcesOn(scene, node);
    }
    return {
      blocksNode: (node) => somewhere && !satisfied.has(node),
      disagrees: !somewhere && !satisfied.has(scene.parts.options.node),
      reserved: somewhere ? [...satisfied].sort() : null,
    };
  }

  /** The first owner by name without a usable endpoint on the node. */
  lackingOn(node: string): string | null {
    const known = this.#lacking.get(node);
    if (known !== undefined) return known;
    let first: string | null = null;
    for (const [{ key }, { counts, everywhere, nodes }] of this.#views) {
      if (counts && !everywhere && !nodes.includes(node) && (first === null || key < first)) first = key;
    }
    this.#lacking.set(node, first);
    return first;
  }

  #announcesOn(scene: Scene, node: string): boolean {
    if ((this.#announcing.get(node) ?? 0) > 0) return true;
    const object = scene.parts.inventory.nodes.get(node);
    return [...this.#anywhere.keys()].some(({ source }) => selectsNode(source, object));
  }

  #add(view: OwnerView, by: 1 | -1): void {
    this.#lacking = new Map();
    if (!view.counts) return;
    this.#counting += by;
    if (view.isLocal) this.#local += by;
    for (const node of view.announcing) count(this.#announcing, node, by);
    for (const advertisement of view.anywhere) count(this.#anywhere, advertisement, by);
    if (view.everywhere) return;
    this.#bound += by;
    for (const node of view.nodes) count(this.#usable, node, by);
  }
}

function count<T>(map: Map<T, number>, key: T, by: 1 | -1): void {
  const sum = (map.get(key) ?? 0) + by;
  if (sum === 0) map.delete(key);
  else map.set(key, sum);
}

function familyOf(addressKey: string): Family {
  return addressKey.length === 4 ? "IPv4" : "IPv6";
}
