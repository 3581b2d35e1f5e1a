export interface FakeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

interface FakeEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: FakeObject;
}

/** Objects by collection with one version counter and a history, as an API server keeps them. */
export class FakeObjects {
  /** Counts changes: the resourceVersion of the newest. */
  version = 100;
  /** Versions before this are no longer in the history. */
  compactedAt = 0;
  onChange: (collection: string, event: FakeEvent) => void = () => {};
  readonly #collections = new Map<string, Map<string, FakeObject>>();
  readonly #history: { readonly version: number; readonly collection: string; readonly event: FakeEvent }[] = [];
  #continuation = 0;

  /** Creates or replaces. */
  put(object: FakeObject): void {
    const collection = collectionOf(object);
    const held = this.#collections.get(collection) ?? new Map<string, FakeObject>();
    this.#collections.set(collection, held);
    const type = held.has(keyOf(object)) ? "MODIFIED" : "ADDED";
    const stored = this.#stamped(object);
    held.set(keyOf(object), stored);
    this.#note(collection, { type, object: stored });
  }

  remove(object: FakeObject): void {
    const collection = collectionOf(object);
    const before = this.#collections.get(collection)?.get(keyOf(object));
    if (before === undefined) throw new Error(`there is no ${object.kind} ${object.metadata.name}`);
    this.#collections.get(collection)?.delete(keyOf(object));
    this.#note(collection, { type: "DELETED", object: this.#stamped(before) });
  }

  /** Forgets the history: watches from before this moment get 410. */
  compact(): void {
    this.version++;
    this.compactedAt = this.version;
    this.#continuation++;
  }

  /** Objects of the collection behind a request's path. */
  list(path: string): readonly FakeObject[] {
    const { collection, namespace } = parsePath(path);
    const all = [...(this.#collections.get(collection)?.values() ?? [])];
    return namespace === null ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** The object behind a path; undefined where the path is a collection's, or there is none. */
  at(path: string): FakeObject | undefined {
    const cut = path.lastIndexOf("/");
    return this.list(path.slice(0, cut)).find(({ metadata }) => metadata.name === path.slice(cut + 1));
  }

  /** A page of a list; null = the continuation is from before a compaction. */
  page(path: string, limit: number, continuation: string): unknown {
    const [age, offset] = continuation === "" ? [this.#continuation, 0] : continuation.split(":").map(Number);
    if (age !== this.#continuation) return null;
    const all = this.list(path);
    const start = offset ?? 0;
    const end = limit === 0 ? all.length : Math.min(all.length, start + limit);
    const rest = end < all.length ? { continue: `${age}:${end}`, remainingItemCount: all.length - end } : {};
    // As typed lists have it: the items do not say what they are.
    const items = all.slice(start, end).map(({ apiVersion: _version, kind: _kind, ...item }) => item);
    return { kind: "AnyList", apiVersion: "v1", metadata: { resourceVersion: String(this.version), ...rest }, items };
  }

  since(path: string, version: number): readonly FakeEvent[] {
    return this.#history
      .filter((entry) => entry.version > version && this.covers(path, entry.collection, entry.event.object))
      .map(({ event }) => event);
  }

  /** True when a watch on `path` is told of the object. */
  covers(path: string, collection: string, object: FakeObject): boolean {
    const wanted = parsePath(path);
    return wanted.collection === collection && (wanted.namespace === null || wanted.namespace === object.metadata.namespace);
  }

  #stamped(object: FakeObject): FakeObject {
    this.version++;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
  }

  #note(collection: string, event: FakeEvent): void {
    this.#history.push({ version: this.version, collection, event });
    this.onChange(collection, event);
  }
}

const PLURALS: Readonly<Record<string, string>> = { Community: "communities", IPAddressPool: "ipaddresspools" };

/** `v1/services`. */
function collectionOf({ apiVersion, kind }: FakeObject): string {
  return `${apiVersion}/${PLURALS[kind] ?? `${kind.toLowerCase()}s`}`;
}

function keyOf({ metadata }: FakeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function parsePath(path: string): { readonly collection: string; readonly namespace: string | null } {
  const match = /^\/apis?\/(?<version>.+?)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)$/.exec(path);
  const { version = "", namespace = null, plural = "" } = match?.groups ?? {};
  return { collection: `${version}/${plural}`, namespace };
}
