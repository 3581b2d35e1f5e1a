/** Check 12: what the probes said, kept from step to step, and whom it lets through. */

import type { Address, Family } from "../../../src/ip/address.ts";
import { FAMILIES } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import type { BGPAdvertisement, Service } from "../../../src/objects/kinds.ts";
import type { Fact } from "../../../src/plan/facts.ts";
import { countedOn, readyOn } from "./endpoints.ts";
import { selectsNode, selectsService } from "./selection.ts";
import { keyOf, type World } from "./world.ts";

const REFUSED_LONG_ENOUGH = 60_000;
const SILENT_LONG_ENOUGH = 5_000;

/** The health check of one Service in one family. */
interface Latch {
  readonly uid: string;
  readonly port: number;
  /** null = no time was stated: silence never opens it. */
  readonly armedAt: number | null;
  /** For all, or for `Prefer` alone. */
  open: boolean;
  openBySilence: boolean;
  answered: boolean;
  /** Made by the current step. */
  fresh: boolean;
}

export interface GateState {
  /** The service proxy answered 200 once. */
  proxyAlive: boolean;
  /** `refused` was the answer for long enough once. */
  proxyRefused: boolean;
  refusing: boolean;
  /** Begin of the unbroken run of `refused`; null = before time was stated. */
  refusedSince: number | null;
  /** By `namespace/name family`. */
  readonly latches: Map<string, Latch>;
}

export function closedGate(): GateState {
  return { proxyAlive: false, proxyRefused: false, refusing: false, refusedSince: null, latches: new Map() };
}

/** Answers count against the latches of the decisions before. */
export function takeAnswer(state: GateState, fact: Fact, now: number | null): void {
  if (fact.name === "proxyAnswer") {
    const { answer } = fact;
    if (answer.answer === "status" && answer.status === 200) state.proxyAlive = true;
    const refused = answer.answer === "refused";
    if (refused && !state.refusing) state.refusedSince = now;
    state.refusing = refused;
  }
  if (fact.name === "healthCheckAnswer") {
    const latch = state.latches.get(`${fact.service} ${fact.family}`);
    if (latch === undefined || latch.uid !== fact.uid || latch.port !== fact.port) return;
    const { answer } = fact;
    if (answer.answer === "notAsked" || (answer.answer === "status" && answer.status === 200)) latch.open = true;
    else latch.answered = true;
  }
}

/** Brings the latches to the state of the objects and the time. `announced`: `namespace/name family` of the step before. */
export function refreshGate(state: GateState, world: World, announced: ReadonlySet<string>): void {
  const { now } = world.facts;
  if (state.refusing && now !== null && state.refusedSince !== null && now >= state.refusedSince + REFUSED_LONG_ENOUGH) {
    state.proxyRefused = true;
  }
  const wanted = new Set<string>();
  for (const s of world.services) {
    const port = s.healthCheckNodePort;
    if (s.externalTrafficPolicy !== "Local" || port === null) continue;
    const gating = gatingAdvertisements(world, s);
    for (const family of FAMILIES) {
      if (!gating.some((d) => countedOn(world, s, family, d, world.options.node) > 0)) continue;
      const key = `${keyOf(s)} ${family}`;
      const { uid } = s.metadata;
      wanted.add(key);
      const known = state.latches.get(key);
      if (known !== undefined && known.uid === uid && known.port === port) {
        known.fresh = false;
        continue;
      }
      const open = announced.has(key);
      state.latches.set(key, { uid, port, armedAt: now, open, openBySilence: false, answered: false, fresh: true });
    }
  }
  for (const [key, latch] of state.latches) {
    if (!wanted.has(key)) {
      state.latches.delete(key);
      continue;
    }
    const family = key.endsWith("IPv4") ? "IPv4" : "IPv6";
    // An address that does not exist cannot be asked.
    if (internalIP(world, family) === undefined) latch.open = true;
    const mayBeSilent = state.proxyAlive || world.facts.gate?.healthz === null;
    const waited = now !== null && latch.armedAt !== null && now >= latch.armedAt + SILENT_LONG_ENOUGH;
    if (mayBeSilent && waited && !latch.answered) latch.openBySilence = true;
  }
}

/** 12a of an advertisement, for a share or block that it did not let through before. */
export function proxyPasses(state: GateState, world: World, d: BGPAdvertisement): boolean {
  if (!isGated(world, d) || world.facts.gate?.healthz === null || state.proxyAlive) return true;
  return d.dataplaneGate === "Prefer" && state.proxyRefused;
}

/** 12b. `wasEligible`: it was let through before; a latch that was there then does not take that back. */
export function healthCheckPasses(
  state: GateState,
  world: World,
  s: Service,
  a: Address,
  d: BGPAdvertisement,
  wasEligible: boolean,
): boolean {
  const latch = state.latches.get(`${keyOf(s)} ${a.family}`);
  if (!isGated(world, d) || latch === undefined || latch.open) return true;
  if (d.dataplaneGate === "Prefer" && latch.openBySilence) return true;
  if (wasEligible && !latch.fresh) return true;
  return readyOn(world, s, a.family, world.options.node) === 0;
}

/** `service uid family port` → the address to ask, for every health check whose answer is waited for. */
export function wantedProbes(state: GateState, world: World): Map<string, string> {
  const probes = new Map<string, string>();
  for (const s of world.services) {
    for (const family of FAMILIES) {
      const latch = state.latches.get(`${keyOf(s)} ${family}`);
      const address = internalIP(world, family);
      if (latch === undefined || latch.open || address === undefined) continue;
      const waits = gatingAdvertisements(world, s).some((d) => d.dataplaneGate === "Require" || !latch.openBySilence);
      if (waits) probes.set(`${keyOf(s)} ${latch.uid} ${family} ${latch.port}`, formatAddress(address));
    }
  }
  return probes;
}

/** Moments at which the gate may open by waiting. */
export function gateTimers({ refusing, refusedSince, latches }: GateState): number[] {
  const refused = refusing && refusedSince !== null ? [refusedSince + REFUSED_LONG_ENOUGH] : [];
  return [...refused, ...[...latches.values()].flatMap(({ armedAt }) => (armedAt === null ? [] : [armedAt + SILENT_LONG_ENOUGH]))];
}

function isGated({ facts }: World, d: BGPAdvertisement): boolean {
  if (facts.gate === null || d.dataplaneGate === "Off") return false;
  return d.dataplaneGate === "Require" || !facts.gate.onlyWhereRequired;
}

/** Gated advertisements that select the Service on this node, whatever kinds they ask for. */
function gatingAdvertisements(world: World, s: Service): readonly BGPAdvertisement[] {
  return world.advertisements.filter((d) => isGated(world, d) && selectsService(world, d, s) && selectsNode(d, world.me));
}

function internalIP({ me }: World, family: Family): Address | undefined {
  return me?.internalIPs.find((one) => one.family === family);
}
