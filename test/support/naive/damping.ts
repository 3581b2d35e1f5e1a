/** From what is wanted to what is sent: checks 16 and 17, and weights that wait. */

import { comparePrefixes, type Prefix } from "../../../src/ip/prefix.ts";
import type { PlannerOptions } from "../../../src/plan/change.ts";
import type { WantedRoute } from "./attributes.ts";
import type { World } from "./world.ts";

const MINUTE = 60_000;
const FORGOTTEN_AFTER = 300_000;
const FIRST_DELAY = 5_000;
const LONGEST_DELAY = 60_000;

/** What is wanted for one prefix after checks 1 to 15. */
export interface Wanted {
  readonly prefix: Prefix;
  /** By peer name; at least one. */
  readonly routes: ReadonlyMap<string, WantedRoute>;
  /** Somebody else may carry the traffic meanwhile. */
  readonly elsewhere: boolean;
  /** RFC 3339 of the oldest owner, "" = the oldest of all. */
  readonly age: string;
}

/** The memory of one prefix that was withdrawn. */
interface Flapping {
  /** Within the last minute. */
  withdrawals: number[];
  lastWithdrawal: number;
  /** Milliseconds that the next announcement waits; 0 = none. */
  level: number;
  /** `pending` until the prefix is wanted again, then the moment it ends. */
  delay: null | "pending" | number;
}

/** The weight that a peer holds for a prefix. */
interface SentWeight {
  weight: number | null;
  transitive: boolean | null;
  /** null = before time was stated. */
  changedAt: number | null;
  wanted: number | null;
  quietSince: number | null;
}

export interface DampingState {
  /** By prefix key. */
  readonly flapping: Map<string, Flapping>;
  /** By prefix key and peer: exactly what is sent. */
  readonly sent: Map<string, Map<string, SentWeight>>;
}

export function calm(): DampingState {
  return { flapping: new Map(), sent: new Map() };
}

/** Check 16: keys of the prefixes that are held down now. */
export function heldPrefixes(state: DampingState, { facts: { now }, options }: World, wanted: ReadonlyMap<string, Wanted>): Set<string> {
  const held = new Set<string>();
  if (now === null || !options.damping.announceHoldDown) return held;
  for (const key of state.sent.keys()) {
    if (wanted.has(key)) continue;
    const old = state.flapping.get(key);
    const isForgotten = old === undefined || now - old.lastWithdrawal >= FORGOTTEN_AFTER;
    const withdrawals = [...(old?.withdrawals ?? []), now].filter((at) => at > now - MINUTE);
    const before = isForgotten ? 0 : old.level;
    const level = before > 0 ? Math.min(2 * before, LONGEST_DELAY) : withdrawals.length >= 3 ? FIRST_DELAY : 0;
    state.flapping.set(key, { withdrawals, lastWithdrawal: now, level, delay: level > 0 ? "pending" : null });
  }
  for (const [key, { elsewhere }] of wanted) {
    const flapping = state.flapping.get(key);
    if (flapping === undefined || flapping.delay === null) continue;
    if (flapping.delay === "pending") flapping.delay = now + flapping.level;
    if (!elsewhere || now >= flapping.delay) flapping.delay = null;
    else held.add(key);
  }
  return held;
}

/** Check 17: `peer prefixKey` of what exceeds the peer's limit. */
export function beyondLimit({ peers }: World, wanted: ReadonlyMap<string, Wanted>, held: ReadonlySet<string>): Set<string> {
  const beyond = new Set<string>();
  for (const p of peers) {
    const { name } = p.metadata;
    for (const family of ["IPv4", "IPv6"] as const) {
      const limit = family === "IPv4" ? p.announceLimit.ipv4 : p.announceLimit.ipv6;
      if (limit === null) continue;
      const excess = [...wanted.values()]
        .filter(({ prefix, routes }) => prefix.address.family === family && !held.has(prefix.key) && routes.has(name))
        .sort((x, y) => (x.age < y.age ? -1 : x.age > y.age ? 1 : comparePrefixes(x.prefix, y.prefix)))
        .slice(limit);
      for (const { prefix } of excess) beyond.add(`${name} ${prefix.key}`);
    }
  }
  return beyond;
}

/** Remembers what is sent from now on and says it: prefix and peer with the weight that goes out. */
export function sendRoutes(
  state: DampingState,
  { facts: { now }, options }: World,
  wanted: ReadonlyMap<string, Wanted>,
  isSent: (prefix: Prefix, peer: string) => boolean,
): { readonly prefix: Prefix; readonly peer: string; readonly route: WantedRoute }[] {
  const before = new Map(state.sent);
  state.sent.clear();
  const routes: { prefix: Prefix; peer: string; route: WantedRoute }[] = [];
  for (const [key, { prefix, routes: wishes }] of wanted) {
    const sent = new Map<string, SentWeight>();
    for (const [peer, wish] of wishes) {
      if (!isSent(prefix, peer)) continue;
      const weight = nextWeight(before.get(key)?.get(peer), wish, now, options);
      sent.set(peer, weight);
      routes.push({ prefix, peer, route: { ...wish, weight: weight.weight, transitive: weight.transitive } });
    }
    if (sent.size > 0) state.sent.set(key, sent);
  }
  return routes;
}

function nextWeight(
  old: SentWeight | undefined,
  { weight, transitive }: WantedRoute,
  now: number | null,
  { damping }: PlannerOptions,
): SentWeight {
  const fresh = { weight, transitive, changedAt: now, wanted: weight, quietSince: now };
  if (old === undefined || old.weight === null || weight === null || now === null) return fresh;
  const quietSince = weight === old.wanted ? old.quietSince : now;
  if (weight === old.weight) return { ...old, transitive, wanted: weight, quietSince };
  const isSmall = Math.abs(weight - old.weight) / old.weight < damping.weightTolerance;
  const isDue = now >= (old.changedAt ?? 0) + damping.weightHoldDownMillis || old.changedAt === null;
  const isQuiet = quietSince === null || now >= quietSince + MINUTE;
  return isDue && (isQuiet || !isSmall) ? { ...fresh, quietSince } : { ...old, wanted: weight, quietSince };
}

/** Moments at which something may be sent by waiting. */
export function dampingTimers({ flapping, sent }: DampingState, { damping }: PlannerOptions): number[] {
  const held = [...flapping.values()].flatMap(({ delay }) => (typeof delay === "number" ? [delay] : []));
  const weights = [...sent.values()].flatMap((peers) =>
    [...peers.values()].flatMap(({ weight, wanted, changedAt, quietSince }) =>
      weight === wanted ? [] : [(changedAt ?? 0) + damping.weightHoldDownMillis, (quietSince ?? 0) + MINUTE],
    ),
  );
  return [...held, ...weights];
}
