/** How long things may take, in milliseconds of the world, and why. */

import { LINK_DELAY_MILLIS, RETRANSMIT_MILLIS } from "./network.ts";
import { WATCH_LAG_MILLIS } from "./simulated-source.ts";

/** Coalescing of changes (5 ms) and a turn or two of the event loop. */
const DECISION_MILLIS = 50;
/** A segment lost once; a dump through a window of 300 octets needs some round trips, each of which may lose one. */
const WIRE_MILLIS = 6 * (LINK_DELAY_MILLIS + RETRANSMIT_MILLIS);

/**
 * With API server, link, session and speaker in order, a router holds a false route for at most so long: the watches of two kinds that belong together
 * (a Service and its slices) may come one after the other.
 */
export const FALSE_ROUTE_MILLIS = 2 * WATCH_LAG_MILLIS + DECISION_MILLIS + WIRE_MILLIS;

/**
 * A route that is true is there after so long, with all in order: what a false route takes, a service proxy that is programmed late (1 s), a probe whose pause has
 * grown to its longest (5 s + 20 %) and whose answer was lost (2 s).
 */
export const LATE_ROUTE_MILLIS = FALSE_ROUTE_MILLIS + 1_000 + 6_000 + 2_000;

/** Hold-down of announcements grows to a minute (docs/semantics.md, "Damping"), and a router may have to be waited for before. */
export const HELD_ROUTE_MILLIS = LATE_ROUTE_MILLIS + 60_000;

/**
 * Whatever happens to speakers, routers and links, a route through a node that no speaker stands for any more goes: the hold time (30 s at most) ends the
 * session, or the restart time (20 s) the wait for the speaker. A connection that came up only to be lost again begins one wait anew. So does a peer that is
 * switched off while its session is replaced with Graceful Restart: there is no connection to tell the router over (docs/restart.md).
 */
export const LEFT_ROUTE_MILLIS = 2 * (30_000 + 20_000) + FALSE_ROUTE_MILLIS;

/**
 * A session that ends was given a reason at most so long ago: the hold time, and the backlog of a link that was cut.
 */
export const CAUSE_MILLIS = 30_000 + 5_000;

/** SIGTERM to the end: patience of 0.7 s for withdrawals, a second for sockets to end, and the turns between. */
export const STOP_MILLIS = 2_000;

/** After the last fault: the longest retry and dial of a session, and the routes. */
export const QUIET_MILLIS = 20_000 + LATE_ROUTE_MILLIS;

/** The same where announcements are held down, or small changes of a weight wait: for a minute at most. */
export const DAMPED_MILLIS = QUIET_MILLIS + 60_000;

/** A router that found too many prefixes is left alone for so long, and what is dialled then (src/bgp/fsm/damping.ts). */
export const REFUSED_MILLIS = 60_000 + 15_000;

/** A drain announces with GRACEFUL_SHUTDOWN for so long before it withdraws (`drain.gracePeriod`). */
export const GRACE_MILLIS = 5_000;

/**
 * From a change of what is announced to the state file that says so: a write starts half a second after the one before at the latest, takes its time, and one may be
 * under way. Docs: within a second.
 */
export const WRITE_LAG_MILLIS = 1_000;

/** The same from what is wanted: a drain's routes are announced for the grace period longer. */
export const STATE_LAG_MILLIS = WRITE_LAG_MILLIS + GRACE_MILLIS;

/** A speaker that is back dials at once, and again after 1, 2, 4 s: until then the router must have its session. */
export const RESTART_SETTLED_MILLIS = 10_000;

/** A router may wait for the OPEN of a node that lost its power (RFC 4271 §8.2.2: 4 minutes); a speaker that only takes calls cannot end that. */
export const OPEN_SENT_MILLIS = 240_000;

/** From Established to End-of-RIB whatever is not known yet: restart time (20 s) − 10 s; less what the OPENs' way takes. */
export const DEFERRAL_MILLIS = 10_000 - 2_000;

/** Timers of a speaker: up to a dozen per session and connection, and those of probes, planning and files. */
export const MOST_TIMERS = 80;
/** Octets that a slow router leaves unsent: one buffer of routes, and a message or two that pass it. */
export const MOST_UNSENT_OCTETS = 64 * 1024 + 2 * 4096;
/** Connections of a speaker: two per router while they collide, and as many that linger. */
export const MOST_STREAMS_PER_ROUTER = 6;
