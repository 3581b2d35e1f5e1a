/** Steps a recorded session again: the same events at the same times must lead to the same actions. */

import { SpeakerError } from "../../errors.ts";
import type { PeerState } from "./peer.ts";
import { initialPeer, stepPeer } from "./peer.ts";
import { parseRecordLine, plain } from "./record.ts";
import type { PeerEvent } from "./session.ts";

/** The first step that came out otherwise than recorded. */
export interface Difference {
  /** From 1. */
  readonly line: number;
  readonly peer: string;
  readonly event: PeerEvent;
  /** Index of the first action that differs. */
  readonly action: number;
  /** That action as recorded and as stepped now; null = there is none. */
  readonly recorded: unknown;
  readonly stepped: unknown;
}

export interface Replay {
  /** Steps that were compared, the differing one included. */
  readonly steps: number;
  readonly difference: Difference | null;
}

/**
 * Stops at the first difference. Empty lines are skipped, and so is a last line cut short by the end of the process that wrote it.
 * @throws {SpeakerError} UNREADABLE, naming the line, for what is not a record.
 */
export function replayLines(lines: Iterable<string>): Replay {
  const peers = new Map<string, PeerState>();
  let current: string | null = null;
  let steps = 0;
  const all = [...lines];
  const last = all.findLastIndex((line) => line.trim() !== "");
  for (const [index, text] of all.entries()) {
    if (text.trim() === "" || (index === last && index > 0 && isCutShort(text))) continue;
    const record = atLine(index + 1, () => parseRecordLine(text));
    if (record.kind === "header") {
      current = record.peer;
      peers.set(record.peer, initialPeer(record.settings, record.seed));
      continue;
    }
    const peer: string | null = record.peer ?? current;
    const state = peer === null ? undefined : peers.get(peer);
    if (peer === null || state === undefined)
      throw new SpeakerError("UNREADABLE", `record line ${index + 1}: a step of a peer without a header`);
    const result = atLine(index + 1, () => stepPeer(state, record.event, record.at));
    steps++;
    const stepped = result.actions.map(plain);
    const action = firstDifference(record.actions, stepped);
    if (action !== null) {
      const difference = {
        line: index + 1,
        peer,
        event: record.event,
        action,
        recorded: record.actions[action] ?? null,
        stepped: stepped[action] ?? null,
      };
      return { steps, difference };
    }
    peers.set(peer, result.state);
  }
  return { steps, difference: null };
}

function firstDifference(recorded: readonly unknown[], stepped: readonly unknown[]): number | null {
  for (let index = 0; index < Math.max(recorded.length, stepped.length); index++) {
    if (canonical(recorded[index]) !== canonical(stepped[index])) return index;
  }
  return null;
}

/** JSON with sorted keys: equal exactly when the values are. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "none";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join(",")}}`;
}

function isCutShort(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    // A process that is killed while it writes leaves half a line behind.
    return true;
  }
}

function atLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SpeakerError)
      throw new SpeakerError(error.code, `record line ${line}: ${error.message.replace(/^record: /, "")}`, { cause: error });
    if (error instanceof TypeError) throw new SpeakerError("UNREADABLE", `record line ${line}: the event is damaged`, { cause: error });
    throw error;
  }
}
