import type { PeerAction } from "../bgp/fsm/session.ts";
import type { PeerSockets } from "./peer-sockets.ts";
import type { SessionTimers } from "./session-timers.ts";

const NAMES = { accept: true, refuse: true, send: true, close: true, setTimer: true, clearTimer: true } as const;

/** What the state machine asks of connections and timers: performed alike whoever's the session is. */
type LinkAction = Extract<PeerAction, { readonly name: keyof typeof NAMES }>;

export function isLinkAction(action: PeerAction): action is LinkAction {
  return Object.hasOwn(NAMES, action.name);
}

export function performLinkAction(action: LinkAction, sockets: PeerSockets, timers: SessionTimers): void {
  switch (action.name) {
    case "accept":
      sockets.accept();
      break;
    case "refuse":
      sockets.refuse();
      break;
    case "send":
      sockets.send(action.slot, action.message);
      break;
    case "close":
      sockets.close(action.slot, action.how);
      break;
    case "setTimer":
      timers.set(action, action.at);
      break;
    case "clearTimer":
      timers.clear(action);
      break;
  }
}
