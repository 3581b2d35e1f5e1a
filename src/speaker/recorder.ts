import { createWriteStream, type WriteStream } from "node:fs";
import { recordHeader, recordStep } from "../bgp/fsm/record.ts";
import type { PeerAction, PeerEvent, SessionSettings } from "../bgp/fsm/session.ts";

/** A stream that cannot keep up, as under a full table, loses its record rather than the process its memory. */
const MAX_BUFFERED_OCTETS = 64 * 1024 * 1024;

/** Writes every session event as a JSON line, to be stepped again by `herald replay`. */
export class Recorder {
  readonly #stream: WriteStream;
  readonly #onFailure: (why: string) => void;
  #failed = false;

  /** Replaces the file. `onFailure` is called once; nothing is recorded after it. */
  constructor(file: string, onFailure: (why: string) => void) {
    this.#stream = createWriteStream(file, { flags: "w" });
    this.#stream.on("error", (error) => {
      if (!this.#failed) onFailure(error.message);
      this.#failed = true;
    });
    this.#onFailure = onFailure;
  }

  header(peer: string, settings: SessionSettings, seed: number): void {
    this.#write(recordHeader(settings, seed, peer));
  }

  step(peer: string, at: number, event: PeerEvent, actions: readonly PeerAction[]): void {
    if (!this.#failed) this.#write(recordStep(at, event, actions, peer));
  }

  /** Resolves when what was recorded is written. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#failed) resolve();
      else this.#stream.end(() => resolve());
    });
  }

  #write(line: string): void {
    if (this.#failed) return;
    if (this.#stream.writableLength > MAX_BUFFERED_OCTETS) {
      this.#failed = true;
      this.#onFailure("the disk is slower than the sessions; the record ends here");
      this.#stream.destroy();
      return;
    }
    this.#stream.write(`${line}\n`);
  }
}
