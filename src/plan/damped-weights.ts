import { type AnnouncedPeer, type Announcement, announcementTo, type WishPool } from "./announcement.ts";
import type { Damping } from "./change.ts";
import { WeightDamping } from "./weight-damping.ts";

/** The weights of one prefix towards all peers. */
export class DampedWeights {
  readonly #options: Damping;
  /** By peer. */
  readonly #weights: Map<string, WeightDamping>;

  /** @param sent in force for long. */
  constructor(sent: Announcement, options: Damping) {
    this.#options = options;
    this.#weights = new Map(sent.peers.map(({ peer, wish }) => [peer, new WeightDamping(wish.attributes.linkBandwidth)]));
  }

  /** From when on whatever comes next is judged as if nothing had been; infinite while a change waits. */
  get forgottenAtMillis(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const weight of this.#weights.values()) last = Math.max(last, weight.forgottenAtMillis(this.#options));
    return last;
  }

  /** When the change that waits is sent to the peer; null = none waits. */
  dueMillis(peer: string): number | null {
    return this.#weights.get(peer)?.dueMillis ?? null;
  }

  /**
   * What is wanted with the weights that are sent, and when the next of them changes; infinite = none waits.
   * @param before what was sent before the step.
   */
  damp(
    wanted: Announcement,
    before: Announcement,
    time: { readonly nowMillis: number; readonly step: number },
    pool: WishPool,
  ): { readonly announcement: Announcement; readonly dueMillis: number } {
    let [dueMillis, differs] = [Number.POSITIVE_INFINITY, false];
    const peers = wanted.peers.map(({ peer, wish }): AnnouncedPeer => {
      const { linkBandwidth } = wish.attributes;
      let weight = this.#weights.get(peer);
      if (weight === undefined) {
        if (linkBandwidth === null) return { peer, wish };
        weight = new WeightDamping(null);
        this.#weights.set(peer, weight);
      }
      const sent = before.peers.find((one) => one.peer === peer)?.wish.attributes.linkBandwidth ?? null;
      const chosen = weight.choose(sent, linkBandwidth, time, this.#options);
      dueMillis = Math.min(dueMillis, weight.dueMillis ?? Number.POSITIVE_INFINITY);
      if (chosen === linkBandwidth) return { peer, wish };
      differs = true;
      return { peer, wish: pool.intern({ ...wish.attributes, linkBandwidth: chosen }) };
    });
    return { announcement: differs ? announcementTo(peers, wanted.elsewhere) : wanted, dueMillis };
  }
}
