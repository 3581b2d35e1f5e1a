/** What people are shown about a session: its state and since when, its last fault, and log lines that do not repeat themselves. */

import type { Negotiated, PeerAction, SessionError, StateName } from "../bgp/fsm/session.ts";
import type { UpdateMessage } from "../bgp/wire/messages.ts";
import type { Clock } from "../clock.ts";
import type { Address } from "../ip/address.ts";
import { formatRouterId } from "../ip/router-id.ts";
import type { Log } from "../log.ts";

export interface LastError extends SessionError {
  readonly at: Date;
}

export type SessionHappening = "sessionUp" | "sessionDown" | "sessionError" | "sessionHeld";

export interface PeerStatusPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** For the timeline. */
  happened(peer: string, kind: SessionHappening, text: string): void;
}

/** An error that repeats at every retry is logged again after this long. */
const REPEAT_MILLIS = 60_000;
/** Changes among these are the everyday life of a peer that does not answer. */
const QUIET_STATES: ReadonlySet<StateName> = new Set(["Idle", "Connect", "Active"]);

export class PeerStatus {
  readonly #name: string;
  readonly #ports: PeerStatusPorts;
  #state: StateName = "Idle";
  #since: Date;
  #lastError: LastError | null = null;
  #negotiated: Negotiated | null = null;
  #localAddress: Address | null = null;
  #flaps = 0;
  #lastLogged = { text: "", at: Number.NEGATIVE_INFINITY };

  constructor(name: string, ports: PeerStatusPorts) {
    this.#name = name;
    this.#ports = ports;
    this.#since = ports.clock.wall();
  }

  /** That of the furthest of its connections. */
  get state(): StateName {
    return this.#state;
  }

  /** When it came into `state`. */
  get since(): Date {
    return this.#since;
  }

  get lastError(): LastError | null {
    return this.#lastError;
  }

  /** What the OPENs of the newest session said; kept while it is down. */
  get negotiated(): Negotiated | null {
    return this.#negotiated;
  }

  /** Our end of the newest session. */
  get localAddress(): Address | null {
    return this.#localAddress;
  }

  get flaps(): number {
    return this.#flaps;
  }

  /** `state`: what is shown after it. */
  transition({ slot, from, to, why }: Extract<PeerAction, { readonly name: "transition" }>, state: StateName): void {
    const quiet = QUIET_STATES.has(from) && QUIET_STATES.has(to);
    this.#ports.log({ event: quiet ? "peer.retry" : "peer.transition", peer: this.#name, slot, from, to, why });
    if (state === this.#state) return;
    this.#state = state;
    this.#since = this.#ports.clock.wall();
  }

  established(negotiated: Negotiated, localAddress: Address): void {
    this.#negotiated = negotiated;
    this.#localAddress = localAddress;
    const { families, holdTimeSeconds, peerRouterId } = negotiated;
    this.#ports.log({ event: "peer.established", peer: this.#name, families, holdTimeSeconds, peerRouterID: formatRouterId(peerRouterId) });
    this.#ports.happened(this.#name, "sessionUp", `session established for ${families.join(" and ")}`);
  }

  down(why: string): void {
    this.#flaps++;
    this.#ports.log({ event: "peer.down", peer: this.#name, why });
    this.#ports.happened(this.#name, "sessionDown", `session ended: ${why}`);
  }

  error(error: SessionError): void {
    this.#lastError = { ...error, at: this.#ports.clock.wall() };
    const { direction, code, subcode, text } = error;
    if (!this.#isNew(`error ${direction} ${code} ${subcode} ${text}`)) return;
    this.#ports.log({ event: "peer.error", peer: this.#name, direction, code, subcode, text });
    this.#ports.happened(this.#name, "sessionError", text);
  }

  /** No session is sought, and why. */
  held(why: string): void {
    this.#lastError = { direction: "local", code: 0, subcode: 0, text: why, notification: null, at: this.#ports.clock.wall() };
    this.#ports.log({ event: "peer.held", peer: this.#name, why });
    this.#ports.happened(this.#name, "sessionHeld", why);
  }

  /** The fault that held it down is mended. */
  released(): void {
    this.#lastError = null;
  }

  /** An UPDATE with errors that did not end the session (RFC 7606). Whoever is wrong once is wrong in every UPDATE: the counters know the rest. */
  updateFault(update: UpdateMessage): void {
    const [fault] = update.faults;
    if (fault === undefined || !this.#isNew(`update ${fault.attribute} ${fault.severity}`)) return;
    this.#ports.log({ event: "peer.updateFault", peer: this.#name, action: update.action, message: fault.message });
  }

  #isNew(text: string): boolean {
    const now = this.#ports.clock.now();
    if (this.#lastLogged.text === text && now - this.#lastLogged.at < REPEAT_MILLIS) return false;
    this.#lastLogged = { text, at: now };
    return true;
  }
}
