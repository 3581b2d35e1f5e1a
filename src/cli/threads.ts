/** The bundle as a worker thread: which of its threads this is. */

import { isMainThread, workerData } from "node:worker_threads";
import { BFD_THREAD } from "../speaker/bfd.ts";
import { runBfdWorker } from "../speaker/bfd-worker.ts";

/** True when this is a thread of Herald's own, which then runs; false in the process itself, which has a command to run. */
export function runsAsThread(): boolean {
  if (isMainThread || workerData !== BFD_THREAD) return false;
  runBfdWorker();
  return true;
}
