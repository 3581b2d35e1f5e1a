import { sameObject } from "../../objects/equality.ts";
import type { ClusterObject, Finding, Kind, ObjectChange } from "../../objects/kinds.ts";
import type { Position } from "../../text/document.ts";
import { duplicateFinding, type Entry, type Reading } from "./reading.ts";

/**
 * What the files of a directory say together. Every name belongs to the first file, in order of paths, that holds an object of it; the
 * others are duplicates. While that file's object is invalid, or the file broken, the last valid object stays in force. Cost follows what
 * changed: only names that a changed file holds or held are looked at again.
 */
export class Holdings {
  readonly #files = new Map<string, Held>();
  /** Files that claim a name, in order of paths. */
  readonly #claims = new Map<string, readonly string[]>();
  readonly #current = new Map<string, ClusterObject>();
  readonly #touched = new Set<string>();
  readonly #duplicates = new Map<string, readonly Finding[]>();
  readonly #locate: (file: string, entry: Entry) => Position;

  /** `locate` finds the place of an object in a file that was read before. */
  constructor(locate: (file: string, entry: Entry) => Position) {
    this.#locate = locate;
  }

  /** What `file` says from now on; null = it is gone. */
  replace(file: string, reading: Reading | null): void {
    const before = this.#files.get(file);
    const now = reading === null ? undefined : held(reading, before);
    for (const key of before?.entries.keys() ?? []) {
      this.#touched.add(key);
      if (now?.entries.has(key) !== true) this.#release(key, file);
    }
    for (const key of now?.entries.keys() ?? []) {
      this.#touched.add(key);
      if (before?.entries.has(key) !== true) this.#claim(key, file);
    }
    if (now === undefined) this.#files.delete(file);
    else this.#files.set(file, now);
  }

  /** Differences since the last call: what is set, by kind and name, then what is deleted. */
  take(): readonly ObjectChange[] {
    const set: ObjectChange[] = [];
    const deleted: ObjectChange[] = [];
    for (const key of [...this.#touched].sort()) {
      const before = this.#current.get(key);
      const [first, ...others] = this.#claims.get(key) ?? [];
      this.#noteDuplicates(key, first, others);
      const claim = first === undefined ? undefined : this.#files.get(first)?.entries.get(key);
      if (claim === undefined) {
        if (before === undefined) continue;
        this.#current.delete(key);
        const { kind, metadata } = before;
        deleted.push({ type: "delete", ref: { kind, namespace: metadata.namespace, name: metadata.name }, resourceVersion: "" });
        continue;
      }
      const [entry] = claim;
      const object = entry?.object ?? before;
      if (object === undefined || (before !== undefined && sameObject(before, object))) continue;
      this.#current.set(key, object);
      set.push({ type: "set", object });
    }
    this.#touched.clear();
    return [...set.sort(byKind), ...deleted];
  }

  /** Everything that is wrong now, in order of files and lines. */
  findings(): readonly Finding[] {
    const found = [...this.#files.values()].flatMap(({ findings }) => findings);
    for (const duplicates of this.#duplicates.values()) found.push(...duplicates);
    return found.sort((a, b) => compareText(a.file, b.file) || a.line - b.line || a.column - b.column);
  }

  /** Files that are held. */
  files(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** True when `file` is the reason for at least one object. */
  holds(file: string): boolean {
    return (this.#files.get(file)?.entries.size ?? 0) > 0;
  }

  #claim(key: string, file: string): void {
    this.#claims.set(key, [...(this.#claims.get(key) ?? []), file].sort(compareText));
  }

  #release(key: string, file: string): void {
    const rest = (this.#claims.get(key) ?? []).filter((one) => one !== file);
    if (rest.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, rest);
  }

  #noteDuplicates(key: string, first: string | undefined, others: readonly string[]): void {
    const findings: Finding[] = [];
    for (const file of first === undefined ? [] : [first, ...others]) {
      const entries = this.#files.get(file)?.entries.get(key) ?? [];
      for (const entry of file === first ? entries.slice(1) : entries) {
        if (first !== undefined) findings.push(duplicateFinding(file, entry, this.#locate(file, entry), first));
      }
    }
    if (findings.length === 0) this.#duplicates.delete(key);
    else this.#duplicates.set(key, findings);
  }
}

/** One file's objects by name. No entry at all = the file is broken and held the object when it was last whole. */
interface Held {
  readonly entries: ReadonlyMap<string, readonly Entry[]>;
  readonly findings: readonly Finding[];
}

function held(reading: Reading, before: Held | undefined): Held {
  const entries = new Map<string, Entry[]>();
  for (const entry of reading.entries) {
    const same = entries.get(entry.key);
    if (same === undefined) entries.set(entry.key, [entry]);
    else same.push(entry);
  }
  if (reading.broken) for (const key of before?.entries.keys() ?? []) if (!entries.has(key)) entries.set(key, []);
  return { entries, findings: reading.findings };
}

/** What others refer to comes first. */
const RANK: Readonly<Record<Kind, number>> = {
  Namespace: 0,
  Node: 1,
  IPAddressPool: 2,
  Community: 3,
  BFDProfile: 4,
  Secret: 5,
  BGPPeer: 6,
  BGPAdvertisement: 7,
  Service: 8,
  EndpointSlice: 9,
};

function byKind(a: ObjectChange, b: ObjectChange): number {
  return a.type === "set" && b.type === "set" ? RANK[a.object.kind] - RANK[b.object.kind] : 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
