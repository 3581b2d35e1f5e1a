/**
 * The API server as one node sees it: a list and a watch per kind, each with delays of its own, so that kinds overtake each other. While it is out nothing
 * comes; afterwards everything is listed anew, and only differences are delivered.
 */

import { refOf } from "../../../src/objects/check.ts";
import type { ClusterObject, Kind, ObjectChange } from "../../../src/objects/kinds.ts";
import type { Source, SourceSink } from "../../../src/source/source.ts";
import type { Dice } from "../../support/dice.ts";
import { objectKey } from "../../support/naive-planner.ts";
import { type Cluster, keyOf } from "./cluster.ts";
import type { ProcessClock, VirtualClock } from "./virtual-clock.ts";

const KINDS = [
  ...(["Service", "EndpointSlice", "Node", "Namespace"] as const),
  ...(["BGPPeer", "BGPAdvertisement", "Community", "IPAddressPool", "BFDProfile"] as const),
] satisfies readonly Kind[];

/** From a change to its line on a watch; and for one list. */
export const WATCH_LAG_MILLIS = 150;

export interface ApiPorts {
  readonly clock: ProcessClock;
  readonly world: VirtualClock;
  readonly dice: Dice;
  readonly cluster: Cluster;
  reachable(): boolean;
  /** What the speaker knows now is another than before; `synced` from the first time on that it knows all. */
  viewed(objects: readonly ClusterObject[], synced: boolean): void;
}

export class SimulatedSource implements Source {
  readonly #ports: ApiPorts;
  readonly #view = new Map<string, ClusterObject>();
  /** By kind: how many changes of the cluster its list has seen already. */
  readonly #listed = new Map<Kind, number>();
  readonly #arrivals = new Map<Kind, number>();
  #changes = 0;
  #sink: SourceSink | null = null;
  #synced = false;

  constructor(ports: ApiPorts) {
    this.#ports = ports;
  }

  get synced(): boolean {
    return this.#synced;
  }

  run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    this.#sink = sink;
    this.restored();
    return new Promise((resolve) =>
      signal.addEventListener(
        "abort",
        () => {
          this.end();
          resolve();
        },
        { once: true },
      ),
    );
  }

  /** Nobody listens any more. */
  end(): void {
    this.#sink = null;
  }

  state() {
    return KINDS.map((kind) => ({ kind, synced: this.#listed.has(kind), lastEventAgeMillis: this.#listed.has(kind) ? 0 : null }));
  }

  /** The server answers (again): every kind is listed. */
  restored(): void {
    for (const kind of KINDS) {
      this.#later(kind, () => {
        if (this.#ports.reachable()) this.#list(kind);
      });
    }
  }

  /** The cluster changed. */
  changed(changes: readonly ObjectChange[]): void {
    const number = ++this.#changes;
    for (const change of changes) {
      const { kind } = change.type === "set" ? change.object : change.ref;
      this.#later(kind, () => {
        if (this.#ports.reachable() && (this.#listed.get(kind) ?? number) < number) this.#deliver([change]);
      });
    }
  }

  #list(kind: Kind): void {
    const now = new Map(this.#ports.cluster.objects.filter((object) => object.kind === kind).map((object) => [keyOf(object), object]));
    const gone = [...this.#view.values()].filter((object) => object.kind === kind && !now.has(keyOf(object)));
    const news = [...now].filter(([key, object]) => this.#view.get(key) !== object);
    this.#listed.set(kind, this.#changes);
    this.#deliver([
      ...gone.map((object): ObjectChange => ({ type: "delete", ref: refOf(object), resourceVersion: "" })),
      ...news.map(([, object]): ObjectChange => ({ type: "set", object })),
    ]);
    if (this.#synced || this.#listed.size < KINDS.length) return;
    this.#synced = true;
    this.#ports.viewed([...this.#view.values()], true);
    this.#sink?.synced();
  }

  #deliver(changes: readonly ObjectChange[]): void {
    if (changes.length === 0 || this.#sink === null) return;
    for (const change of changes) {
      if (change.type === "set") this.#view.set(keyOf(change.object), change.object);
      else this.#view.delete(objectKey(change.ref));
    }
    this.#ports.viewed([...this.#view.values()], this.#synced);
    this.#sink.batch({ changes, findings: [], at: this.#ports.clock.now() });
  }

  /** In the order of the kind's own stream. */
  #later(kind: Kind, callback: () => void): void {
    const { world, dice } = this.#ports;
    const at = Math.max(this.#arrivals.get(kind) ?? 0, world.now + 1 + dice.below(WATCH_LAG_MILLIS));
    this.#arrivals.set(kind, at);
    world.at(at, () => {
      if (this.#sink !== null) callback();
    });
  }
}
