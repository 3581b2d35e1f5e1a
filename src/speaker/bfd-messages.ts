/** What the main thread and the BFD thread tell each other: plain values that survive the way. */

import type { BfdState } from "../bgp/bfd/packet.ts";
import type { BfdCause, BfdSettings } from "../bgp/bfd/session.ts";

/** One session; addresses as text. */
export interface BfdTarget {
  readonly address: string;
  /** null = the kernel's choice. */
  readonly sourceAddress: string | null;
  readonly device: string | null;
  /** RFC 5883: port 4784, and a TTL of at least `minimumTtl`; else RFC 5881: port 3784 and 255. */
  readonly multihop: boolean;
  readonly minimumTtl: number;
  readonly settings: BfdSettings;
}

export type ToBfdThread =
  | { readonly type: "set"; readonly key: string; readonly target: BfdTarget }
  /** The peer hears AdminDown. */
  | { readonly type: "remove"; readonly key: string }
  /** Every peer hears AdminDown; `stopped` follows. */
  | { readonly type: "stop" };

export type FromBfdThread =
  | {
      readonly type: "state";
      readonly key: string;
      readonly from: BfdState;
      readonly to: BfdState;
      readonly cause: BfdCause;
      /** When the thread saw it, in milliseconds since 1970: the main thread may hear of it later. */
      readonly atEpochMillis: number;
    }
  /** Sessions cannot be had; it is tried again. */
  | { readonly type: "fault"; readonly key: string; readonly why: string }
  | { readonly type: "stopped" };
