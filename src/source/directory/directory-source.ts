import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock, Timer } from "../../clock.ts";
import { SpeakerError } from "../../errors.ts";
import type { Finding, Kind } from "../../objects/kinds.ts";
import type { Position } from "../../text/document.ts";
import type { Source, SourceSink } from "../source.ts";
import { decodeContents } from "./contents.ts";
import { Holdings } from "./holdings.ts";
import { type Entry, locator, unreadable } from "./reading.ts";
import { TrackedFiles } from "./tracked-files.ts";
import { CONCURRENCY, codeOf, type Listing, walk, wordsFor } from "./walk.ts";
import { type WatchDirectory, Watches } from "./watches.ts";

/** Milliseconds. The sum of what one change waits for stays under 100. */
const TIMES = {
  /** From the first event to the look: an editor's several steps are one change. */
  debounce: 10,
  /** In a large directory: from an event to the look at everything in it. What the event names is looked at before. */
  whole: 250,
  /** From one look to the next without any event. */
  rescan: 5000,
  rescanUnwatched: 1000,
} as const;

export interface DirectorySourceOptions {
  readonly directory: string;
  /** Where our own kinds live. */
  readonly heraldNamespace: string;
  readonly clock: Clock;
  /** Replaces `fs.watch`. */
  readonly watch?: WatchDirectory;
}

/** Directories with more files than this are large: looking at all of them takes longer than a change may. */
const LARGE = 200;

const KINDS: readonly Kind[] = [
  "Namespace",
  "Node",
  "IPAddressPool",
  "Community",
  "BFDProfile",
  "Secret",
  "BGPPeer",
  "BGPAdvertisement",
  "Service",
  "EndpointSlice",
];

/**
 * Objects from a directory of `.yaml`, `.yml` and `.json` files, searched recursively and watched. Delivers differences only: what an
 * edit leaves as it was is no change, an object that moves to another file neither.
 */
export class DirectorySource implements Source {
  readonly #options: DirectorySourceOptions;
  readonly #clock: Clock;
  readonly #holdings: Holdings;
  readonly #files: TrackedFiles;
  readonly #dirty = new Set<string>();
  /** Names that events gave, by large directory. */
  #hints = new Map<string, Set<string>>();
  /** When a large directory is looked at as a whole. */
  readonly #wholeAt = new Map<string, number>();
  /** Files that are not listed any more and not yet given up. */
  readonly #missing = new Set<string>();
  #listings: ReadonlyMap<string, Listing> = new Map();
  #obstacles: readonly Finding[] = [];
  #reported = "";
  #faults: ReadonlySet<string> = new Set();
  #firstEventAt: number | null = null;
  #lastScanAt: number | null = null;
  #lastScanMillis = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#holdings = new Holdings(locateOnDisk);
    this.#files = new TrackedFiles({ ...options, holdings: this.#holdings, later: (path, at) => this.#later(path, at) });
  }

  /** @throws {SpeakerError} UNREADABLE when the directory cannot be read at the start; later that is a fault, and the last objects stay. */
  async run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    await requireDirectory(this.#options.directory);
    const watches = new Watches({
      watch: this.#options.watch,
      onEvent: (path, name) => this.#onEvent(path, name),
      onFault: (what, cause) => sink.fault(what, cause),
    });
    const stop = (): void => this.#wake?.();
    signal.addEventListener("abort", stop, { once: true });
    try {
      let fullAt = Number.NEGATIVE_INFINITY;
      const period = (): number => (watches.complete ? TIMES.rescan : TIMES.rescanUnwatched);
      for (let first = true; !signal.aborted; first = false) {
        const full = this.#clock.now() >= fullAt + period();
        if (full) fullAt = this.#clock.now();
        await this.#scan(sink, watches, { full, first }, signal);
        if (signal.aborted) return;
        if (first) sink.synced();
        await this.#sleep(fullAt + period(), signal);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#timer?.cancel();
      watches.close();
    }
  }

  state(): ReturnType<Source["state"]> {
    const age = this.#lastScanAt === null ? null : this.#clock.now() - this.#lastScanAt;
    return KINDS.map((kind) => ({ kind, synced: age !== null, lastEventAgeMillis: age }));
  }

  #onEvent(path: string, name: string | null): void {
    const now = this.#clock.now();
    this.#firstEventAt ??= now;
    // The ..data link of a ConfigMap changes every file.
    if (name === null || name.startsWith("..") || (this.#listings.get(path)?.files.length ?? 0) <= LARGE) this.#dirty.add(path);
    else {
      this.#hint(path, name);
      if (!this.#wholeAt.has(path)) this.#wholeAt.set(path, now + Math.max(TIMES.whole, 20 * this.#lastScanMillis));
    }
    this.#wakeBy(now + TIMES.debounce);
  }

  #wakeBy(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(at - this.#clock.now(), () => {
      // Timers may fire a little early, also during a scan: the sleep that follows must not wait for a moment whose timer is spent.
      this.#wakeAt = Number.NEGATIVE_INFINITY;
      this.#wake?.();
    });
  }

  async #sleep(until: number, signal: AbortSignal): Promise<void> {
    this.#wakeBy(until);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || this.#clock.now() >= this.#wakeAt) resolve();
    });
    this.#wake = undefined;
    this.#timer?.cancel();
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  async #scan(sink: SourceSink, watches: Watches, { full, first }: { full: boolean; first: boolean }, signal: AbortSignal): Promise<void> {
    const startedAt = this.#clock.now();
    const at = this.#firstEventAt ?? startedAt;
    const dirty = this.#takeDirty(startedAt);
    const hints = this.#hints;
    this.#hints = new Map();
    this.#firstEventAt = null;
    const before = this.#listings;
    this.#listings = await walk(this.#options.directory, {
      known: before,
      isDirty: (path) => full || dirty.has(path),
      hints,
      entering: (path, id) => watches.enter(path, id),
    });
    watches.keep(this.#listings);
    this.#noteObstacles(sink);
    this.#noteMissing(before);
    // One that cannot be looked at may be there.
    for (const path of this.#missing) if (!this.#faults.has(path) && this.#files.vanished(path)) this.#missing.delete(path);
    for (const [directory, listing] of this.#listings) {
      // The same listing: not read anew.
      if (listing === before.get(directory)) continue;
      const changed = listing.files.filter((version) => !this.#files.isKnown(version));
      for (let start = 0; start < changed.length; start += CONCURRENCY) {
        if (signal.aborted) return;
        await Promise.all(changed.slice(start, start + CONCURRENCY).map((version) => this.#files.look(version, first)));
      }
    }
    this.#lastScanAt = this.#clock.now();
    // The first look reads everything and says nothing about the next.
    if (!first && (full || dirty.size > 0)) this.#lastScanMillis = this.#lastScanAt - startedAt;
    this.#deliver(sink, at, first);
  }

  /** Directories to look at as a whole now; those of later wake the loop then. */
  #takeDirty(now: number): ReadonlySet<string> {
    for (const [path, at] of this.#wholeAt) {
      if (now < at) {
        this.#wakeBy(at);
        continue;
      }
      this.#wholeAt.delete(path);
      this.#dirty.add(path);
    }
    const dirty = new Set(this.#dirty);
    this.#dirty.clear();
    return dirty;
  }

  #deliver(sink: SourceSink, at: number, first: boolean): void {
    const changes = this.#holdings.take();
    const findings = [...this.#obstacles, ...this.#holdings.findings()];
    const reported = JSON.stringify(findings);
    if (!first && changes.length === 0 && reported === this.#reported) return;
    this.#reported = reported;
    sink.batch({ changes, findings, at });
  }

  /** Directories and files that cannot be looked at: a finding as long as it lasts, a fault when it begins. */
  #noteObstacles(sink: SourceSink): void {
    const obstacles = [...this.#listings.values()].flatMap((listing) => listing.obstacles);
    for (const { path, code, cause } of obstacles)
      if (!this.#faults.has(path)) sink.fault(`cannot read ${path} (${wordsFor(code)}): keeping what it held`, cause);
    this.#faults = new Set(obstacles.map(({ path }) => path));
    this.#obstacles = obstacles.flatMap(({ path, code }) => unreadable(path, wordsFor(code)).findings);
  }

  /** Files that were listed before and are not any more, or again. */
  #noteMissing(before: ReadonlyMap<string, Listing>): void {
    for (const [directory, listing] of before) {
      const now = this.#listings.get(directory);
      if (now === listing) continue;
      const listed = new Set(now?.files.map(({ path }) => path));
      for (const { path } of listing.files) if (!listed.has(path)) this.#missing.add(path);
    }
    for (const listing of this.#listings.values())
      for (const { path } of this.#missing.size === 0 ? [] : listing.files) this.#missing.delete(path);
  }

  /** Has the file looked at again at a moment. */
  #later(path: string, at: number): void {
    this.#hint(dirname(path), basename(path));
    this.#wakeBy(at);
  }

  #hint(directory: string, name: string): void {
    this.#hints.set(directory, (this.#hints.get(directory) ?? new Set()).add(name));
  }
}

async function requireDirectory(path: string): Promise<void> {
  const remedy = "name a directory of .yaml, .yml and .json files";
  try {
    await readdir(path);
  } catch (cause) {
    throw new SpeakerError("UNREADABLE", `directory ${path}: ${wordsFor(codeOf(cause))}`, { remedy, cause });
  }
}

/** Line and column of an object in a file that was read some time ago. */
function locateOnDisk(file: string, entry: Entry): Position {
  try {
    return locator(file, decodeContents(readFileSync(file)))(entry);
  } catch {
    // Gone or unreadable since: the finding says the file at least.
    return { line: 0, column: 0 };
  }
}
