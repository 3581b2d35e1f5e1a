/**
 * A process that was busy or stopped finds its hold timer due and the peer's KEEPALIVE unread in the socket. Timers come before sockets in a turn of the
 * event loop, so input gets a whole turn before the timer counts, and more while a flood is being read in slices.
 */

import type { Clock } from "../clock.ts";

/** A flood that never ends keeps nobody waiting for ever. */
const LOOKS = 1000;

/** Calls `act` once what the sockets hold now has been read: `unread` says whether some of it still waits. */
export function onceRead(clock: Pick<Clock, "immediate">, unread: () => boolean, act: () => void, looks = LOOKS): void {
  afterWholeTurn(clock, () => {
    if (unread() && looks > 0) onceRead(clock, unread, act, looks - 1);
    else act();
  });
}

/** The first immediate may come before the sockets are looked at, the second cannot. */
function afterWholeTurn(clock: Pick<Clock, "immediate">, callback: () => void): void {
  clock.immediate(() => clock.immediate(callback));
}
