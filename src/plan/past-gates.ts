/** A gate withdraws nothing: what it let through before stays past it, whichever advertisement asks for it now. */

import { type Advertisement, selectsPeer } from "./advertisement.ts";
import type { Share } from "./announcement.ts";
import type { PeerVerdict } from "./peers.ts";

/**
 * The advertisement is past check 12: in its form of then it passed checks 8 to 12, or one that no longer asks did, for a peer that both select. It is so as a whole: the node
 * attracts traffic for the address by that peer, whoever else hears of it.
 * @param asking advertisements that ask for the same now.
 * @param before what was decided last about the same.
 */
export function wasPast(
  advertisement: Advertisement,
  asking: readonly Advertisement[],
  before: readonly Share[],
  peers: readonly PeerVerdict[],
): boolean {
  return before.some(({ eligible, beyond, advertisement: one }) => {
    if (!eligible) return false;
    if (one.name === advertisement.name) return true;
    const hasGone = asking.every(({ name }) => name !== one.name);
    return hasGone && !beyond && peers.some(({ name }) => selectsPeer(one, name) && selectsPeer(advertisement, name));
  });
}
