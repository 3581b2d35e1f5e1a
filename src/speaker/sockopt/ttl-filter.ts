/**
 * A classic BPF program that looks at who sent a packet and how far it came, before the socket sees it (RFC 5082 §3, RFC 5881 §5). The kernel's
 * IP_MINTTL has one value per socket and does nothing on UDP; a listener, and the one port of BFD, have many peers with different limits.
 */

import type { Address, Family } from "../../ip/address.ts";
import type { BpfInstruction } from "./system-calls.ts";

/** Packets from `address` need at least this TTL or hop limit. */
export interface TtlRule {
  readonly address: Address;
  readonly minimumTtl: number;
}

/** Loads relative to the network header (SKF_NET_OFF). */
const NETWORK = 0xfff00000;
const FIELDS = { IPv4: { ttl: 8, source: 12, words: 1 }, IPv6: { ttl: 7, source: 8, words: 4 } } as const;
const LOAD_WORD = 0x20;
const LOAD_OCTET = 0x30;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
/** In the TCP header, where the filter of a TCP socket starts to count. */
const TCP_FLAGS = 13;
const SYN = 0x02;
const ALL = 0xffff_ffff;
/** BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;

/**
 * Packets of senders with a rule pass when they have the TTL; of anybody else: `others`. The strictest of several rules for one sender counts.
 * @throws {RangeError} when there are more rules than a program holds.
 */
export function ttlFilter(family: Family, rules: readonly TtlRule[], others: "accept" | "drop"): readonly BpfInstruction[] {
  const strictest = new Map<string, TtlRule>();
  for (const rule of rules) {
    if (rule.address.family !== family) continue;
    const known = strictest.get(rule.address.key);
    if (known === undefined || known.minimumTtl < rule.minimumTtl) strictest.set(rule.address.key, rule);
  }
  const program = [...strictest.values()].flatMap((rule) => blockOf(family, rule));
  program.push(instruction(RETURN, others === "accept" ? ALL : 0));
  if (program.length > MAX_INSTRUCTIONS) throw new RangeError(`a filter for ${strictest.size} senders is longer than the kernel takes`);
  return program;
}

/**
 * For a connection that we make: segments need the TTL, but for the answer to our SYN. Departs from RFC 5082 §3: routers send a SYN-ACK with the TTL of
 * their listener, which knows nothing of GTSM (FRR, BIRD), and IP_MINTTL would drop it. It carries no message; all that do are checked.
 */
export function dialFilter(family: Family, minimumTtl: number): readonly BpfInstruction[] {
  return [
    instruction(LOAD_OCTET, NETWORK + FIELDS[family].ttl),
    instruction(JUMP_AT_LEAST, minimumTtl, 2, 0),
    instruction(LOAD_OCTET, TCP_FLAGS),
    instruction(JUMP_ANY_BIT, SYN, 0, 1),
    instruction(RETURN, ALL),
    instruction(RETURN, 0),
  ];
}

/** Compares the source word by word; a word that differs leads to the next block. */
function blockOf(family: Family, { address, minimumTtl }: TtlRule): readonly BpfInstruction[] {
  const { ttl, source, words } = FIELDS[family];
  const view = new DataView(Uint8Array.from(address.octets).buffer);
  const verdict = [
    instruction(LOAD_OCTET, NETWORK + ttl),
    instruction(JUMP_AT_LEAST, minimumTtl, 0, 1),
    instruction(RETURN, ALL),
    instruction(RETURN, 0),
  ];
  const comparisons: BpfInstruction[] = [];
  for (let word = 0; word < words; word++) {
    const rest = 2 * (words - word - 1) + verdict.length;
    comparisons.push(instruction(LOAD_WORD, NETWORK + source + 4 * word), instruction(JUMP_EQUAL, view.getUint32(4 * word), 0, rest));
  }
  return [...comparisons, ...verdict];
}

function instruction(code: number, k: number, jt = 0, jf = 0): BpfInstruction {
  return { code, jt, jf, k };
}
