/**
 * An address that several Services have. When an owner answers only where it has an endpoint, a node announces the address only if every
 * owner with counted endpoints somewhere has one usable there: the router cannot tell the owners apart. Where no node can satisfy all, any
 * owner suffices, and a finding says so.
 */

import type { Advertisement } from "./advertisement.ts";
import { allowsAddress, selectsNode } from "./advertisement.ts";
import { countedBy, endpointsOn } from "./endpoints.ts";
import type { Scene } from "./scene.ts";
import { isLocalOnly, serviceObstacle } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";

/** Who of the owners has a usable endpoint where. */
export interface Sharing {
  /** The node must leave the address to others. */
  blocksNode(node: string): boolean;
  /** The first owner by name without a usable endpoint on the node. */
  lackingOn(node: string): string | null;
  /** No node has endpoints of all owners, this one included. */
  readonly disagrees: boolean;
}

const FREE: Sharing = { blocksNode: () => false, lackingOn: () => null, disagrees: false };

/** Advertisements under which one owner's address passes checks 1 to 7 on some node. */
interface Owner {
  readonly entry: ServiceEntry;
  readonly wishes: readonly { readonly advertisement: Advertisement; readonly localOnly: boolean }[];
}

export function judgeSharing(scene: Scene, addressKey: string): Sharing {
  const { options, mayAnnounce, inventory } = scene.parts;
  const owners = inventory
    .holders(addressKey)
    .map((entry) => ownerOf(scene, entry, addressKey))
    .filter(({ entry, wishes }) => countsSomewhere(scene, addressKey, entry, wishes));
  if (owners.length < 2) return FREE;
  const local = owners.find(({ wishes }) => wishes.some(({ localOnly }) => localOnly));
  if (local === undefined) return FREE;
  const family = addressKey.length === 4 ? "IPv4" : "IPv6";
  const satisfies = (node: string) => owners.every((owner) => isUsable(scene, owner, family, node));
  // Only a node with an endpoint of the local owner can satisfy it.
  const somewhere = local.entry
    .digest(family)
    .nodes.some(({ node }) => mayAnnounce(node) && satisfies(node) && owners.some((owner) => announcesOn(scene, owner, family, node)));
  return {
    blocksNode: (node) => somewhere && !satisfies(node),
    lackingOn: (node) => {
      const lacking = owners.filter((owner) => !isUsable(scene, owner, family, node)).map(({ entry }) => entry.key);
      return lacking.sort()[0] ?? null;
    },
    disagrees: !somewhere && !satisfies(options.node),
  };
}

function ownerOf(scene: Scene, entry: ServiceEntry, addressKey: string): Owner {
  const { service } = entry;
  if (service === null) return { entry, wishes: [] };
  const matching = scene.matchingAnywhere(entry, service);
  const wishes: { advertisement: Advertisement; localOnly: boolean }[] = [];
  entry.addresses.addresses.forEach((address, i) => {
    if (address.key !== addressKey) return;
    const kind = kindAt(entry.addresses, i);
    if (serviceObstacle(service, kind, scene.parts.options) !== null) return;
    for (const advertisement of matching) {
      if (advertisement.source.addresses.includes(kind) && allowsAddress(advertisement, kind, address)) {
        wishes.push({ advertisement, localOnly: isLocalOnly(service, kind) });
      }
    }
  });
  return { entry, wishes };
}

function countsSomewhere(scene: Scene, addressKey: string, entry: ServiceEntry, wishes: Owner["wishes"]): boolean {
  const digest = entry.digest(addressKey.length === 4 ? "IPv4" : "IPv6");
  const { mayAnnounce } = scene.parts;
  return wishes.some(({ advertisement }) => {
    const counted = countedBy(digest, advertisement.source.endpointPolicy, mayAnnounce);
    return digest.nodes.some((counts) => counts[counted] > 0 && mayAnnounce(counts.node));
  });
}

/** Traffic that arrives on the node reaches an endpoint. */
function isUsable(scene: Scene, { entry, wishes }: Owner, family: "IPv4" | "IPv6", node: string): boolean {
  const digest = entry.digest(family);
  return wishes.some(({ advertisement, localOnly }) => {
    const counted = countedBy(digest, advertisement.source.endpointPolicy, scene.parts.mayAnnounce);
    return (localOnly ? endpointsOn(digest, node) : digest)[counted] > 0;
  });
}

function announcesOn(scene: Scene, { entry, wishes }: Owner, family: "IPv4" | "IPv6", node: string): boolean {
  const object = scene.parts.inventory.nodes.get(node);
  return wishes.some((wish) => selectsNode(wish.advertisement.source, object) && isUsable(scene, { entry, wishes: [wish] }, family, node));
}
