/**
 * Which process is in the way: what a person needs to know when a port or a file is taken. Linux tells through /proc; elsewhere, and for
 * processes of other users, the answer is less or nothing, never a failure.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Ticks since boot at which the process started: tells a process from a later one with the same number. Null = not running, or unknown. */
export function processStartTicks(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the command in parentheses and may hold spaces and parentheses itself: count from the last one.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** True when a process of that number runs, also one that we may not signal. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** `process 4711 (node herald.mjs speaker)`, or without the name where the system does not tell it. */
export function describeProcess(pid: number): string {
  const commandLine = readProc(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim() ?? "";
  const name = commandLine === "" ? (readProc(`/proc/${pid}/comm`)?.trim() ?? "") : commandLine;
  if (name === "") return `process ${pid}`;
  return `process ${pid} (${name.length > 80 ? `${name.slice(0, 77)}...` : name})`;
}

/** Number of the process that listens on the TCP port, null when it is not ours to see. */
export function findTcpListener(port: number): number | null {
  const inodes = new Set([...listeningInodes("/proc/net/tcp", port), ...listeningInodes("/proc/net/tcp6", port)]);
  return inodes.size === 0 ? null : findSocketOwner(inodes);
}

/** Number of the process that listens on the unix socket path, null when it is not ours to see. */
export function findUnixListener(path: string): number | null {
  const inodes = new Set<string>();
  for (const line of (readProc("/proc/net/unix") ?? "").split("\n")) {
    const fields = line.split(/\s+/);
    if (fields[7] === path && fields[6] !== undefined) inodes.add(fields[6]);
  }
  return inodes.size === 0 ? null : findSocketOwner(inodes);
}

function* listeningInodes(file: string, port: number): Generator<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of (readProc(file) ?? "").split("\n")) {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    // State 0A is LISTEN.
    if (inode !== undefined && fields[3] === "0A" && fields[1]?.endsWith(wanted)) yield inode;
  }
}

function findSocketOwner(inodes: ReadonlySet<string>): number | null {
  for (const entry of listProc("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    for (const fd of listProc(`/proc/${entry}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${entry}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return Number(entry);
    }
  }
  return null;
}

// Processes come and go while we look, and those of other users refuse: both mean "unknown".
function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function listProc(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
