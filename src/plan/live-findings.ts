/** What shows only on a node that announces: gates with nobody to ask, limits that leave prefixes out. */

import type { Finding } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { findingOf } from "./findings.ts";
import { wantedOf } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import type { Paused } from "./pauses.ts";
import { isLocalOnly } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";

/** Advertisements that require an answer of the data plane where nothing can be asked; one finding each. */
export function* gateFindings(
  { scene, entries, decisionsOf }: PlannedView,
  concerned: Iterable<ServiceEntry> | undefined,
): Paused<Finding[]> {
  const { proxy, advertisements } = scene.parts;
  const requiring = new Set(advertisements.filter(({ source }) => source.dataplaneGate === "Require"));
  if (!proxy.nothingToAsk || requiring.size === 0) return [];
  const unasked = new Map<Advertisement, string>();
  if (concerned === undefined) {
    for (const { contribution } of [...scene.blocks.values(), ...scene.hostBlocks.values()]) {
      for (const { advertisement } of contribution.shares) if (requiring.has(advertisement)) unasked.set(advertisement, "a block");
    }
  }
  for (const entry of concerned ?? entries()) {
    if (unasked.size === requiring.size) break;
    yield null;
    const { service } = entry;
    if (service === null) continue;
    decisionsOf(entry).forEach((decision, i) => {
      const { host, covering } = wantedOf(decision);
      const hasPort = service.externalTrafficPolicy === "Local" && service.healthCheckNodePort !== null;
      if (hasPort && isLocalOnly(service, kindAt(entry.addresses, i))) return;
      for (const { advertisement } of [...host, ...covering]) {
        if (requiring.has(advertisement) && !unasked.has(advertisement)) unasked.set(advertisement, `Service ${entry.key}`);
      }
    });
  }
  return [...unasked].map(([{ source }, what]) => {
    const message = `Require waits for nothing: dataplane.healthz names no service proxy, and ${what} has no health check port to ask`;
    return findingOf("warning", "gateNotProbed", source, { field: "spec.dataplaneGate", message });
  });
}

/** Peers whose limit leaves prefixes out. */
export function limitFindings({ scene, outlet, decisionsOf }: PlannedView, concerned: Iterable<ServiceEntry> | undefined): Finding[] {
  const exceeded = [...outlet.exceeded()];
  if (exceeded.length === 0) return [];
  const meets = (peer: string) =>
    concerned === undefined ||
    [...concerned].some((entry) =>
      decisionsOf(entry).some(({ peers }) => peers.some((one) => one.peer === peer && one.reason === "announceLimit")),
    );
  return exceeded.flatMap(({ peer: name, family, limit, leftOut }) => {
    const verdict = scene.parts.peers.find((one) => one.name === name);
    if (verdict === undefined || !meets(name)) return [];
    const more = leftOut === 1 ? `one more ${family} prefix is` : `${leftOut} more ${family} prefixes are`;
    const message = `announceLimit ${limit} is exceeded: ${more} wanted, and the youngest are left out`;
    return [findingOf("warning", "announceLimitExceeded", verdict.peer, { field: "spec.announceLimit", message })];
  });
}
