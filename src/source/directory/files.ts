import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SpeakerError } from "../../errors.ts";
import type { CheckOptions } from "../../objects/check.ts";
import type { ClusterObject, Finding } from "../../objects/kinds.ts";
import type { Position } from "../../text/document.ts";
import { decodeContents, MAX_FILE_OCTETS, readContents } from "./contents.ts";
import { Places } from "./places.ts";
import { duplicateFinding, type Entry, locator, type Reading, readText, unreadable } from "./reading.ts";
import { CONCURRENCY, codeOf, type FileVersion, walk, wordsFor } from "./walk.ts";

/** Files and directories read once: what `validate`, `plan` and `explain` work on without a cluster. */
export interface Loaded {
  /** Files read, stdin included. */
  readonly files: number;
  /** In the order of the paths; the first of each name. */
  readonly objects: readonly ClusterObject[];
  /** Objects that were refused, second ones of a name included. */
  readonly refused: number;
  /** Objects of kinds that are not read, and ours in other namespaces. */
  readonly ignored: number;
  /** In the order of the paths, then of the lines. */
  readonly findings: readonly Finding[];
  /** `findings` and these, which only know their objects, with file, line and column; in the order of the paths, then of the lines. */
  withPlaces(found: readonly Finding[]): Promise<readonly Finding[]>;
}

export interface LoadOptions extends CheckOptions {
  /** What `-` means; the process's stdin by default. */
  readonly stdin?: AsyncIterable<Uint8Array | string>;
}

/** Name of stdin in findings. */
export const STDIN = "<stdin>";

/**
 * Reads files (whatever their extension), directories (`.yaml`, `.yml`, `.json`, recursively) and `-`. A file met twice is read once.
 * @throws {SpeakerError} UNREADABLE when a path that was named cannot be read; below a directory that is a finding.
 */
export async function loadPaths(paths: readonly string[], options: LoadOptions): Promise<Loaded> {
  const collection = new Collection(options);
  for (const path of paths) {
    if (path === "-") await collection.addStdin(options.stdin ?? process.stdin);
    else await collection.addPath(path);
  }
  return collection.finish();
}

class Collection {
  readonly #options: CheckOptions;
  readonly #seen = new Set<string>();
  readonly #places = new Places();
  readonly #objects: ClusterObject[] = [];
  readonly #findings: Finding[] = [];
  #files = 0;
  #refused = 0;
  #ignored = 0;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  async addStdin(stdin: AsyncIterable<Uint8Array | string>): Promise<void> {
    if (this.#isSeen(STDIN)) return;
    const parts: Uint8Array[] = [];
    for await (const part of stdin) parts.push(typeof part === "string" ? Buffer.from(part) : part);
    this.#add(STDIN, decodeContents(Buffer.concat(parts)), true);
  }

  async addPath(path: string): Promise<void> {
    try {
      const stats = await stat(path);
      const isDirectory = stats.isDirectory();
      if (!isDirectory && stats.size > MAX_FILE_OCTETS)
        throw new SpeakerError("UNREADABLE", `${path}: larger than ${MAX_FILE_OCTETS} octets`);
      if (!isDirectory) {
        if (!this.#isSeen(resolve(path))) this.#add(path, await readContents(path), !stats.isFile());
        return;
      }
    } catch (cause) {
      throw cause instanceof SpeakerError ? cause : unreadablePath(path, cause);
    }
    for (const [directory, listing] of await walk(path)) {
      for (const { path: at, code, cause } of listing.obstacles) {
        // The path that was asked for is not a finding among others.
        if (at === path && directory === path) throw unreadablePath(path, cause);
        this.#addUnreadable(at, wordsFor(code));
      }
      for (let start = 0; start < listing.files.length; start += CONCURRENCY) {
        const some = listing.files.slice(start, start + CONCURRENCY).filter(({ path: at }) => !this.#isSeen(resolve(at)));
        // Read side by side, taken in order.
        for (const taken of await Promise.all(some.map(readListed))) this.#addRead(taken);
      }
    }
  }

  finish(): Loaded {
    const withPlaces = (found: readonly Finding[]) => this.#places.merge(this.#findings, found);
    const counts = { files: this.#files, refused: this.#refused, ignored: this.#ignored };
    return { ...counts, objects: this.#objects, findings: this.#findings, withPlaces };
  }

  #addRead({ path, text, why }: ReadFile): void {
    if (text === null) this.#addUnreadable(path, why);
    else this.#add(path, text, false);
  }

  #addUnreadable(file: string, why: string): void {
    this.#places.addFile(file, "", false);
    this.#findings.push(...unreadable(file, why).findings);
  }

  #add(file: string, text: string, isOnce: boolean): void {
    this.#files++;
    this.#places.addFile(file, text, isOnce);
    const reading = readText(file, text, this.#options);
    const findings = [...reading.findings, ...this.#take(file, text, reading)];
    // A stable order for findings that were made in several passes.
    this.#findings.push(...findings.sort((a, b) => a.line - b.line || a.column - b.column));
    this.#ignored += reading.ignored;
  }

  /** Keeps the first object of each name; findings about the others. */
  #take(file: string, text: string, reading: Reading): readonly Finding[] {
    const findings: Finding[] = [];
    let locate: ((entry: Entry) => Position) | undefined;
    for (const entry of reading.entries) {
      const first = this.#places.fileOf(entry.key);
      if (first !== undefined) {
        locate ??= locator(file, text);
        findings.push(duplicateFinding(file, entry, locate(entry), first));
        this.#refused++;
        continue;
      }
      this.#places.addObject(file, entry);
      if (entry.object === null) this.#refused++;
      else this.#objects.push(entry.object);
    }
    return findings;
  }

  #isSeen(path: string): boolean {
    const seen = this.#seen.has(path);
    this.#seen.add(path);
    return seen;
  }
}

/** Text of a file, or why there is none. */
interface ReadFile {
  readonly path: string;
  readonly text: string | null;
  readonly why: string;
}

async function readListed({ path, octets }: FileVersion): Promise<ReadFile> {
  if (octets > MAX_FILE_OCTETS) return { path, text: null, why: `larger than ${MAX_FILE_OCTETS} octets` };
  try {
    return { path, text: await readContents(path), why: "" };
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "") throw cause;
    return { path, text: null, why: wordsFor(code) };
  }
}

function unreadablePath(path: string, cause: unknown): SpeakerError {
  const code = codeOf(cause);
  return new SpeakerError("UNREADABLE", `${path}: ${code === "" ? String(cause) : wordsFor(code)}`, { cause });
}
