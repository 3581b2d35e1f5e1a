/**
 * Follows the BGPNodeStatus objects for as long as somebody leads: what speakers say of their sessions. For words alone, so it is simpler than the reading
 * of what decides: a watch that begins anew says everything again, and what it no longer says is dropped a moment later.
 */

import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/client.ts";
import { fieldsOf } from "../kube/fields.ts";
import { wait } from "../kube/waiting.ts";
import type { WatchEvent } from "../kube/watch-events.ts";
import { WriteFaults } from "../kube/write-faults.ts";
import type { Log } from "../log.ts";
import { GROUP, VERSION } from "../objects/definitions.ts";
import type { ReportedSession } from "../plan/conditions.ts";

export interface NodeStatusesPorts {
  readonly client: Pick<KubeClient, "watch">;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** Sessions are others than before. */
  changed(): void;
}

const WATCH_SECONDS = { least: 300, spread: 300 } as const;
/** Milliseconds. */
const SILENCE = 200_000;
/** What a watch says first is said by then, most likely; and by then for certain. */
const SAID = { mostly: 2000, surely: 10_000 } as const;
const PAUSE = { least: 1000, most: 30_000 } as const;

interface Entry {
  readonly sessions: ReadonlyMap<string, ReportedSession>;
  readonly text: string;
  /** Of the watch that said it last. */
  readonly watch: number;
}

export class NodeStatuses {
  readonly #ports: NodeStatusesPorts;
  readonly #faults: WriteFaults;
  readonly #nodes = new Map<string, Entry>();
  #watch = 0;
  #settle = (): void => {};
  /** Resolves when what was there at first has been read, or cannot be. */
  readonly settled: Promise<void>;

  constructor(ports: NodeStatusesPorts) {
    this.#ports = ports;
    this.#faults = new WriteFaults(ports.clock, ports.log);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** By node, then by peer. */
  sessions(): ReadonlyMap<string, ReadonlyMap<string, ReportedSession>> {
    return new Map([...this.#nodes].map(([node, { sessions }]) => [node, sessions]));
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, random, namespace } = this.#ports;
    const selection = { group: GROUP, version: VERSION, plural: "bgpnodestatuses", namespace };
    let failures = 0;
    while (!signal.aborted) {
      const timeoutSeconds = WATCH_SECONDS.least + Math.floor(random() * WATCH_SECONDS.spread);
      const opened = await client.watch(
        selection,
        { resourceVersion: null, timeoutSeconds, initialEvents: false, silenceMillis: SILENCE },
        signal,
      );
      if (opened.ok) {
        failures = 0;
        this.#faults.succeeded("the watch of bgpnodestatuses");
        await this.#follow(opened.value, signal);
      } else this.#faults.failed("the watch of bgpnodestatuses", opened.failure);
      this.#settle();
      const pause = Math.min(PAUSE.most, PAUSE.least * 2 ** Math.min(failures++, 10));
      await wait(clock, pause * (0.5 + random() / 2), signal);
    }
    this.#nodes.clear();
  }

  async #follow(stream: AsyncIterable<readonly WatchEvent[]>, signal: AbortSignal): Promise<void> {
    const watch = ++this.#watch;
    const { clock } = this.#ports;
    const settling = clock.setTimer(SAID.mostly, () => this.#settle());
    const dropping = clock.setTimer(SAID.surely, () => this.#dropBefore(watch));
    try {
      for await (const events of stream) {
        for (const event of events) this.#take(event, watch);
        if (signal.aborted) return;
      }
    } finally {
      settling.cancel();
      dropping.cancel();
    }
  }

  #take(event: WatchEvent, watch: number): void {
    if (event.type !== "set" && event.type !== "delete") return;
    const fields = fieldsOf(event.object);
    const { name } = fieldsOf(fields["metadata"]);
    if (typeof name !== "string") return;
    if (event.type === "delete") {
      if (this.#nodes.delete(name)) this.#ports.changed();
      return;
    }
    const sessions = sessionsOf(fieldsOf(fields["status"])["peers"]);
    const text = JSON.stringify([...sessions]);
    const changed = this.#nodes.get(name)?.text !== text;
    this.#nodes.set(name, { sessions, text, watch });
    if (changed) this.#ports.changed();
  }

  #dropBefore(watch: number): void {
    for (const [name, entry] of this.#nodes) {
      if (entry.watch >= watch) continue;
      this.#nodes.delete(name);
      this.#ports.changed();
    }
  }
}

/** Whatever somebody wrote there: what is not as a speaker writes it says nothing. */
function sessionsOf(peers: unknown): ReadonlyMap<string, ReportedSession> {
  const sessions = new Map<string, ReportedSession>();
  if (!Array.isArray(peers)) return sessions;
  for (const peer of peers) {
    const { name, state, lastError } = fieldsOf(peer);
    if (typeof name !== "string" || typeof state !== "string") continue;
    const { text } = fieldsOf(lastError);
    sessions.set(name, { established: state === "Established", lastError: typeof text === "string" ? text : "" });
  }
  return sessions;
}
