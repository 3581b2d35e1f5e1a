/**
 * A drain announces less before it announces nothing: every route once more with GRACEFUL_SHUTDOWN (RFC 8326), so that routers look for other paths
 * while this one still carries traffic; withdrawn when the grace period is over. What was not announced before is not announced any more.
 */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import { sortCommunities, WELL_KNOWN_COMMUNITIES } from "../ip/communities.ts";
import type { LeavingOptions, PlanChange } from "./change.ts";
import type { DrainCause, NodeObstacle } from "./node-checks.ts";

/** The grace period of a drain. */
export interface Leaving {
  /** What check 10 says once it is over. */
  readonly obstacle: NodeObstacle;
  readonly untilMillis: number;
  /** How often the local AS is prepended once more, for routers that do not know the community. */
  readonly prepend: number;
}

/** Where a drain has got to, and what it is owed to. */
export interface DrainState {
  readonly phase: PlanChange["drain"];
  readonly cause: DrainCause | null;
  /** The cause in words; "" = there is none. */
  readonly text: string;
}

const GRACEFUL_SHUTDOWN = WELL_KNOWN_COMMUNITIES["graceful-shutdown"];
const MOST_PREPENDS = 16;

export class DrainPhase {
  readonly #options: LeavingOptions | null;
  #sinceMillis: number | null = null;
  #leaving: Leaving | null = null;
  #resumedUntilMillis = Number.POSITIVE_INFINITY;

  /** @param options null = a drain withdraws at once. */
  constructor(options: LeavingOptions | null) {
    this.#options = options;
  }

  get leaving(): Leaving | null {
    return this.#leaving;
  }

  /** The process before this one was leaving, and had this much time: a node that is drained still has no more. */
  resume(untilMillis: number): void {
    this.#resumedUntilMillis = untilMillis;
  }

  /**
   * Takes what checks 8 to 10 say of the node, and returns what is in force of it: a drain is not, while its grace period lasts.
   * @param nowMillis null = no time passes, and nothing is waited for
   * @param announces something is announced that could be announced less
   */
  look(obstacle: NodeObstacle | null, nowMillis: number | null, announces: boolean): NodeObstacle | null {
    this.#leaving = null;
    if (obstacle?.reason !== "nodeDrained") {
      this.#sinceMillis = null;
      this.#resumedUntilMillis = Number.POSITIVE_INFINITY;
      return obstacle;
    }
    if (this.#options === null || nowMillis === null) return obstacle;
    this.#sinceMillis ??= announces ? nowMillis : Number.NEGATIVE_INFINITY;
    const untilMillis = Math.min(this.#resumedUntilMillis, this.#sinceMillis + this.#options.gracePeriodMillis);
    if (nowMillis >= untilMillis) return obstacle;
    this.#leaving = { obstacle, untilMillis, prepend: this.#options.prepend };
    return null;
  }
}

/** Of what is in force: a drain within its grace period, or check 10. */
export function drainStateOf(scene: { readonly leaving: Leaving | null; readonly obstacle: NodeObstacle | null }): DrainState {
  const { leaving } = scene;
  const { reason, cause = null, text = "" } = leaving?.obstacle ?? scene.obstacle ?? {};
  if (reason !== "nodeDrained") return { phase: "none", cause: null, text: "" };
  return { phase: leaving === null ? "drained" : "leaving", cause, text };
}

/** The same route as one that is about to go. LOCAL_PREF is sent to iBGP peers alone, the prepends to the others. */
export function leavingAttributes(attributes: RouteAttributes, { prepend }: Leaving): RouteAttributes {
  return {
    ...attributes,
    communities: sortCommunities([...attributes.communities, GRACEFUL_SHUTDOWN]),
    localPref: 0,
    asPathPrepend: Math.min(MOST_PREPENDS, attributes.asPathPrepend + prepend),
  };
}
