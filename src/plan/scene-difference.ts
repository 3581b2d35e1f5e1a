/**
 * Which Services a change of the scene can alter: an advertisement those it selects before or after, a peer or this node those that any
 * advertisement selects, another node those with endpoints on it.
 */

import { FAMILIES } from "../ip/address.ts";
import type { Advertisement } from "./advertisement.ts";
import type { Cause } from "./change.ts";
import type { Inventory } from "./inventory.ts";
import { decidesAlike } from "./peers.ts";
import type { ProxyState } from "./proxy-gate.ts";
import { type Scene, selectsService } from "./scene.ts";
import { namespaceLabels, serviceLabels } from "./selectors.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** An advertisement that became another; null = it was or is not there. */
export interface Recompiled {
  readonly before: Advertisement | null;
  readonly after: Advertisement | null;
  readonly cause: Cause | null;
}

/** What changed, each with what changed it. */
export interface SceneDifference {
  readonly recompiled: ReadonlyMap<string, Recompiled>;
  /** Every Service that is selected; undefined = no such change. */
  readonly everywhere: Cause | null | undefined;
  /** Nodes that pass checks 8 to 10 now and did not, or the other way round. */
  readonly flipped: ReadonlyMap<string, Cause | null>;
  readonly namespaces: ReadonlyMap<string, Cause | null>;
  /** Who may hold a place of a limited number; undefined = no change. */
  readonly places: Cause | null | undefined;
}

/** For a Service planned under `matching`: what makes it worth planning again, or false. */
export type Affected = (matching: readonly Advertisement[], entry: ServiceEntry) => Cause | null | false;

/** Some Service may be affected. */
export function touchesServices({ recompiled, everywhere, flipped, namespaces, places }: SceneDifference): boolean {
  return recompiled.size + flipped.size + namespaces.size > 0 || everywhere !== undefined || places !== undefined;
}

export function affectedBy(difference: SceneDifference, inventory: Inventory): Affected {
  const { everywhere, namespaces, places, flipped } = difference;
  return (matching, entry) => {
    if (everywhere !== undefined && matching.length > 0) return everywhere;
    if (places !== undefined && matching.some(({ source }) => source.maxAnnouncers !== null)) return places;
    const inNamespace = namespaces.get(entry.namespace);
    if (inNamespace !== undefined) return inNamespace;
    const selected = selectedBy(difference, matching, entry, inventory);
    if (selected !== false || flipped.size === 0 || matching.length === 0) return selected;
    for (const family of FAMILIES) {
      for (const { node } of entry.digest(family).nodes) {
        const cause = flipped.get(node);
        if (cause !== undefined) return cause;
      }
    }
    return false;
  };
}

/** An advertisement that changed selects the Service, or did. */
function selectedBy({ recompiled }: SceneDifference, matching: readonly Advertisement[], entry: ServiceEntry, inventory: Inventory) {
  if (recompiled.size === 0 || entry.service === null) return false;
  const services = serviceLabels(entry.service);
  const namespaces = namespaceLabels(entry.namespace, inventory.namespace(entry.namespace));
  for (const { before, after, cause } of recompiled.values()) {
    if (before !== null && matching.includes(before)) return cause;
    if (after?.selectsNode && selectsService(after, services, namespaces)) return cause;
  }
  return false;
}

/** No decision can differ between two scenes for what their peers are. `isServiceAddress` tells by key. */
export function hearsAlike(before: Scene, after: Scene, isServiceAddress: (key: string) => boolean): boolean {
  const [old, fresh] = [before.parts.peers, after.parts.peers];
  if (old.length !== fresh.length || before.parts.outsiders[0] !== after.parts.outsiders[0]) return false;
  return fresh.every((verdict, i) => {
    const other = old[i];
    return other !== undefined && other.name === verdict.name && decidesAlike(other, verdict, isServiceAddress);
  });
}

/** No gate is open under one and shut under the other. */
export function opensAlike(a: ProxyState, b: ProxyState): boolean {
  return (
    a.probed === b.probed &&
    a.onlyWhereRequired === b.onlyWhereRequired &&
    a.evident === b.evident &&
    a.shut.Prefer === b.shut.Prefer &&
    a.shut.Require === b.shut.Require
  );
}
