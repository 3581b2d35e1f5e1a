// One set-up at a time in one tree. The lock is a file that names its holder; a holder that is gone holds nothing.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MILLIS = 100;

/** Runs `work` alone: waits while a living process holds the lock at `path`, breaks the lock of a dead one. */
export async function withLock(path, work) {
  const mine = `${path}.${process.pid}`;
  const release = () => rmSync(path, { force: true });
  writeFileSync(mine, identity(process.pid));
  try {
    let told = false;
    while (!taken(mine, path)) {
      const holder = read(path);
      if (holder === undefined) continue;
      if (!isAlive(holder)) breakLock(path, mine, holder);
      else {
        if (!told) process.stderr.write(`herald: waiting for the set-up of process ${holder.split(" ")[0]}\n`);
        told = true;
        await delay(POLL_MILLIS);
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
  process.on("exit", release); // Also when the work ends this process.
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/** A hard link appears whole or not at all, so nobody ever reads a lock without its holder. */
function taken(mine, path) {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Takes a dead holder's lock away. Of several that try, one may have seen the old lock and moved a new one: it puts that back. */
function breakLock(path, mine, holder) {
  const aside = `${mine}.broken`;
  try {
    renameSync(path, aside);
    if (read(aside) !== holder) taken(aside, path);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(holder) {
  const pid = Number(holder.split(" ")[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return identity(pid) === holder;
}

/** The pid and, where the system tells it, the time of start: a pid alone may belong to a stranger by now. */
function identity(pid) {
  try {
    // proc(5): the 22nd field, counted after the command's name, which may itself hold spaces and parentheses.
    return `${pid} ${
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[19]
    }`;
  } catch {
    return `${pid} `;
  }
}
