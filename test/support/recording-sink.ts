import type { ClusterObject, Finding, ObjectChange } from "../../src/objects/kinds.ts";
import type { SourceBatch, SourceSink } from "../../src/source/source.ts";

/** Keeps what a source delivers and lets a test wait for it: no test of a source ever sleeps. */
export class RecordingSink implements SourceSink {
  readonly batches: SourceBatch[] = [];
  readonly faults: string[] = [];
  /** Number of batches that came before `synced`; undefined = not yet. */
  syncedAfter: number | undefined;
  syncedCount = 0;
  readonly #objects = new Map<string, ClusterObject>();
  readonly #waiting = new Set<() => void>();

  batch(batch: SourceBatch): void {
    this.batches.push(batch);
    for (const change of batch.changes) this.#apply(change);
    this.#notify();
  }

  synced(): void {
    this.syncedAfter ??= this.batches.length;
    this.syncedCount++;
    this.#notify();
  }

  fault(what: string): void {
    this.faults.push(what);
    this.#notify();
  }

  /** Resolves once `condition` holds; it is asked after everything the source says. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const ask = (): void => {
        if (!condition()) return;
        this.#waiting.delete(ask);
        resolve();
      };
      this.#waiting.add(ask);
    });
  }

  /** `Service shop/web`, sorted: what the source has said so far. */
  get names(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }

  get objects(): readonly ClusterObject[] {
    return [...this.#objects.values()];
  }

  get findings(): readonly Finding[] {
    return this.batches.at(-1)?.findings ?? [];
  }

  /** All changes after the first `skip` batches, as `set Service shop/web`. */
  changes(skip = 0): readonly string[] {
    return this.batches.slice(skip).flatMap(({ changes }) => changes.map(described));
  }

  #apply(change: ObjectChange): void {
    const name = described(change).slice(change.type.length + 1);
    if (change.type === "set") this.#objects.set(name, change.object);
    else this.#objects.delete(name);
  }

  #notify(): void {
    for (const ask of [...this.#waiting]) ask();
  }
}

function described(change: ObjectChange): string {
  const ref = change.type === "set" ? { kind: change.object.kind, ...change.object.metadata } : change.ref;
  return `${change.type} ${ref.kind} ${ref.namespace === "" ? "" : `${ref.namespace}/`}${ref.name}`;
}
