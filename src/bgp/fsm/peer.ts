/**
 * One peer: up to two connections, the choice between them, and when to dial again. Everything that happens goes through {@link stepPeer};
 * the same state, event and time give the same result, chance included, because the generator's state is part of the peer's.
 *
 * The outgoing slot stands for the peer's policy while nothing is connected: Active waits for `connectRetry` (or, passive, for the peer),
 * Idle for `idleHold`. The incoming slot is Idle unless the peer has opened a connection. A connection the peer opens ends an `idleHold`:
 * a router that comes back is not kept waiting.
 */

import { assertNever } from "../../errors.ts";
import { openOf } from "./capability-offer.ts";
import { staysStopped } from "./cease.ts";
import { arbitrate } from "./collision.ts";
import { step } from "./connection.ts";
import type { RetryPolicy } from "./damping.ts";
import { dampedWait, FIRST_DIAL_MILLIS, FRESH_POLICY, policyWhenEstablished, retryMillis, waitAfter } from "./damping.ts";
import type { Draws, Seed } from "./jitter.ts";
import { drawsFrom } from "./jitter.ts";
import { acceptsAsn, exchangedGracefulRestart, keepaliveMillis } from "./negotiation.ts";
import type { Millis, PeerAction, PeerEvent, PeerTimer, SessionSettings, Slot, StateName, StopCause } from "./session.ts";
import { STATE_NAMES } from "./session.ts";
import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionState,
  ConnectionStep,
  Ending,
  EstablishedState,
  OpenConfirmState,
} from "./state.ts";
import { ACTIVE, IDLE } from "./state.ts";
import { sendHoldMillis, setKeepalive, setTimer } from "./timers.ts";

/** Plain data; a new one comes out of every step. */
export interface PeerState {
  readonly settings: SessionSettings;
  readonly started: boolean;
  readonly outgoing: ConnectionState;
  readonly incoming: ConnectionState;
  /** The one timer of the peer that is running. */
  readonly waiting: PeerTimer | null;
  readonly policy: RetryPolicy;
  /** No session was Established since the process started: the R bit of RFC 4724 §3. */
  readonly restarting: boolean;
  readonly seed: Seed;
}

export interface PeerStep {
  readonly state: PeerState;
  /** To be performed in order. */
  readonly actions: readonly PeerAction[];
}

/** How long the connection kept in a collision may go without its OPEN: the peer has just proven to be alive on the other one. */
const KEPT_OPEN_SENT_MILLIS: Millis = 30_000;

/** A peer that was not started. `seed` decides every chance of its life. */
export function initialPeer(settings: SessionSettings, seed: Seed): PeerState {
  return {
    settings,
    started: false,
    outgoing: IDLE,
    incoming: IDLE,
    waiting: null,
    policy: FRESH_POLICY,
    restarting: true,
    seed: seed >>> 0,
  };
}

/** One event at monotonic time `now`. Never throws for anything a peer or the network does. */
export function stepPeer(state: PeerState, event: PeerEvent, now: Millis): PeerStep {
  const draft: Draft = { ...state, now, draws: drawsFrom(state.seed), actions: [] };
  handle(draft, event);
  keepTrying(draft);
  const { now: _, draws, actions, ...rest } = draft;
  return { state: { ...rest, seed: draws.seed() }, actions };
}

/** The peer's state for people: that of its more advanced connection. */
export function peerStateName(state: PeerState): StateName {
  return STATE_NAMES.indexOf(state.incoming.name) > STATE_NAMES.indexOf(state.outgoing.name) ? state.incoming.name : state.outgoing.name;
}

/** The next state while it is being made: lives no longer than one step. */
type Draft = { -readonly [Key in keyof PeerState]: PeerState[Key] } & {
  readonly now: Millis;
  readonly draws: Draws;
  readonly actions: PeerAction[];
};

function handle(draft: Draft, event: PeerEvent): void {
  switch (event.name) {
    case "start":
      onStart(draft);
      break;
    case "stop":
      onStop(draft, event.cause);
      break;
    case "configure":
      onConfigure(draft, event.settings);
      break;
    case "timer":
      if (event.slot === null) onPeerTimer(draft, event.timer);
      else stepSlot(draft, event.slot, event);
      break;
    case "tcpConnected":
      if (event.slot === "incoming") onCaller(draft);
      else stepSlot(draft, event.slot, event);
      break;
    case "tcpFailed":
    case "tcpClosed":
    case "message":
    case "wireError":
    case "updatesSent":
    case "sendProgress":
      stepSlot(draft, event.slot, event);
      break;
    default:
      assertNever(event);
  }
}

/** ManualStart (1), passive or not (4). Ends a wait for IdleHoldTimer; ignored while something is going on (RFC 4271 §8.2.2). */
function onStart(draft: Draft): void {
  if (draft.started && draft.waiting !== "idleHold") return;
  draft.started = true;
  draft.policy = FRESH_POLICY;
  stopWaiting(draft);
  if (draft.outgoing.name === "Idle" && isQuiet(draft.incoming)) stepSlot(draft, "outgoing", { name: "wait" });
}

function onStop(draft: Draft, cause: StopCause): void {
  if (!draft.started) return;
  draft.started = !staysStopped(cause.reason);
  stopWaiting(draft);
  stopBoth(draft, cause);
  if (cause.reason !== "prefixLimit") {
    draft.policy = FRESH_POLICY;
    return;
  }
  const { policy, millis } = dampedWait(draft.policy, draft.now);
  draft.policy = policy;
  startWaiting(draft, "idleHold", millis);
}

function stopBoth(draft: Draft, cause: StopCause): void {
  stepSlot(draft, "outgoing", { name: "stop", cause });
  stepSlot(draft, "incoming", { name: "stop", cause });
}

/** What an OPEN says cannot change under a session: it is reset, without a NOTIFICATION where Graceful Restart keeps the routes meanwhile. */
function onConfigure(draft: Draft, settings: SessionSettings): void {
  const before = draft.settings;
  draft.settings = settings;
  if (settings.passive && draft.waiting === "connectRetry") stopWaiting(draft);
  for (const slot of ["outgoing", "incoming"] as const) {
    const connection = draft[slot];
    if (connection.name !== "OpenSent" && connection.name !== "OpenConfirm" && connection.name !== "Established") continue;
    const negotiated = connection.name === "OpenSent" ? null : connection.negotiated;
    if (!saysTheSame(before, settings) || (negotiated !== null && !acceptsAsn(settings, negotiated.peerAsn))) {
      const graceful = connection.name === "Established" && exchangedGracefulRestart(connection.negotiated);
      stepSlot(draft, slot, { name: "stop", cause: { reason: graceful ? "silent" : "configChange", text: "" } });
    } else if (connection.name !== "OpenSent" && connection.negotiated.holdTimeSeconds > 0) {
      rearm(draft, slot, connection, before);
    }
  }
}

/** Timers that changed run anew by what they are now. */
function rearm(draft: Draft, slot: Slot, connection: OpenConfirmState | EstablishedState, before: SessionSettings): void {
  const { settings } = draft;
  const { holdTimeSeconds, keepaliveMillis: old } = connection.negotiated;
  const millis = keepaliveMillis(settings, holdTimeSeconds);
  if (millis !== old) {
    const changed = { ...connection, negotiated: { ...connection.negotiated, keepaliveMillis: millis } };
    draft[slot] = changed;
    draft.actions.push(setKeepalive(contextOf(draft, slot), changed.negotiated));
  }
  const sendHold = sendHoldMillis(settings, holdTimeSeconds);
  if (connection.name === "Established" && sendHold !== sendHoldMillis(before, holdTimeSeconds))
    draft.actions.push(setTimer(contextOf(draft, slot), "sendHold", sendHold));
}

/** Both settings lead to the same OPEN, whatever R and F bits the moment asks for. */
function saysTheSame(one: SessionSettings, other: SessionSettings): boolean {
  return JSON.stringify(openOf(one, false)) === JSON.stringify(openOf(other, false));
}

/** ConnectRetryTimer_Expires (9), IdleHoldTimer_Expires (13). */
function onPeerTimer(draft: Draft, timer: PeerTimer): void {
  // Cleared while it was on its way.
  if (draft.waiting !== timer) return;
  draft.waiting = null;
  if (!draft.settings.passive) stepSlot(draft, "outgoing", { name: "dial" });
  else if (draft.outgoing.name === "Idle") stepSlot(draft, "outgoing", { name: "wait" });
}

/** The peer opened a connection (16, 17). The slot may hold an older one, which only a peer that has lost it would leave behind. */
function onCaller(draft: Draft): void {
  const older = draft.incoming;
  // One that proceeds is kept; a session is given up for a newcomer only as RFC 4724 §4.2 has it.
  const refused =
    !draft.started || older.name === "OpenConfirm" || (older.name === "Established" && !exchangedGracefulRestart(older.negotiated));
  if (refused) {
    draft.actions.push({ name: "refuse" });
    return;
  }
  if (older.name === "Established") stepSlot(draft, "incoming", { name: "superseded" });
  else if (older.name === "OpenSent") stepSlot(draft, "incoming", { name: "collisionDump" });
  if (draft.waiting === "idleHold") {
    stopWaiting(draft);
    if (draft.outgoing.name === "Idle") stepSlot(draft, "outgoing", { name: "wait" });
    if (!draft.settings.passive) startWaiting(draft, "connectRetry", retryMillis(draft.policy, draft.draws));
  }
  stepSlot(draft, "incoming", { name: "wait" });
  stepSlot(draft, "incoming", { name: "tcpConnected" });
}

function stepSlot(draft: Draft, slot: Slot, event: ConnectionEvent): void {
  const before = draft[slot];
  const result = step(before, event, contextOf(draft, slot));
  if (result.state.name === "OpenConfirm" && before.name === "OpenSent" && !survivesCollision(draft, slot, result.state)) return;
  if (result.state.name === "Established" && before.name !== "Established") {
    // RFC 4724 §4.2: the session this one replaces, if any, ends without a word.
    if (draft[otherOf(slot)].name === "Established") stepSlot(draft, otherOf(slot), { name: "superseded" });
    draft.restarting = false;
    draft.policy = policyWhenEstablished(draft.policy);
  }
  take(draft, slot, result);
}

/** Runs before the KEEPALIVE that answers the OPEN is sent. False when it is this connection that had to go. */
function survivesCollision(draft: Draft, slot: Slot, confirmed: OpenConfirmState): boolean {
  const other = otherOf(slot);
  switch (arbitrate(draft.settings, slot, confirmed.negotiated, draft[other])) {
    case "keepBoth":
      return true;
    case "closeOther":
      stopWaiting(draft);
      stepSlot(draft, other, { name: "collisionDump" });
      return true;
    case "closeThis":
      hurry(draft, other);
      stepSlot(draft, slot, { name: "collisionDump" });
      return false;
  }
}

/** Once: a peer that calls again and again must not lengthen the wait for one whose other connection leads nowhere any more. */
function hurry(draft: Draft, kept: Slot): void {
  const state = draft[kept];
  if (state.name !== "OpenSent" || state.kept === true) return;
  draft[kept] = { ...state, kept: true };
  draft.actions.push(setTimer(contextOf(draft, kept), "hold", KEPT_OPEN_SENT_MILLIS));
}

function take(draft: Draft, slot: Slot, { state, actions, ending }: ConnectionStep): void {
  const wasEstablished = draft[slot].name === "Established";
  draft[slot] = state;
  draft.actions.push(...actions);
  if (ending !== null && ending.kind !== "ours") onEnding(draft, slot, ending, wasEstablished);
}

/** A connection ended by itself. While the other one lives, or is being dialled, nothing needs to be planned. */
function onEnding(draft: Draft, slot: Slot, ending: Ending, wasEstablished: boolean): void {
  if (!draft.started || !isQuiet(draft[otherOf(slot)])) return;
  const { policy, millis, damped } = waitAfter(draft.policy, ending, wasEstablished, draft.now, draft.draws);
  draft.policy = policy;
  if (damped) {
    stopWaiting(draft);
    restOutgoing(draft, "waiting: the router refuses this session");
    startWaiting(draft, "idleHold", millis);
  } else if (draft.waiting === null && !(draft.settings.passive && draft.outgoing.name === "Active")) {
    startWaiting(draft, draft.outgoing.name === "Active" ? "connectRetry" : "idleHold", millis);
  }
}

/** Started means that something is under way or a timer leads there: this is the only place that could forget it. */
function keepTrying(draft: Draft): void {
  const { outgoing, incoming, settings } = draft;
  if (!draft.started || draft.waiting !== null || !isQuiet(outgoing) || !isQuiet(incoming)) return;
  if (settings.passive && outgoing.name === "Active") return;
  startWaiting(draft, outgoing.name === "Active" ? "connectRetry" : "idleHold", Math.round(FIRST_DIAL_MILLIS * draft.draws.next()));
}

/** No TCP connection and none on its way. */
function isQuiet(connection: ConnectionState): boolean {
  return connection.name === "Idle" || connection.name === "Active";
}

function restOutgoing(draft: Draft, why: string): void {
  if (draft.outgoing.name !== ACTIVE.name) return;
  draft.outgoing = IDLE;
  draft.actions.push({ name: "transition", slot: "outgoing", from: "Active", to: "Idle", why });
}

function startWaiting(draft: Draft, timer: PeerTimer, millis: Millis): void {
  draft.waiting = timer;
  draft.actions.push({ name: "setTimer", slot: null, timer, at: draft.now + millis });
}

function stopWaiting(draft: Draft): void {
  if (draft.waiting === null) return;
  draft.actions.push({ name: "clearTimer", slot: null, timer: draft.waiting });
  draft.waiting = null;
}

function contextOf(draft: Draft, slot: Slot): ConnectionContext {
  const { settings, now, draws, restarting } = draft;
  const { refusals, silences } = draft.policy;
  return { slot, settings, now, draws, restarting, refusals, silences };
}

function otherOf(slot: Slot): Slot {
  return slot === "outgoing" ? "incoming" : "outgoing";
}
