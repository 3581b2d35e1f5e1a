/**
 * Findings about objects in force and about what they make of each other. None of them keeps a good object from being announced. They are
 * made when somebody asks: nothing here is part of a change's cost.
 */

import { formatAddress } from "../ip/format.ts";
import type { Finding } from "../objects/kinds.ts";
import { conflictFindings } from "./conflict-findings.ts";
import { coveringFindings } from "./covering-findings.ts";
import { findingOf, sortFindings } from "./findings.ts";
import { compareText } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import { gateFindings, limitFindings } from "./live-findings.ts";
import type { Paused } from "./pauses.ts";
import { referenceFindings } from "./reference-findings.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** @param concerned only what has to do with these Services, at a cost that follows their number; undefined = all. */
export function* findingsInPieces(view: PlannedView, concerned?: ReadonlySet<ServiceEntry>): Paused<Finding[]> {
  const { scene } = view;
  return sortFindings([
    ...scene.parts.findings,
    ...(concerned === undefined ? referenceFindings(scene.parts.inventory) : []),
    ...(yield* coveringFindings(scene, concerned)),
    ...(yield* conflictFindings(view, concerned)),
    ...(yield* sharingFindings(view, concerned)),
    ...(yield* gateFindings(view, concerned)),
    ...limitFindings(view, concerned),
  ]);
}

/** Shared addresses whose owners no node can satisfy together. */
function* sharingFindings(view: PlannedView, concerned: ReadonlySet<ServiceEntry> | undefined): Paused<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const entry of concerned ?? view.entries()) {
    yield null;
    for (const address of entry.addresses.addresses) {
      const sharing = view.joint.sharing(address.key);
      if (sharing === null || seen.has(address.key)) continue;
      seen.add(address.key);
      if (!sharing.disagrees) continue;
      const owners = [...view.scene.parts.inventory.holders(address.key)].sort((a, b) => compareText(a.key, b.key));
      const message = `${formatAddress(address)} is shared by ${listed(owners)}, and no node has endpoints of all: any of them suffices`;
      const { namespace, name } = owners[0] ?? entry;
      findings.push(findingOf("warning", "sharedAddressDisagrees", { kind: "Service", metadata: { namespace, name } }, { message }));
    }
  }
  return findings;
}

const MOST_LISTED = 8;

function listed(owners: readonly ServiceEntry[]): string {
  const rest = owners.length - MOST_LISTED;
  const first = owners.slice(0, MOST_LISTED).map(({ key }) => key);
  return first.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
