import { assertNever } from "../../errors.ts";
import { stepActive } from "./active.ts";
import { stepConnect } from "./connect.ts";
import { stepEstablished } from "./established.ts";
import { stepIdle } from "./idle.ts";
import { stepOpenConfirm } from "./open-confirm.ts";
import { stepOpenSent } from "./open-sent.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionState, ConnectionStep } from "./state.ts";

/**
 * One event of one connection (RFC 4271 §8.2.2). Knows nothing of a second connection, of retries or of damping: those are the peer's
 * (`peer.ts`), which learns of an end through `ending`.
 */
export function step(state: ConnectionState, event: ConnectionEvent, context: ConnectionContext): ConnectionStep {
  switch (state.name) {
    case "Idle":
      return stepIdle(state, event, context);
    case "Connect":
      return stepConnect(state, event, context);
    case "Active":
      return stepActive(state, event, context);
    case "OpenSent":
      return stepOpenSent(state, event, context);
    case "OpenConfirm":
      return stepOpenConfirm(state, event, context);
    case "Established":
      return stepEstablished(state, event, context);
    default:
      return assertNever(state);
  }
}
