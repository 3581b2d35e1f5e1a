import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import type { CheckOptions } from "../../objects/check.ts";
import { decodeContents, MAX_FILE_OCTETS } from "./contents.ts";
import type { Holdings } from "./holdings.ts";
import { looksLikeJson, type Reading, readText, unreadable } from "./reading.ts";
import { codeOf, type FileVersion, wordsFor } from "./walk.ts";

/** Milliseconds for which a file is not yet believed. */
const PATIENCE = {
  /** One that is gone between being listed and being read is listed again. */
  gone: 10,
  /** A file that has vanished must still be gone after this: some programs delete before they write. */
  vanished: 25,
  /** A text that does not end with its line may be half-written. */
  unfinished: 40,
  /** An empty file that held objects is mostly a file about to be written. */
  empty: 1000,
  /** A version younger than this when it was read may change again without showing it: kernels count mtime in ticks. */
  racy: 50,
} as const;

/**
 * Which version of each file was read last, and when what it says is believed: a file that was written half, emptied, or deleted to be
 * written anew gets a moment to become whole.
 */
export class TrackedFiles {
  readonly #files = new Map<string, FileState>();
  readonly #holdings: Holdings;
  readonly #clock: Clock;
  readonly #options: CheckOptions;
  readonly #later: (path: string, at: number) => void;

  /** `later` has a file looked at again at a moment of the clock. */
  constructor(
    options: CheckOptions & { readonly clock: Clock; readonly holdings: Holdings; readonly later: (path: string, at: number) => void },
  ) {
    this.#options = options;
    this.#clock = options.clock;
    this.#holdings = options.holdings;
    this.#later = options.later;
  }

  /** The file is as it was when it was last looked at. */
  isKnown({ path, id }: FileVersion): boolean {
    const state = this.#files.get(path);
    return state !== undefined && state.id === id && state.trusted && state.vanishedAt === null;
  }

  /** The file is not listed any more. True once its objects were given up. */
  vanished(path: string): boolean {
    const state = this.#files.get(path);
    if (state !== undefined) {
      state.vanishedAt ??= this.#clock.now();
      if (this.#waits(path, state.vanishedAt + PATIENCE.vanished)) return false;
    }
    this.#files.delete(path);
    this.#holdings.replace(path, null);
    return true;
  }

  /** Reads a file unless it says what it said. Whatever is there the `first` time is believed at once. */
  async look(version: FileVersion, first: boolean): Promise<void> {
    const { path } = version;
    const state = this.#files.get(path) ?? newState();
    this.#files.set(path, state);
    state.vanishedAt = null;
    // One that cannot be looked at again for sure is read again: cheap, because what it says is compared by hash.
    state.trusted = this.#clock.wall().getTime() - version.mtimeMillis > PATIENCE.racy;
    state.id = version.id;
    if (version.octets > MAX_FILE_OCTETS) return this.#take(path, state, "", unreadable(path, `larger than ${MAX_FILE_OCTETS} octets`));
    let octets: Uint8Array;
    try {
      octets = await readFile(path);
    } catch (cause) {
      state.trusted = false;
      // Deleted since it was listed: the next look finds it gone.
      if (codeOf(cause) === "ENOENT") return void this.#waits(path, this.#clock.now() + PATIENCE.gone);
      return this.#take(path, state, "", unreadable(path, wordsFor(codeOf(cause))));
    }
    const hash = createHash("sha1").update(octets).digest("base64");
    if (hash === state.hash) {
      state.unsettled = null;
      return;
    }
    const text = decodeContents(octets);
    if (!first && this.#isUnsettled(path, state, hash, text)) return;
    this.#take(path, state, hash, readText(path, text, this.#options, state.reading?.pieces));
  }

  #take(path: string, state: FileState, hash: string, reading: Reading): void {
    state.hash = hash;
    state.unsettled = null;
    state.reading = { pieces: reading.pieces };
    this.#holdings.replace(path, reading);
  }

  /** True while a text looks half-written and has not looked so for long enough. */
  #isUnsettled(path: string, state: FileState, hash: string, text: string): boolean {
    const empty = text.trim() === "" && this.#holdings.holds(path);
    // Half of a JSON text is no JSON: only YAML can be cut where it still means something.
    const whole = text === "" || text.endsWith("\n") || looksLikeJson(text);
    const patience = empty ? PATIENCE.empty : whole ? 0 : PATIENCE.unfinished;
    if (patience === 0) return false;
    if (state.unsettled?.hash !== hash) state.unsettled = { hash, since: this.#clock.now() };
    if (!this.#waits(path, state.unsettled.since + patience)) return false;
    state.trusted = false;
    return true;
  }

  /** False when the moment is past. */
  #waits(path: string, at: number): boolean {
    if (this.#clock.now() >= at) return false;
    this.#later(path, at);
    return true;
  }
}

interface FileState {
  /** Version and content that were last read; "" = none. */
  id: string;
  hash: string;
  /** `id` alone tells whether the content is still the same. */
  trusted: boolean;
  vanishedAt: number | null;
  unsettled: { readonly hash: string; readonly since: number } | null;
  reading: Pick<Reading, "pieces"> | null;
}

function newState(): FileState {
  return { id: "", hash: "", trusted: false, vanishedAt: null, unsettled: null, reading: null };
}
