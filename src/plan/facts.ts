import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { ObjectChange } from "../objects/kinds.ts";

/**
 * What no object says, stated by the speaker as newest values, so that nothing but `plan` decides.
 * A fact that was never stated leaves its check `assumed`: configured families count as negotiated, a session's own next hop as known.
 */
export type Fact =
  /** Negotiated families, the session's own address, and whether RFC 8950 was negotiated (not where it is left out). Stated when a session is established; kept while it is down. */
  | {
      readonly name: "session";
      readonly peer: string;
      readonly families: readonly Family[];
      readonly localAddress: Address;
      readonly extendedNextHop?: boolean;
    }
  /** Decisions of before were made under other words; the peer is configured anew. */
  | { readonly name: "sessionForgotten"; readonly peer: string }
  /** A local cause of drain (`POST /api/v1/drain`); null = none. `since`: RFC 3339, where it is known. */
  | { readonly name: "drain"; readonly reason: string | null; readonly since?: string | null }
  /**
   * A graceful start: what the process before this one announced, which its peers still have and are told until everything was read. Stated before anything
   * is decided. Whoever owned these routes has passed the gates of check 12. `leavesAtMillis`: where its node was leaving, when the grace period of that drain
   * is over, in the milliseconds of the time fact.
   */
  | { readonly name: "restored"; readonly routes: readonly RestoredRoute[]; readonly leavesAtMillis?: number | null }
  /**
   * Monotonic milliseconds, never going back. Without it no time passes: nothing is held down or damped, and no gate opens by waiting.
   */
  | { readonly name: "time"; readonly nowMillis: number }
  /**
   * This process probes the data plane (docs/semantics.md, "Data-plane gate"). `healthz`: what is asked about the service proxy, null = nothing
   * can be. `onlyWhereRequired`: objects come from a directory, so only advertisements that say `Require` are gated. Without this fact every
   * gate is open, and the check assumed.
   */
  | { readonly name: "gate"; readonly healthz: string | null; readonly onlyWhereRequired: boolean }
  /** What the service proxy's health answered last. */
  | { readonly name: "proxyAnswer"; readonly answer: ProbeAnswer }
  /** What the health check port of a Service answered last; `service` is `namespace/name`. */
  | {
      readonly name: "healthCheckAnswer";
      readonly service: string;
      readonly uid: string;
      readonly family: Family;
      readonly port: number;
      readonly answer: ProbeAnswer;
    };

/** A prefix, the Services that wanted it (`namespace/name`), and what each peer was told. */
export interface RestoredRoute {
  readonly prefix: Prefix;
  readonly owners: readonly string[];
  readonly to: readonly { readonly peer: string; readonly attributes: RouteAttributes }[];
}

/** The answer to a probe over HTTP. Silence is none: nothing is stated until the first answer. */
export type ProbeAnswer =
  | { readonly answer: "status"; readonly status: number }
  /** Nobody listens on the port. */
  | { readonly answer: "refused" }
  /** Something answered that is no HTTP: a reset, garbage. */
  | { readonly answer: "failed"; readonly why: string }
  /** It cannot be asked: the address is not one of this host. */
  | { readonly answer: "notAsked"; readonly why: string };

export type Input = { readonly input: "object"; readonly change: ObjectChange } | { readonly input: "fact"; readonly fact: Fact };
