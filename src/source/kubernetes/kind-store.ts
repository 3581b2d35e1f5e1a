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
  readonly #held = new Map<string, Held>();
  readonly #findings = new Map<string, readonly Finding[]>();
  /** The list that is under way, or was last; each has its number. */
  #list = 0;
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
    // The items of a list do not say what they are.
    const isNamed = fields["kind"] === this.#kind && fields["apiVersion"] === this.#apiVersion;
    const named = isNamed ? fields : { ...fields, apiVersion: this.#apiVersion, kind: this.#kind };
    const checked = checkObject(named, NOWHERE, this.#options);
    this.#note(key, checked.findings);
    const object = checked.result === "object" ? checked.object : null;
    const held = this.#held.get(key);
    if (held === undefined) {
      this.#held.set(key, { object, saidIn: this.#list });
      return object === null ? null : { type: "set", object };
    }
    held.saidIn = this.#list;
    if (object === null) return null;
    const before = held.object;
    held.object = object;
    return before !== null && sameObject(before, object) ? null : { type: "set", object };
  }

  delete(raw: unknown, resourceVersion: string): ObjectChange | null {
    return this.#forget(keyOf(fieldsOf(raw)), resourceVersion);
  }

  beginReplace(): void {
    this.#list++;
  }

  endReplace(): readonly ObjectChange[] {
    const changes: ObjectChange[] = [];
    for (const [key, { saidIn }] of this.#held) {
      const change = saidIn === this.#list ? null : this.#forget(key, "");
      if (change !== null) changes.push(change);
    }
    return changes;
  }

  #forget(key: string, resourceVersion: string): ObjectChange | null {
    this.#note(key, []);
    const object = this.#held.get(key)?.object ?? null;
    this.#held.delete(key);
    if (object === null) return null;
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

/** What is known of one name. */
interface Held {
  /** The last valid version; null = there was none yet. */
  object: ClusterObject | null;
  /** The list that said it last, or under which a watch did. */
  saidIn: number;
}

function keyOf(fields: Readonly<Record<string, unknown>>): string {
  const { namespace, name } = fieldsOf(fields["metadata"]);
  return `${typeof namespace === "string" ? namespace : ""}/${typeof name === "string" ? name : ""}`;
}
