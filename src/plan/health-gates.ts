/**
 * Check 12b: the node's service proxy is programmed for a Service, as its health check port says. A latch per Service and family. It is made
 * when endpoints begin to count on this node and goes when none does any more; in between only the first 200 counts. It never withdraws: one
 * that is made while the Service is announced is open from the start.
 */

import type { Address, Family } from "../ip/address.ts";
import { FAMILIES } from "../ip/address.ts";
import type { Service } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { Agenda } from "./agenda.ts";
import type { ProbeChange } from "./change.ts";
import { countedBy, endpointsOn } from "./endpoints.ts";
import type { Fact, ProbeAnswer } from "./facts.ts";
import type { ProxyState } from "./proxy-gate.ts";
import type { Scene } from "./scene.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** How long `Prefer` waits for any answer at all. */
const SILENCE_MILLIS = 5_000;

export interface HealthLatch {
  readonly uid: string;
  readonly port: number;
  readonly armedAtMillis: number | null;
  /** Made in the present step: of an older one whatever passed it stays past it. */
  isNew: boolean;
  /** Why it is open for all; null = it is shut. */
  open: "answered" | "announced" | "restored" | "notAsked" | null;
  /** Open for `Prefer`: nobody said anything. */
  openBySilence: boolean;
  last: ProbeAnswer | null;
  /** Where it is asked; null = it is not. */
  asked: Address | null;
}

type Latches = Partial<Record<Family, HealthLatch>>;

/** An advertisement's gate is probed at all. */
export function isGated({ source }: Advertisement, proxy: ProxyState): boolean {
  if (!proxy.probed || source.dataplaneGate === "Off") return false;
  return source.dataplaneGate === "Require" || !proxy.onlyWhereRequired;
}

/** Somebody asks about the data plane, or was told not to: nothing is taken for granted. */
export function isProbed(advertisement: Advertisement, proxy: ProxyState): boolean {
  return isGated(advertisement, proxy) || (proxy.probed && advertisement.source.dataplaneGate === "Off");
}

export class HealthGates {
  readonly #latches = new Map<ServiceEntry, Latches>();
  readonly #silence = new Agenda<ServiceEntry>();
  #new: HealthLatch[] = [];
  #probes: ProbeChange[] = [];
  /** Services (`namespace/name`) whose routes outlived a restart, by family. Good for the first latch of each. */
  readonly #restored: Readonly<Record<Family, Set<string>>> = { IPv4: new Set(), IPv6: new Set() };

  latch(entry: ServiceEntry, family: Family): HealthLatch | null {
    return this.#latches.get(entry)?.[family] ?? null;
  }

  /** When silence opens the next one; null = none waits. */
  get wakeAtMillis(): number | null {
    return this.#silence.next;
  }

  /** A graceful start: what these Services announced before it was past its gates. */
  restore(owners: readonly string[], family: Family): void {
    for (const owner of owners) this.#restored[family].add(owner);
  }

  /** Somebody is asked who has not answered yet, and no wait is over. */
  get awaitsAnswer(): boolean {
    for (const latches of this.#latches.values()) {
      for (const family of FAMILIES) {
        const latch = latches[family];
        if (latch !== undefined && latch.asked !== null && latch.last === null && !latch.openBySilence) return true;
      }
    }
    return false;
  }

  /** A new step begins. */
  begin(): void {
    for (const latch of this.#new) latch.isNew = false;
    this.#new = [];
  }

  /** Services whose wait for an answer may be over. */
  *overdue(nowMillis: number): IterableIterator<ServiceEntry> {
    for (let due = this.#silence.take(nowMillis); due !== null; due = this.#silence.take(nowMillis)) yield due.subject;
  }

  /** What is to be asked from now on, or no longer, since the last time. */
  takeProbes(): ProbeChange[] {
    const probes = this.#probes;
    this.#probes = [];
    return probes;
  }

  /** A health check answered: true when that opens a gate, or ends a wait. */
  answer(entry: ServiceEntry, { uid, family, port, answer }: Fact & { readonly name: "healthCheckAnswer" }): boolean {
    const latch = this.latch(entry, family);
    if (latch === null || latch.open !== null || latch.uid !== uid || latch.port !== port) return false;
    latch.last = answer;
    if (answer.answer === "notAsked") latch.open = "notAsked";
    else if (answer.answer === "status" && answer.status === 200) latch.open = "answered";
    return latch.open !== null;
  }

  /** The Service has a latch, or a health check port that asks for one. */
  concern(entry: ServiceEntry, service: Service | null): boolean {
    return (service !== null && service.healthCheckNodePort !== null) || this.#latches.has(entry);
  }

  /**
   * Makes, keeps or removes the latches of a Service that is about to be decided.
   * @param announced an address of the family is announced as of the decision before.
   */
  review(
    entry: ServiceEntry,
    service: Service | null,
    matching: readonly Advertisement[],
    scene: Scene,
    announced: (family: Family) => boolean,
    nowMillis: number | null,
  ): void {
    const known = this.#latches.get(entry);
    const port = service?.externalTrafficPolicy === "Local" ? service.healthCheckNodePort : null;
    const gated = port === null ? [] : matching.filter((advertisement) => isGated(advertisement, scene.parts.proxy));
    if (known === undefined && gated.length === 0) return;
    const latches: Latches = known ?? {};
    for (const family of FAMILIES) {
      if (service === null || port === null || !countsHere(entry, family, gated, scene)) {
        this.#remove(entry, family, latches);
        continue;
      }
      const { uid } = service.metadata;
      let latch = latches[family];
      if (latch === undefined || latch.uid !== uid || latch.port !== port) {
        this.#remove(entry, family, latches);
        const restored = this.#restored[family].delete(entry.key);
        const open = announced(family) ? ("announced" as const) : restored ? ("restored" as const) : null;
        latch = { uid, port, armedAtMillis: nowMillis, isNew: true, open, openBySilence: false, last: null, asked: null };
        latches[family] = latch;
        this.#new.push(latch);
        if (open === null && nowMillis !== null) this.#silence.add(nowMillis + SILENCE_MILLIS, entry);
      }
      this.#wait(latch, scene.parts.proxy, nowMillis);
      const address = scene.internalIP(family);
      if (address === null) latch.open ??= "notAsked";
      const wanted = latch.open === null && !(latch.openBySilence && gated.every(({ source }) => source.dataplaneGate === "Prefer"));
      this.#ask(entry, family, latch, wanted ? address : null);
    }
    if (Object.keys(latches).length === 0) this.#latches.delete(entry);
    else this.#latches.set(entry, latches);
  }

  /** The Node has other addresses: Services that are asked about are to be reviewed. */
  *asking(): IterableIterator<ServiceEntry> {
    for (const [entry, latches] of this.#latches) if (FAMILIES.some((family) => latches[family]?.asked != null)) yield entry;
  }

  #wait(latch: HealthLatch, proxy: ProxyState, nowMillis: number | null): void {
    if (latch.open !== null || latch.last !== null || latch.armedAtMillis === null || nowMillis === null) return;
    if (proxy.evident && nowMillis >= latch.armedAtMillis + SILENCE_MILLIS) latch.openBySilence = true;
  }

  #ask(entry: ServiceEntry, family: Family, latch: HealthLatch, address: Address | null): void {
    if (latch.asked?.key === address?.key) return;
    latch.asked = address;
    this.#probes.push({ service: entry.key, uid: latch.uid, family, port: latch.port, address });
  }

  #remove(entry: ServiceEntry, family: Family, latches: Latches): void {
    const latch = latches[family];
    if (latch === undefined) return;
    this.#ask(entry, family, latch, null);
    delete latches[family];
  }
}

/** Endpoints on this node count for one of the advertisements. */
function countsHere(entry: ServiceEntry, family: Family, advertisements: readonly Advertisement[], scene: Scene): boolean {
  if (advertisements.length === 0) return false;
  const digest = entry.digest(family);
  const here = endpointsOn(digest, scene.parts.options.node);
  return advertisements.some(({ source }) => here[countedBy(digest, source.endpointPolicy, scene.parts.mayAnnounce)] > 0);
}
