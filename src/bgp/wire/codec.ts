import { assertNever, WireError } from "../../errors.ts";
import { HEADER_ERROR, MESSAGE_TYPE, messageTypeName } from "./iana.ts";
import { encodeKeepalive } from "./keepalive.ts";
import type { Frame, KeepaliveMessage, Message, NotificationMessage, OpenMessage, RouteRefreshMessage, UpdateContext } from "./messages.ts";
import { decodeNotification, encodeNotification } from "./notification.ts";
import { decodeOpen, encodeOpen } from "./open.ts";
import { decodeRouteRefresh, encodeRouteRefresh } from "./route-refresh.ts";
import { decodeUpdate } from "./update.ts";

/** Before the OPENs are exchanged; an UPDATE that comes then is an FSM error whatever it says. */
export const INITIAL_CONTEXT: UpdateContext = { asn4: false, ibgp: false, families: ["IPv4"], extendedNextHop: false };

/** What a frame says. @throws {WireError} severity reset, with the NOTIFICATION to answer. */
export function decodeMessage(frame: Frame, context: UpdateContext): Message {
  switch (frame.type) {
    case MESSAGE_TYPE.open:
      return decodeOpen(frame.body);
    case MESSAGE_TYPE.update:
      return decodeUpdate(frame.body, context);
    case MESSAGE_TYPE.notification:
      return decodeNotification(frame.body);
    case MESSAGE_TYPE.keepalive:
      return { name: "keepalive" };
    case MESSAGE_TYPE.routeRefresh:
      return decodeRouteRefresh(frame.body);
    default:
      throw new WireError(HEADER_ERROR.badType, `unknown ${messageTypeName(frame.type)}`, { data: Uint8Array.of(frame.type) });
  }
}

/** Messages whose octets do not depend on the session. UPDATEs are written by `encodeUpdate` and `update-frames.ts`. */
export type ControlMessage = OpenMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;

/** The whole message with its header. */
export function encodeMessage(message: ControlMessage): Uint8Array {
  switch (message.name) {
    case "open":
      return encodeOpen(message);
    case "notification":
      return encodeNotification(message);
    case "keepalive":
      return encodeKeepalive();
    case "routeRefresh":
      return encodeRouteRefresh(message);
    default:
      return assertNever(message);
  }
}
