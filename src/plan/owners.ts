import type { Prefix } from "../ip/prefix.ts";
import { compareText } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import { isHost } from "./scene.ts";

/** Services (`namespace/name`) whose addresses make the prefix announced, by name. */
export function ownersOf(view: PlannedView, prefix: Prefix): string[] {
  const owners = new Set<string>();
  if (isHost(prefix)) {
    for (const entry of view.scene.parts.inventory.holders(prefix.address.key)) {
      const announced = entry.addresses.addresses.some(
        ({ key }, i) => key === prefix.address.key && view.decisionsOf(entry)[i]?.announced === true,
      );
      if (announced) owners.add(entry.key);
    }
  }
  // Of an aggregate the members are not listed by prefix: there are few of those.
  if (owners.size === 0) {
    for (const entry of view.entries()) {
      const shares = view.coveringOf(entry)?.get(prefix.key)?.contribution.shares ?? [];
      if (shares.some(({ eligible, beyond }) => eligible && !beyond)) owners.add(entry.key);
    }
  }
  return [...owners].sort(compareText);
}
