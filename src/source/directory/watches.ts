import { watch } from "node:fs";
import { codeOf } from "./walk.ts";

/** Starts to watch one directory, not what is below it. Throws what the system says. */
export type WatchDirectory = (path: string, onEvent: (name: string | null) => void, onError: (cause: unknown) => void) => { close(): void };

/**
 * One plain watch per directory: recursive ones lose changes on Linux. Names in events are hints and get lost, so every event means "look at
 * this directory again" sooner or later.
 */
export class Watches {
  readonly #watch: WatchDirectory;
  readonly #onEvent: (path: string, name: string | null) => void;
  readonly #onFault: (what: string, cause: unknown) => void;
  readonly #open = new Map<string, { readonly id: string; close(): void }>();
  readonly #refused = new Set<string>();
  #reported = false;

  constructor(options: {
    readonly watch?: WatchDirectory | undefined;
    readonly onEvent: (path: string, name: string | null) => void;
    readonly onFault: (what: string, cause: unknown) => void;
  }) {
    this.#watch = options.watch ?? watchDirectory;
    this.#onEvent = options.onEvent;
    this.#onFault = options.onFault;
  }

  /** Watches a directory, or watches it anew where another one has taken its name. Call it before the directory is read. */
  enter(path: string, id: string): void {
    const open = this.#open.get(path);
    if (open?.id === id) return;
    open?.close();
    this.#open.delete(path);
    try {
      const lost = (cause: unknown): void => {
        this.#close(path);
        this.#refuse(path, cause);
        this.#onEvent(path, null);
      };
      const watcher = this.#watch(path, (name) => this.#onEvent(path, name), lost);
      this.#open.set(path, { id, close: () => watcher.close() });
      this.#refused.delete(path);
      if (this.#refused.size === 0) this.#reported = false;
    } catch (cause) {
      this.#refuse(path, cause);
    }
  }

  /** Ends the watches of directories that `kept` does not have. */
  keep(kept: ReadonlyMap<string, unknown>): void {
    for (const path of [...this.#open.keys()]) if (!kept.has(path)) this.#close(path);
    for (const path of [...this.#refused]) if (!kept.has(path)) this.#refused.delete(path);
  }

  /** True while every directory is watched. */
  get complete(): boolean {
    return this.#refused.size === 0;
  }

  close(): void {
    for (const path of [...this.#open.keys()]) this.#close(path);
  }

  #close(path: string): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }

  #refuse(path: string, cause: unknown): void {
    this.#refused.add(path);
    // A directory that is gone is no fault of the watches.
    if (this.#reported || codeOf(cause) === "ENOENT") return;
    this.#reported = true;
    const exhausted = codeOf(cause) === "ENOSPC" || codeOf(cause) === "EMFILE";
    this.#onFault(
      `cannot watch ${path}${exhausted ? " (raise fs.inotify.max_user_watches and max_user_instances)" : ""}: looking every second`,
      cause,
    );
  }
}

function watchDirectory(path: string, onEvent: (name: string | null) => void, onError: (cause: unknown) => void): { close(): void } {
  const watcher = watch(path, { encoding: "utf8" }, (_type, name) => onEvent(name));
  watcher.on("error", onError);
  return watcher;
}
