/** The state file on disk: replaced whole or not at all, whatever moment the machine stops at. */

import { readFileSync, renameSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export class StateStore {
  readonly #path: string;
  /** How often it was discarded: tells a write whether that happened under it. */
  #discards = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The file's text; null = there is none. @throws where it cannot be read. */
  read(): string | null {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
  }

  /**
   * Writes beside the file, waits until the disk has it, and renames it over the file. The event loop turns at each null.
   * Nobody else reads it: it says how the rack is built. What was discarded meanwhile is not written.
   */
  async write(pieces: Iterable<string | null>): Promise<void> {
    const discards = this.#discards;
    const draft = `${this.#path}.new`;
    const file = await open(draft, "w", 0o600);
    try {
      for (const piece of pieces) {
        if (piece === null) await new Promise<void>((resolve) => setImmediate(resolve));
        else await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (this.#discards === discards) await rename(draft, this.#path);
    // A disk that was slow may have had this write under way for longer than a stop waits.
    if (this.#discards !== discards) {
      await rm(draft, { force: true });
      await rm(this.#path, { force: true });
    }
    await this.#syncDirectory();
  }

  /** Nothing is to be resumed, and no write that is under way lands any more: resolves when the disk has forgotten it. Rejects where it cannot be removed. */
  async discard(): Promise<void> {
    this.#discards++;
    await rm(this.#path, { force: true });
    await this.#syncDirectory();
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(dirname(this.#path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** Out of the way, for whoever wants to look at it. Returns where it is now. */
  putAside(): string {
    const aside = `${this.#path}.damaged`;
    renameSync(this.#path, aside);
    return aside;
  }
}
