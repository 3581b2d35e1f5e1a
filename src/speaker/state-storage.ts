/** Where the state file lives. The real place is the disk; the simulation has its own. */

import { lockStateFile, type StateLock } from "./state-lock.ts";
import { StateStore } from "./state-store.ts";

/** The file, once it is locked. */
export type OpenState = Pick<StateStore, "read" | "write" | "discard" | "putAside">;

export interface StateStorage {
  /** @throws {SpeakerError} LOCKED, UNREADABLE */
  lock(stateFile: string): StateLock;
  open(stateFile: string): OpenState;
}

export const disk: StateStorage = { lock: lockStateFile, open: (stateFile) => new StateStore(stateFile) };
