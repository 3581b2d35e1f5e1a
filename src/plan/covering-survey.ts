/**
 * Which prefixes stand for many addresses on whichever node, who asks for them, and which local-only Services lie inside. A walk over all
 * Services, made when findings are listed: no decision needs it.
 */

import type { Address } from "../ip/address.ts";
import { comparePrefixes, containsPrefix, type Prefix, prefixOf } from "../ip/prefix.ts";
import type { Service } from "../objects/kinds.ts";
import { type Advertisement, allowsAddress } from "./advertisement.ts";
import { compareText } from "./judge.ts";
import { type Paused, sortInPieces } from "./pauses.ts";
import { coveringPrefix, isHost, type Scene, selectsService } from "./scene.ts";
import { namespaceLabels, serviceLabels } from "./selectors.ts";
import { isLocalOnly, serviceObstacle } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";

/** A prefix for many addresses. */
export interface SurveyedPrefix {
  readonly prefix: Prefix;
  /** Who asks for it, as a block or for a member of theirs. */
  readonly advertisements: Set<Advertisement>;
  /** First by name of the Services with a local-only address inside; null = none. */
  localService: string | null;
  /** The next wider surveyed prefix around it. */
  outer: SurveyedPrefix | null;
}

/** By prefix. @param entries Services to look at. */
export function* surveyCoverings(scene: Scene, entries: Iterable<ServiceEntry>): Paused<SurveyedPrefix[]> {
  const survey = new CoveringSurvey(scene);
  for (const entry of entries) {
    if (entry.service !== null) survey.look(entry, entry.service);
    yield null;
  }
  return yield* survey.finish();
}

class CoveringSurvey {
  readonly #scene: Scene;
  readonly #covering: readonly Advertisement[];
  readonly #prefixes = new Map<string, SurveyedPrefix>();
  readonly #local: { readonly address: Address; readonly service: string }[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#covering = scene.parts.advertisements.filter(
      ({ source }) => source.blocks.length > 0 || source.aggregationLength < 32 || source.aggregationLengthV6 < 128,
    );
    for (const advertisement of this.#covering) for (const block of advertisement.source.blocks) this.#add(block, advertisement);
  }

  look(entry: ServiceEntry, service: Service): void {
    const { options, inventory } = this.#scene.parts;
    const services = serviceLabels(service);
    const namespaces = namespaceLabels(entry.namespace, inventory.namespace(entry.namespace));
    let selecting: readonly Advertisement[] | null = null;
    entry.addresses.addresses.forEach((address, i) => {
      const kind = kindAt(entry.addresses, i);
      if (isLocalOnly(service, kind)) {
        this.#local.push({ address, service: entry.key });
        return;
      }
      if (serviceObstacle(service, kind, options) !== null) return;
      selecting ??= this.#covering.filter((advertisement) => selectsService(advertisement, services, namespaces));
      for (const advertisement of selecting) {
        if (!advertisement.source.addresses.includes(kind) || !allowsAddress(advertisement, kind, address)) continue;
        this.#add(coveringPrefix(advertisement, address), advertisement);
      }
    });
  }

  *finish(): Paused<SurveyedPrefix[]> {
    const sorted = yield* sortInPieces([...this.#prefixes.values()], (a, b) => comparePrefixes(a.prefix, b.prefix));
    const around: SurveyedPrefix[] = [];
    for (const one of sorted) {
      while (around.length > 0 && !isInside(one, around.at(-1))) around.pop();
      one.outer = around.at(-1) ?? null;
      around.push(one);
    }
    yield* this.#placeLocal();
    return sorted;
  }

  #add(prefix: Prefix, advertisement: Advertisement): void {
    if (isHost(prefix)) return;
    const known = this.#prefixes.get(prefix.key);
    if (known !== undefined) known.advertisements.add(advertisement);
    else this.#prefixes.set(prefix.key, { prefix, advertisements: new Set([advertisement]), localService: null, outer: null });
  }

  *#placeLocal(): Paused<void> {
    const lengths = { IPv4: new Set<number>(), IPv6: new Set<number>() };
    for (const { prefix } of this.#prefixes.values()) lengths[prefix.address.family].add(prefix.length);
    for (const { address, service } of this.#local) {
      yield null;
      for (const length of lengths[address.family]) {
        const around = this.#prefixes.get(prefixOf(address, length).key);
        if (around === undefined) continue;
        if (around.localService === null || compareText(service, around.localService) < 0) around.localService = service;
      }
    }
  }
}

function isInside({ prefix }: SurveyedPrefix, outer: SurveyedPrefix | undefined): boolean {
  return outer !== undefined && containsPrefix(outer.prefix, prefix);
}
