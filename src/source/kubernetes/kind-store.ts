import { fieldsOf } from "../../kube/fields.ts";
import { type CheckOptions, checkObject } from "../../objects/check.ts";
import { sameObject } from "../../objects/equality.ts";
import { NOWHERE } from "../../objects/findings.ts";
import type { ClusterObject, Finding, Kind, ObjectChange } from "../../objects/kinds.ts";
import type { Reflected } from "./reflector.ts";
import type { WatchedResource } from "./resources.ts";

/**
 * What is held of one kind: the last valid version of every object, projected, and what is wrong with the newest. Turns what a server says into
 * differences, so that saying everything again (a list after a lost watch) is no change.
 */
export class KindStore implements Reflected {
  readonly #kind: Kind;
  readonly #apiVersion: string;
  readonly #options: CheckOptions;
  readonly #objects = new Map<string, ClusterObject>();
  readonly #findings = new Map<string, readonly Finding[]>();
  /** Names that the list under way has said; null = none is. */
  #said: Set<string> | null = null;
  #revision = 0;

  constructor({ kind, apiVersion }: WatchedResource, options: CheckOptions) {
    this.#kind = kind;
    this.#apiVersion = apiVersion;
    this.#options = options;
  }

  /** Moves on whenever {@link findings} says something else. */
  get revision(): number {
    return this.#revision;
  }

  findings(): readonly Finding[] {
    return [...this.#findings.values()].flat();
  }

  /** Null also for what is not valid. */
  set(raw: unknown): ObjectChange | null {
    const fields = fieldsOf(raw);
    const key = keyOf(fields);
    this.#said?.add(key);
    const checked = checkObject({ ...fields, apiVersion: this.#apiVersion, kind: this.#kind }, NOWHERE, this.#options);
    this.#note(key, checked.findings);
    if (checked.result !== "object") return null;
    const before = this.#objects.get(key);
    this.#objects.set(key, checked.object);
    return before !== undefined && sameObject(before, checked.object) ? null : { type: "set", object: checked.object };
  }

  delete(raw: unknown, resourceVersion: string): ObjectChange | null {
    const key = keyOf(fieldsOf(raw));
    this.#said?.delete(key);
    return this.#forget(key, resourceVersion);
  }

  beginReplace(): void {
    this.#said = new Set();
  }

  endReplace(): readonly ObjectChange[] {
    const said = this.#said ?? new Set(this.#objects.keys());
    this.#said = null;
    for (const key of [...this.#findings.keys()]) if (!said.has(key)) this.#note(key, []);
    const gone = [...this.#objects.keys()].filter((key) => !said.has(key));
    return gone.flatMap((key) => this.#forget(key, "") ?? []);
  }

  #forget(key: string, resourceVersion: string): ObjectChange | null {
    this.#note(key, []);
    const object = this.#objects.get(key);
    if (object === undefined) return null;
    this.#objects.delete(key);
    const { namespace, name } = object.metadata;
    return { type: "delete", ref: { kind: this.#kind, namespace, name }, resourceVersion };
  }

  #note(key: string, findings: readonly Finding[]): void {
    if (findings.length === 0) {
      if (this.#findings.delete(key)) this.#revision++;
      return;
    }
    this.#findings.set(key, findings);
    this.#revision++;
  }
}

function keyOf(fields: Readonly<Record<string, unknown>>): string {
  const { namespace, name } = fieldsOf(fields["metadata"]);
  return `${typeof namespace === "string" ? namespace : ""}/${typeof name === "string" ? name : ""}`;
}
