/**
 * One BFD session in asynchronous mode (RFC 5880 §6.8), without echo and without demand mode of ours. Pure: `stepBfd(session, event, now)` gives the
 * next session and what is to be sent or told. Timers are data: the shell calls with a `timer` event at the earlier of `transmitAt` and `detectAt`.
 */

import { type BfdPacket, type BfdState, DIAGNOSTIC } from "./packet.ts";

/** Milliseconds of a monotonic clock. */
type Millis = number;

export interface BfdSettings {
  /** Shortest interval at which we want to send. */
  readonly desiredMinTxMillis: Millis;
  /** Shortest interval at which we can receive. */
  readonly requiredMinRxMillis: Millis;
  /** Of our packets the peer may miss so many less one. */
  readonly multiplier: number;
  /** Sends nothing before the peer has sent (§6.1). */
  readonly passive: boolean;
}

/** The two intervals that a poll sequence agrees on (§6.8.3). */
interface Intervals {
  readonly txMillis: Millis;
  readonly rxMillis: Millis;
}

/** What the peer's newest packet said. */
interface Remote {
  readonly state: BfdState;
  readonly discriminator: number;
  readonly desiredMinTxMillis: Millis;
  readonly requiredMinRxMillis: Millis;
  readonly multiplier: number;
  readonly demand: boolean;
}

export interface BfdSession {
  readonly settings: BfdSettings;
  readonly state: BfdState;
  readonly diagnostic: number;
  /** Ours; not 0, unique among the sessions of the process. */
  readonly discriminator: number;
  readonly remote: Remote;
  /** What our packets say. */
  readonly advertised: Intervals;
  /** What is kept to: a longer transmit and a shorter receive interval wait for the end of the poll sequence (§6.8.3). */
  readonly inForce: Intervals;
  /** A poll sequence is under way (§6.5). */
  readonly polling: boolean;
  readonly sentAt: Millis;
  /** null = nothing is sent by itself. */
  readonly transmitAt: Millis | null;
  /** null = nothing was received since the session began, or since it was given up. */
  readonly detectAt: Millis | null;
  /** Of the jitter. */
  readonly seed: number;
}

export type BfdEvent =
  | { readonly name: "packet"; readonly packet: BfdPacket }
  | { readonly name: "timer" }
  | { readonly name: "configure"; readonly settings: BfdSettings }
  | { readonly name: "adminDown" }
  | { readonly name: "adminUp" };

/** Why a session changed its state. */
export type BfdCause = "detectionTimeExpired" | "neighborDown" | "neighborAdminDown" | "neighborUp" | "administrative";

export type BfdAction =
  | { readonly name: "send"; readonly packet: BfdPacket }
  | { readonly name: "state"; readonly from: BfdState; readonly to: BfdState; readonly cause: BfdCause };

export interface BfdStep {
  readonly session: BfdSession;
  readonly actions: readonly BfdAction[];
}

/** §6.8.3: while a session is not Up, nothing goes faster than this. */
const SLOW_MILLIS = 1000;
/** §6.8.1: what is assumed of a peer that has said nothing. */
const UNHEARD: Remote = {
  state: "Down",
  discriminator: 0,
  desiredMinTxMillis: 0,
  requiredMinRxMillis: 0.001,
  multiplier: 0,
  demand: false,
};

/** A session that is Down and sends its first packet at once, or waits where it is passive. */
export function initialBfd(settings: BfdSettings, discriminator: number, seed: number, now: Millis): BfdSession {
  const intervals = { txMillis: Math.max(SLOW_MILLIS, settings.desiredMinTxMillis), rxMillis: settings.requiredMinRxMillis };
  return {
    settings,
    state: "Down",
    diagnostic: DIAGNOSTIC.none,
    discriminator,
    remote: UNHEARD,
    advertised: intervals,
    inForce: intervals,
    polling: false,
    sentAt: Number.NEGATIVE_INFINITY,
    transmitAt: settings.passive ? null : now,
    detectAt: null,
    seed: seed >>> 0,
  };
}

/** §6.8.2: at what interval we send, before jitter; null = not at all. */
export function transmitInterval({ state, remote, inForce, settings, polling }: BfdSession): Millis | null {
  if (remote.requiredMinRxMillis === 0) return null;
  if (settings.passive && remote.discriminator === 0) return null;
  if (remote.demand && state === "Up" && remote.state === "Up" && !polling) return null;
  return Math.max(inForce.txMillis, remote.requiredMinRxMillis);
}

/** §6.8.4: how long nothing may be heard. */
export function detectionTime({ remote, inForce }: BfdSession): Millis {
  return remote.multiplier * Math.max(inForce.rxMillis, remote.desiredMinTxMillis);
}

export function stepBfd(session: BfdSession, event: BfdEvent, now: Millis): BfdStep {
  switch (event.name) {
    case "packet":
      return onPacket(session, event.packet, now);
    case "timer":
      return onTimer(session, now);
    case "configure":
      return advertise({ step: { session: { ...session, settings: event.settings }, actions: [] }, now });
    case "adminDown":
      return moved(session, "AdminDown", "administrative", DIAGNOSTIC.administrativelyDown, now);
    case "adminUp":
      return session.state === "AdminDown" ? moved(session, "Down", "administrative", DIAGNOSTIC.none, now) : { session, actions: [] };
  }
}

/** §6.8.6. */
function onPacket(before: BfdSession, packet: BfdPacket, now: Millis): BfdStep {
  if (before.state === "AdminDown") return { session: before, actions: [] };
  if (packet.yourDiscriminator !== 0 && packet.yourDiscriminator !== before.discriminator) return { session: before, actions: [] };
  const remote: Remote = {
    state: packet.state,
    discriminator: packet.myDiscriminator,
    desiredMinTxMillis: packet.desiredMinTxMicros / 1000,
    requiredMinRxMillis: packet.requiredMinRxMicros / 1000,
    multiplier: packet.multiplier,
    demand: packet.demand,
  };
  const polled = before.polling && packet.final;
  const heard: BfdSession = {
    ...before,
    remote,
    polling: before.polling && !packet.final,
    inForce: polled ? before.advertised : before.inForce,
  };
  const timed: BfdSession = { ...heard, detectAt: now + detectionTime(heard) };
  const { session, actions } = afterPacket(rescheduled(before, timed, now), packet.state, now);
  // The answer to a poll leaves at once, whatever the interval (§6.8.7).
  return packet.poll ? { session, actions: [...actions, send(session, { final: true })] } : { session, actions };
}

/** The state machine of §6.2. */
function afterPacket(session: BfdSession, received: BfdState, now: Millis): BfdStep {
  const { state } = session;
  if (received === "AdminDown") {
    if (state === "Down") return { session, actions: [] };
    return moved(session, "Down", "neighborAdminDown", DIAGNOSTIC.neighborSignaledDown, now);
  }
  if (state === "Down" && received === "Down") return moved(session, "Init", "neighborUp", session.diagnostic, now);
  if ((state === "Down" && received === "Init") || (state === "Init" && (received === "Init" || received === "Up"))) {
    return moved(session, "Up", "neighborUp", DIAGNOSTIC.none, now);
  }
  if (state === "Up" && received === "Down") return moved(session, "Down", "neighborDown", DIAGNOSTIC.neighborSignaledDown, now);
  return { session, actions: [] };
}

function onTimer(before: BfdSession, now: Millis): BfdStep {
  const { state, detectAt } = before;
  if (detectAt !== null && now >= detectAt) {
    // §6.8.1: a peer that was not heard for a detection time is forgotten.
    const forgotten: BfdSession = { ...before, remote: UNHEARD, detectAt: null, polling: false, inForce: before.advertised };
    if (state === "Init" || state === "Up") {
      return moved(forgotten, "Down", "detectionTimeExpired", DIAGNOSTIC.detectionTimeExpired, now);
    }
    return { session: rescheduled(before, forgotten, now), actions: [] };
  }
  if (before.transmitAt === null || now < before.transmitAt) return { session: before, actions: [] };
  return transmit({ session: before, actions: [] }, now);
}

/** A new state is told at once, and by a packet at once. */
function moved(before: BfdSession, to: BfdState, cause: BfdCause, diagnostic: number, now: Millis): BfdStep {
  const from = before.state;
  if (from === to) return { session: before, actions: [] };
  const session: BfdSession = { ...before, state: to, diagnostic };
  const told = advertise({ step: { session, actions: [{ name: "state", from, to, cause }] }, now });
  return transmitInterval(told.session) === null && to !== "AdminDown" ? told : transmit(told, now);
}

/** Takes what state and settings ask for into our packets; a change of what an Up session says starts a poll sequence (§6.8.3). */
function advertise({ step, now }: { readonly step: BfdStep; readonly now: Millis }): BfdStep {
  const { session } = step;
  const { settings, state, inForce } = session;
  const slow = state === "Up" ? 0 : SLOW_MILLIS;
  const advertised = { txMillis: Math.max(slow, settings.desiredMinTxMillis), rxMillis: settings.requiredMinRxMillis };
  const changed = advertised.txMillis !== session.advertised.txMillis || advertised.rxMillis !== session.advertised.rxMillis;
  const up = state === "Up";
  const next: BfdSession = {
    ...session,
    advertised,
    polling: up && (session.polling || changed),
    inForce: up
      ? { txMillis: Math.min(inForce.txMillis, advertised.txMillis), rxMillis: Math.max(inForce.rxMillis, advertised.rxMillis) }
      : advertised,
  };
  return { session: rescheduled(session, next, now), actions: step.actions };
}

function transmit({ session, actions }: BfdStep, now: Millis): BfdStep {
  const sent: BfdSession = { ...session, sentAt: now };
  return { session: scheduled(sent), actions: [...actions, send(session, {})] };
}

/** The next packet is due by what is in force now: after a change of the interval the old time means nothing. */
function rescheduled(before: BfdSession, session: BfdSession, now: Millis): BfdSession {
  const interval = transmitInterval(session);
  if (interval === null) return { ...session, transmitAt: null };
  if (session.transmitAt !== null && interval === transmitInterval(before) && before.settings.multiplier === session.settings.multiplier) {
    return session;
  }
  const next = scheduled(session);
  return next.transmitAt !== null && next.transmitAt < now ? { ...next, transmitAt: now } : next;
}

/** §6.8.7: 75 to 100 % of the interval after the last packet; 75 to 90 % where a single missed packet counts. */
function scheduled(session: BfdSession): BfdSession {
  const interval = transmitInterval(session);
  if (interval === null) return { ...session, transmitAt: null };
  const { value, seed } = draw(session.seed);
  const width = session.settings.multiplier === 1 ? 0.15 : 0.25;
  return { ...session, seed, transmitAt: session.sentAt + interval * (0.75 + width * value) };
}

function send(session: BfdSession, { final = false }: { readonly final?: boolean }): BfdAction {
  const { state, diagnostic, settings, discriminator, remote, advertised, polling } = session;
  const packet: BfdPacket = {
    diagnostic,
    state,
    // A packet has one of the two bits; the poll goes on with the next.
    poll: polling && !final,
    final,
    // Sessions end with the process that holds the BGP session too (RFC 5882 §4.1).
    controlPlaneIndependent: false,
    demand: false,
    multiplier: settings.multiplier,
    myDiscriminator: discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTxMicros: Math.round(advertised.txMillis * 1000),
    requiredMinRxMicros: Math.round(advertised.rxMillis * 1000),
    requiredMinEchoRxMicros: 0,
  };
  return { name: "send", packet };
}

/** Uniform in [0, 1): a whole generator in one number (mulberry32), so that a session steps the same way again. */
function draw(seed: number): { readonly value: number; readonly seed: number } {
  const state = (seed + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return { value: ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000, seed: state };
}
