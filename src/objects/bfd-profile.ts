import type { BFDProfile, Metadata } from "./kinds.ts";
import { boolean, integer } from "./scalars.ts";
import type { TypeOf } from "./schema.ts";
import { object, withDefault } from "./structures.ts";

/** Fastest and slowest that a person can ask for, in milliseconds: those of other implementations. */
const INTERVAL = { min: 10, max: 60_000 };

/** spec of a BFDProfile. */
export const bfdProfileSpec = object("How Bidirectional Forwarding Detection (RFC 5880) watches the way to a peer.", {
  receiveInterval: withDefault(integer("Shortest interval in milliseconds at which we can receive.", INTERVAL), 300),
  transmitInterval: withDefault(integer("Shortest interval in milliseconds at which we want to send.", INTERVAL), 300),
  detectMultiplier: withDefault(integer("So many packets in a row have to be missed.", { min: 1, max: 255 }), 3),
  passiveMode: withDefault(boolean("Send nothing before the peer has sent."), false),
  minimumTtl: withDefault(integer("Multihop sessions: least TTL of the peer's packets.", { min: 1, max: 255 }), 254),
});

/** herald.dev/v1alpha1 BFDProfile. */
export function projectBFDProfile(spec: TypeOf<typeof bfdProfileSpec>, metadata: Metadata): BFDProfile {
  const { receiveInterval, transmitInterval, ...same } = spec;
  return { kind: "BFDProfile", metadata, receiveIntervalMillis: receiveInterval, transmitIntervalMillis: transmitInterval, ...same };
}
