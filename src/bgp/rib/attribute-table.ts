import { grown } from "./family-prefixes.ts";
import type { RouteAttributes } from "./route.ts";

interface Entry {
  /** 0 once freed: what a WeakMap still remembers must not be believed. */
  id: number;
  readonly key: string;
  readonly attributes: RouteAttributes;
}

/**
 * Every set of attributes of the process as a small integer, equal sets having one id whatever the order of their lists. Whoever refers to an id holds a
 * reference; an id is used again only after the last one was given back. 0 is never an id: it means "no route".
 */
export class AttributeTable {
  readonly #byKey = new Map<string, Entry>();
  readonly #byIdentity = new WeakMap<RouteAttributes, Entry>();
  readonly #entries: (Entry | null)[] = [null];
  readonly #free: number[] = [];
  #references = new Int32Array(64);

  /** The id of the set, with one more reference that the caller gives back by `release`. The object must not change afterwards. */
  intern(attributes: RouteAttributes): number {
    const known = this.#byIdentity.get(attributes);
    const entry = known !== undefined && known.id !== 0 ? known : this.#enter(attributes);
    this.retain(entry.id);
    return entry.id;
  }

  retain(id: number, times = 1): void {
    this.#references[id] = (this.#references[id] ?? 0) + times;
  }

  /** Gives references back; the last one frees the id. @throws {Error} when there are fewer (a bug). */
  release(id: number, times = 1): void {
    const left = (this.#references[id] ?? 0) - times;
    if (left < 0 || id === 0) throw new Error(`attribute set ${id} released more often than retained`);
    this.#references[id] = left;
    if (left === 0) this.#drop(id);
  }

  /** The set with its lists sorted and free of duplicates; the same object for as long as the id is in use. @throws {Error} when it is not (a bug). */
  attributes(id: number): RouteAttributes {
    const entry = this.#entries[id];
    if (entry === null || entry === undefined) throw new Error(`attribute set ${id} is not in use`);
    return entry.attributes;
  }

  /** Sets somebody refers to. */
  get size(): number {
    return this.#byKey.size;
  }

  /** One more than the highest id ever given out. */
  get end(): number {
    return this.#entries.length;
  }

  #enter(attributes: RouteAttributes): Entry {
    const canonical = canonicalAttributes(attributes);
    const key = attributesKey(canonical);
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      const id = this.#free.pop() ?? this.#entries.length;
      if (id >= this.#references.length) this.#references = grown(this.#references, this.#references.length * 2);
      entry = { id, key, attributes: canonical };
      this.#entries[id] = entry;
      this.#byKey.set(key, entry);
      this.#byIdentity.set(canonical, entry);
    }
    this.#byIdentity.set(attributes, entry);
    return entry;
  }

  #drop(id: number): void {
    const entry = this.#entries[id];
    if (entry === null || entry === undefined) throw new Error(`attribute set ${id} is not in use`);
    this.#byKey.delete(entry.key);
    this.#entries[id] = null;
    entry.id = 0;
    this.#free.push(id);
  }
}

/** The same wish with every list sorted and free of duplicates. */
export function canonicalAttributes(attributes: RouteAttributes): RouteAttributes {
  return {
    communities: distinct(attributes.communities, (a, b) => a - b, String),
    largeCommunities: distinct(attributes.largeCommunities, (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2], String),
    extendedCommunities: distinct(attributes.extendedCommunities, (a, b) => (a < b ? -1 : 1), String),
    localPref: attributes.localPref,
    med: attributes.med,
    asPathPrepend: attributes.asPathPrepend,
    linkBandwidth: attributes.linkBandwidth,
  };
}

function distinct<T>(list: readonly T[], order: (a: T, b: T) => number, key: (item: T) => string): readonly T[] {
  if (list.length < 2) return list;
  return [...new Map(list.map((item) => [key(item), item])).values()].sort(order);
}

function attributesKey(attributes: RouteAttributes): string {
  const { communities, largeCommunities, extendedCommunities, localPref, med, asPathPrepend, linkBandwidth } = attributes;
  const bandwidth = linkBandwidth === null ? "" : `${linkBandwidth.bytesPerSecond}${linkBandwidth.transitive ? "t" : "n"}`;
  return `${communities.join()};${largeCommunities.join(" ")};${extendedCommunities.join()};${localPref ?? ""};${med ?? ""};${asPathPrepend};${bandwidth}`;
}
