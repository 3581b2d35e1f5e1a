import type { Address, Family } from "../ip/address.ts";
import type { ObjectChange } from "../objects/kinds.ts";

/**
 * What no object says, stated by the speaker as newest values, so that nothing but `plan` decides.
 * A fact that was never stated leaves its check `assumed`: configured families count as negotiated, a session's own next hop as known.
 */
export type Fact =
  /** Negotiated families and the session's own address. Stated when a session is established; kept while it is down. */
  | { readonly name: "session"; readonly peer: string; readonly families: readonly Family[]; readonly localAddress: Address }
  /** Decisions of before were made under other words; the peer is configured anew. */
  | { readonly name: "sessionForgotten"; readonly peer: string }
  /** A local cause of drain (`herald drain` on this process); null = none. */
  | { readonly name: "drain"; readonly reason: string | null };

export type Input = { readonly input: "object"; readonly change: ObjectChange } | { readonly input: "fact"; readonly fact: Fact };
