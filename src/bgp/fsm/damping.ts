/**
 * When to dial again (RFC 4271 §8.1.1, DampPeerOscillations, with our own numbers). A router that reboots must be back in seconds, so an
 * ordinary failure waits 1 s, doubling to 10 s. Only refusals that will repeat until a person mends a configuration wait longer: 60 s,
 * doubling to 300 s, forgotten after 300 quiet seconds. Everything is spread by chance, so that nodes do not dial in step.
 */

import { isRefusal } from "./advice.ts";
import type { Draws } from "./jitter.ts";
import { spread } from "./jitter.ts";
import type { Millis } from "./session.ts";
import type { Ending } from "./state.ts";

export const RETRY = { firstMillis: 1000, longestMillis: 10_000, low: 0.75, high: 1.25 } as const;
export const DAMPING = { firstMillis: 60_000, longestMillis: 300_000, forgetMillis: 300_000 } as const;
/** The first dial after a start: at once, spread over a fifth of a second. */
export const FIRST_DIAL_MILLIS: Millis = 200;

export interface RetryPolicy {
  /** Connections in a row that ended before Established (ConnectRetryCounter). */
  readonly attempts: number;
  /** Those of them the router turned away without a reason that names a setting. */
  readonly refusals: number;
  /** Those of them on which the router said nothing until the hold timer ran out. */
  readonly silences: number;
  /** The last damping wait, which decides how long the next one is. */
  readonly damping: { readonly millis: Millis; readonly until: Millis } | null;
}

export const FRESH_POLICY: RetryPolicy = { attempts: 0, refusals: 0, silences: 0, damping: null };

export interface Wait {
  readonly policy: RetryPolicy;
  readonly millis: Millis;
  readonly damped: boolean;
}

/** The wait that follows the end of a connection; `established` when a session was up on it. */
export function waitAfter(policy: RetryPolicy, ending: Ending, established: boolean, now: Millis, draws: Draws): Wait {
  const counted = established
    ? { ...policy, attempts: 0, refusals: 0, silences: 0 }
    : {
        ...policy,
        refusals: policy.refusals + (turnedAway(ending) ? 1 : 0),
        silences: policy.silences + (ending.kind === "silent" ? 1 : 0),
      };
  if (willRepeat(ending)) return dampedWait(counted, now);
  return { policy: { ...counted, attempts: counted.attempts + 1 }, millis: retryMillis(counted, draws), damped: false };
}

/** A damping wait: longer than the last one, unless that is long over or still going on (a peer that dials us during it must not lengthen it). */
export function dampedWait(policy: RetryPolicy, now: Millis): Wait {
  const last = policy.damping;
  let millis: Millis = DAMPING.firstMillis;
  if (last !== null && now < last.until) millis = last.millis;
  else if (last !== null && now - last.until <= DAMPING.forgetMillis) millis = Math.min(DAMPING.longestMillis, 2 * last.millis);
  return { policy: { ...policy, attempts: policy.attempts + 1, damping: { millis, until: now + millis } }, millis, damped: true };
}

/** 1, 2, 4, 8, 10, 10, ... s, each ±25 %. */
export function retryMillis(policy: RetryPolicy, draws: Draws): Millis {
  return spread(draws, Math.min(RETRY.longestMillis, RETRY.firstMillis * 2 ** Math.min(policy.attempts, 10)), RETRY.low, RETRY.high);
}

/** The session came up: the next loss starts from the shortest wait. Damping is remembered: it may have come up only to be refused again. */
export function policyWhenEstablished(policy: RetryPolicy): RetryPolicy {
  return { ...policy, attempts: 0, refusals: 0, silences: 0 };
}

/** OPEN errors either way, Cease 1 and 5. Not a version error received: RFC 4271 §8.2.2 exempts it (event 24). */
function willRepeat(ending: Ending): boolean {
  if (ending.kind !== "notification") return false;
  const { code, subcode, direction } = ending;
  if (code === 2) return direction === "sent" || subcode !== 1;
  return code === 6 && (subcode === 1 || subcode === 5);
}

function turnedAway(ending: Ending): boolean {
  return (
    ending.kind === "closed" ||
    (ending.kind === "notification" && ending.direction === "received" && isRefusal(ending.code, ending.subcode))
  );
}
