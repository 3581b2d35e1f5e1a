import type { SpeakerConfig } from "../config/file.ts";

/** What a reload did: keys that are in force now, and keys whose change needs a new process. */
export interface ReloadReport {
  readonly changed: readonly string[];
  readonly needRestart: readonly string[];
}

/** Every key, so that none is ignored in silence: `live` = taken over while the process runs. */
const KEYS: Readonly<Record<keyof SpeakerConfig, "live" | "restart">> = {
  nodeName: "restart",
  namespace: "restart",
  source: "restart",
  bgp: "restart",
  admin: "restart",
  loadBalancerClass: "restart",
  serviceProxyName: "restart",
  ignoreExcludeLabel: "restart",
  stateFile: "restart",
  stateMaxAgeMillis: "live",
  eorDeferralMillis: "live",
  resetSpreadMillis: "live",
  coalesceMillis: "live",
  dataplane: "restart",
  announceHoldDown: "restart",
  weightHoldDownMillis: "restart",
  weightTolerance: "restart",
  status: "restart",
  shutdown: "live",
  drain: "restart",
  balance: "live",
  log: "restart",
  record: "restart",
};

/** The configuration in force after a reload, and what it made of each changed key, by its name in the file. */
export function reloaded(before: SpeakerConfig, after: SpeakerConfig): { readonly config: SpeakerConfig; readonly report: ReloadReport } {
  const changed: string[] = [];
  const needRestart: string[] = [];
  for (const [key, kind] of Object.entries(KEYS)) {
    if (!isKey(key) || JSON.stringify(before[key]) === JSON.stringify(after[key])) continue;
    (kind === "live" ? changed : needRestart).push(key.replace(/Millis$/, ""));
  }
  const { coalesceMillis, resetSpreadMillis, stateMaxAgeMillis, eorDeferralMillis, shutdown, balance } = after;
  const config = { ...before, coalesceMillis, resetSpreadMillis, stateMaxAgeMillis, eorDeferralMillis, shutdown, balance };
  return { config, report: { changed, needRestart } };
}

function isKey(key: string): key is keyof SpeakerConfig {
  return key in KEYS;
}
