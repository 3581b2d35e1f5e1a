/**
 * What a router holds from one neighbour (RFC 4271 §3.2), and for how long after the session is gone: the receiving speaker of Graceful Restart (RFC 4724
 * §4.2).
 */

import type { Negotiated } from "../../../src/bgp/fsm/session.ts";
import { familyOf } from "../../../src/bgp/wire/iana.ts";
import type { UpdateMessage } from "../../../src/bgp/wire/messages.ts";
import { prefixesOf } from "../../../src/bgp/wire/nlri.ts";
import type { Clock, Timer } from "../../../src/clock.ts";
import { FAMILIES, type Family } from "../../../src/ip/address.ts";
import { formatPrefix } from "../../../src/ip/format.ts";
import { describePath } from "./path-words.ts";

export interface Path {
  readonly family: Family;
  /** Next hop and attributes, as `path-words.ts` writes them. */
  readonly words: string;
  stale: boolean;
  /** How often it came again without a difference in this session: refreshes ask for that. */
  repeats: number;
}

/** Why a path went, or came. */
export type Move =
  /** `idle`: it was there just so, and nobody asked for it. `kept`: it had outlived the session before. */
  | { readonly name: "announced"; readonly prefix: string; readonly idle: boolean; readonly kept: boolean; readonly path: Path }
  | { readonly name: "withdrawn"; readonly prefix: string; readonly before: Path | undefined }
  | { readonly name: "lost"; readonly prefix: string; readonly why: Loss }
  | { readonly name: "endOfRib"; readonly family: Family };

/** `session`: it ended in a way that keeps no routes. `forgetful`: the neighbour came back without what it knew (F = 0). */
export type Loss = "session" | "forgetful" | "restartTime" | "staleTwice" | "endOfRib";

export class AdjRibIn {
  readonly paths = new Map<string, Path>();
  /** Times that something came or went. */
  moves = 0;
  readonly #clock: Clock;
  readonly #moved: (move: Move) => void;
  #timer: Timer | null = null;
  readonly #refreshes = { IPv4: 0, IPv6: 0 };

  constructor(clock: Clock, moved: (move: Move) => void) {
    this.#clock = clock;
    this.#moved = moved;
  }

  /** `keeps`: what was negotiated, where the session ended in a way that keeps routes. */
  down(keeps: Negotiated | null): void {
    const restart = keeps?.peerGracefulRestart ?? null;
    if (restart === null) {
      this.#lose("session", () => true);
      return;
    }
    // A route that was stale already goes (RFC 4724 §4.2, consecutive restarts).
    this.#lose("staleTwice", ({ stale }) => stale);
    for (const path of this.paths.values()) path.stale = true;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(restart.restartTimeSeconds * 1000, () => this.#lose("restartTime", ({ stale }) => stale));
  }

  up({ capabilities }: Negotiated): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const family of FAMILIES) this.#refreshes[family] = 0;
    for (const path of this.paths.values()) path.repeats = 0;
    const restart = capabilities.received.findLast((capability) => capability.name === "gracefulRestart");
    const preserved = new Set((restart?.families ?? []).flatMap(({ afi, safi, forwarding }) => (forwarding ? [familyOf(afi, safi)] : [])));
    this.#lose("forgetful", ({ stale, family }) => stale && !preserved.has(family));
  }

  /** A ROUTE-REFRESH was sent. */
  refreshing(family: Family): void {
    this.#refreshes[family]++;
  }

  take(update: UpdateMessage): void {
    for (const block of update.withdrawn) {
      for (const prefix of prefixesOf(block)) {
        const text = formatPrefix(prefix);
        const before = this.paths.get(text);
        this.paths.delete(text);
        this.#move({ name: "withdrawn", prefix: text, before });
      }
    }
    for (const block of update.announced) {
      const words = describePath(update.attributes, block.nextHop);
      for (const prefix of prefixesOf(block)) {
        const text = formatPrefix(prefix);
        const before = this.paths.get(text);
        const isSame = before !== undefined && !before.stale && before.words === words;
        const path = { family: block.family, words, stale: false, repeats: (before?.repeats ?? 0) + (isSame ? 1 : 0) };
        this.paths.set(text, path);
        const idle = isSame && path.repeats > this.#refreshes[block.family];
        this.#move({ name: "announced", prefix: text, idle, kept: before?.stale === true, path });
      }
    }
    if (update.endOfRib === null) return;
    const family = update.endOfRib;
    this.#move({ name: "endOfRib", family });
    this.#lose("endOfRib", (path) => path.stale && path.family === family);
  }

  #move(move: Move): void {
    this.moves++;
    this.#moved(move);
  }

  #lose(why: Loss, isLost: (path: Path) => boolean): void {
    for (const [prefix, path] of this.paths) {
      if (!isLost(path)) continue;
      this.paths.delete(prefix);
      this.#move({ name: "lost", prefix, why });
    }
  }
}
