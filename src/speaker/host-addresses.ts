import { networkInterfaces } from "node:os";
import type { Clock } from "../clock.ts";

/** What was read may be so old when an address is found in it. */
const FRESH_MILLIS = 5000;

/** Addresses of this host as texts, as formatAddress writes them. @throws {Error} of the system, out of descriptors for one */
export type ReadAddresses = () => Iterable<string>;

/** Those of the interfaces that are up. */
export const readHostAddresses: ReadAddresses = () =>
  Object.values(networkInterfaces()).flatMap((entries = []) => entries.map(({ address }) => address));

/** Reading them takes the longer the more interfaces there are, and a node may have one for every pod: so they are not read for every question. */
export class HostAddresses {
  readonly #clock: Clock;
  readonly #read: ReadAddresses;
  #known: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, read: ReadAddresses) {
    this.#clock = clock;
    this.#read = read;
  }

  /** True when the host has it, or had it a few seconds ago; false is never said from before `since` (monotonic milliseconds). */
  has(address: string, since: number): boolean {
    const now = this.#clock.now();
    const isFresh = now - this.#readAt < FRESH_MILLIS;
    if (!isFresh || (!this.#known.has(address) && this.#readAt < since)) {
      try {
        this.#known = new Set(this.#read());
      } catch {
        // Not known is no reason to say that the address is elsewhere, which would open a gate: then it is asked, and says so itself.
        return true;
      }
      this.#readAt = now;
    }
    return this.#known.has(address);
  }
}
