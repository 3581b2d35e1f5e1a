/**
 * One speaker per state file. Two that share one would take each other's routes for their own, so the second is refused and told who holds it.
 * The lock is a file beside it with the holder's process number, start time and boot ID: a lock whose holder is gone, whose number now
 * belongs to another process, or that was written before a reboot, is taken over.
 */

import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SpeakerError } from "../errors.ts";
import { describeProcess, processIsAlive, processStartTicks } from "../processes.ts";

export interface StateLock {
  /** Removes the lock file. Safe to call twice. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly startTicks: string | null;
  readonly bootId: string;
}

/**
 * @throws {SpeakerError} LOCKED when a living process holds it, named in the message; UNREADABLE when the directory cannot be made or written to.
 */
export function lockStateFile(stateFile: string): StateLock {
  const path = `${stateFile}.lock`;
  const mine: Holder = { pid: process.pid, startTicks: processStartTicks(process.pid), bootId: bootId() };
  const content = `${JSON.stringify(mine)}\n`;
  try {
    makeDirectory(dirname(path));
    // Each round either writes the file, finds a living holder, or removes a stale one: losing the race against others twice is enough.
    for (let round = 0; round < 5; round++) {
      if (tryCreate(path, content)) return { release: () => releaseLock(path, content) };
      const found = readIfThere(path);
      if (found === null) continue;
      const holder = parseHolder(found);
      if (holder !== null && isHeld(holder, mine)) throw refusal(stateFile, holder.pid);
      takeAway(path, found);
    }
  } catch (cause) {
    if (cause instanceof SpeakerError) throw cause;
    throw new SpeakerError("UNREADABLE", `state file ${stateFile}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      remedy: 'make the directory writable or set stateFile: ""',
      cause,
    });
  }
  throw new SpeakerError("LOCKED", `state file ${stateFile}: several processes are starting on it at once`, {
    remedy: "give each speaker its own stateFile",
  });
}

/** One level: Node's recursive mkdir never returns below a directory like /proc, where making one fails with ENOENT. */
function makeDirectory(directory: string): void {
  if (!existsSync(directory)) mkdirSync(directory);
}

function refusal(stateFile: string, pid: number): SpeakerError {
  return new SpeakerError("LOCKED", `state file ${stateFile} is in use by ${describeProcess(pid)}`, {
    remedy: "stop that process or give this one another stateFile",
  });
}

function isHeld(holder: Holder, mine: Holder): boolean {
  // Our own number in a lock we did not write: an earlier process had it (always so for number 1 in a container).
  if (holder.pid === mine.pid || holder.bootId !== mine.bootId) return false;
  if (!processIsAlive(holder.pid)) return false;
  return holder.startTicks === null || holder.startTicks === processStartTicks(holder.pid);
}

/** A link appears with its content or not at all: nobody ever reads a half-written lock. */
function tryCreate(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, content, { mode: 0o644 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves a stale lock aside before removing it, so that a lock written meanwhile by another starter is seen and put back. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another starter was faster; the next round looks again
  }
  if (readIfThere(aside) === stale) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function releaseLock(path: string, content: string): void {
  if (readIfThere(path) === content) rmSync(path, { force: true });
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // gone between two looks
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    const pid = "pid" in value ? value.pid : null;
    const startTicks = "startTicks" in value ? value.startTicks : null;
    const bootId = "bootId" in value ? value.bootId : null;
    if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 1 || typeof bootId !== "string") return null;
    return { pid, startTicks: typeof startTicks === "string" ? startTicks : null, bootId };
  } catch {
    return null; // not ours, or damaged: nobody holds it
  }
}

function bootId(): string {
  return readIfThere("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}
