/** Words for people whose session does not come up: what happened and what to check, in terms of the router's and our own settings. */

import type { NotificationMessage } from "../wire/messages.ts";
import { describeNotification, hardResetInner } from "../wire/notification.ts";
import type { SessionSettings } from "./session.ts";
import type { ConnectionContext } from "./state.ts";

/** From this many refusals in a row on, a second speaker is the likeliest cause. */
const SUSPICIOUS_REFUSALS = 3;

const OTHER_SPEAKER = "again and again: another speaker on this address may hold the session";

/** What a NOTIFICATION from the router means for the one who has to mend it. */
export function receivedWords(notification: NotificationMessage, context: ConnectionContext): string {
  const { code, subcode } = hardResetInner(notification) ?? notification;
  const said = describeNotification(notification);
  const hint = HINTS[`${code}/${subcode}`]?.(context.settings) ?? "";
  const repeated = isRefusal(code, subcode) && context.refusals + 1 >= SUSPICIOUS_REFUSALS;
  return [said, hint, repeated ? OTHER_SPEAKER : ""].filter((part) => part !== "").join(": ");
}

/** True for NOTIFICATIONs by which a router turns a connection away: rejected, collision. */
export function isRefusal(code: number, subcode: number): boolean {
  return code === 6 && (subcode === 5 || subcode === 7);
}

/** The dial got no answer at all. A wrong TCP MD5 key and a TTL that is too low are silent by design (RFC 2385 §2.0, RFC 5082 §3). */
export function dialTimeoutWords(settings: SessionSettings): string {
  return `no answer within ${settings.connectTimeSeconds} s: check the address, a firewall on TCP 179, the password (a wrong one is never answered) and TTL security`;
}

/** The dial was answered by an error of the network or of the router. */
export function dialFailedWords(why: string): string {
  if (/refused|reset/i.test(why)) return `${why}: is BGP enabled on the router, and this node's address configured as its neighbor?`;
  if (/unreach|no route/i.test(why)) return `${why}: check the route to the router and the source address`;
  return why;
}

/** TCP ended before the router's OPEN. */
export function closedInOpenSentWords(why: string, refusals: number): string {
  if (why.includes("timed out")) return "the router did not acknowledge our OPEN: check TTL security on both sides and firewalls between";
  const repeated = refusals + 1 >= SUSPICIOUS_REFUSALS ? `, ${OTHER_SPEAKER}` : "";
  return `the router closed the connection without an OPEN (${why}): it may not know this node's address${repeated}`;
}

/** TCP ended under a session. The kernel gives up where its patience with unacknowledged data, or with a window that stays shut, has an end (RFC 5482). */
export function closedInSessionWords(why: string): string {
  if (why.includes("timed out"))
    return `the router has acknowledged nothing from us for too long (${why}): check firewalls on the way to it, and its BGP daemon`;
  return `the connection was closed (${why})`;
}

/** TCP is up and nothing came: a kernel accepts connections that its daemon has not seen yet. */
export function silentInOpenSentWords(): string {
  return "the router took the connection and sent no OPEN: is its BGP daemon stopped or busy?";
}

const HINTS: Readonly<Record<string, (settings: SessionSettings) => string>> = {
  "2/1": () => "the router does not speak BGP version 4 with us",
  "2/2": ({ localAsn }) =>
    `the router expects another AS number for this node: it refused ${localAsn}, check myASN here and remote-as there`,
  "2/3": () => "the router refuses our BGP identifier: another node may have the same routerID",
  "2/4": () => "the router does not take optional parameters: omit capabilities with omitCapabilities",
  "2/5": () => "the router asks for an authentication that BGP no longer has",
  "2/6": ({ holdTimeSeconds }) => `the router refuses our hold time of ${holdTimeSeconds} s: raise holdTime or lower the router's minimum`,
  "2/7": () => "the router requires a capability that we do not offer, or refuses one of ours: compare families, see omitCapabilities",
  "2/11": ({ role }) => `the router's BGP role does not fit ours (${role ?? "none"}): check role on both sides`,
  "3/11": () => "the router refuses our AS_PATH: with a local AS that differs from remote-as there, check enforce-first-as",
  "4/0": () => "the router heard nothing from us for its hold time",
  "6/1": () => "we announce more prefixes than the router's limit: raise maximum-prefix there or announce less",
  "6/2": () => "the session is shut down on the router",
  "6/3": () => "the router no longer has this node as a neighbor",
  "6/4": () => "the session was reset on the router",
  "6/5": () =>
    "the router takes no connection from this address: check the neighbor's address, update-source and listen range there; is another speaker on this address?",
  "6/6": () => "the router's configuration changed",
  "6/7": () => "the router kept another connection: where it is not ours, is another speaker on this address?",
  "6/8": () => "the router is out of resources",
  "6/10": () => "the router's BFD session to this node is down",
  "8/0": () => "the router could not send to us for its send hold time",
};
