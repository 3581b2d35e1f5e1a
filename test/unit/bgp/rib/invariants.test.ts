import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdjRibOut } from "../../../../src/bgp/rib/adj-rib-out.ts";
import { AttributeTable } from "../../../../src/bgp/rib/attribute-table.ts";
import { PrefixTable } from "../../../../src/bgp/rib/prefix-table.ts";
import type { RouteAttributes } from "../../../../src/bgp/rib/route.ts";
import { encodeSessionBlock, type OutboundSession, usableNextHop } from "../../../../src/bgp/rib/session-attributes.ts";
import { type Address, FAMILIES, type Family } from "../../../../src/ip/address.ts";
import { containsPrefix, type Prefix, prefixOf } from "../../../../src/ip/prefix.ts";
import { type PeerMessage, peerKey, RibPeer } from "../../../support/rib-peer.ts";
import { attributes, host4, host6, NEXT_HOP_6, session, v4, v6 } from "../../../support/rib-session.ts";

/** Few enough to collide all the time, of lengths that cover one another. */
const PREFIXES: readonly Prefix[] = [
  ...Array.from({ length: 24 }, (_, n) => host4(n * 3)),
  ...[8, 24, 25, 26, 28].map((length) => prefixOf(v4("10.0.0.0"), length)),
  prefixOf(v4("10.0.0.128"), 25),
  ...Array.from({ length: 12 }, (_, n) => host6(n)),
  prefixOf(v6("20010db8", "0"), 64),
  prefixOf(v6("20010db8", "0"), 125),
];
const LIMIT = 200;
/** The fourth fits beside short prefixes only, the fifth beside none. */
const SETS: readonly RouteAttributes[] = [
  attributes(),
  attributes({ communities: [1, 2], med: 7 }),
  attributes({ asPathPrepend: 3, localPref: 50, largeCommunities: [[1, 2, 3]], linkBandwidth: { bytesPerSecond: 1e9, transitive: true } }),
  attributes({ communities: Array.from({ length: 38 }, (_, i) => i) }),
  attributes({ communities: Array.from({ length: 50 }, (_, i) => i) }),
];
const SESSIONS: readonly Partial<OutboundSession>[] = [
  {},
  { enhancedRouteRefresh: true },
  { ibgp: true, localAsn: 65001, enhancedRouteRefresh: true },
  { families: ["IPv4"] },
  { asn4: false, nextHop: { IPv4: v4("10.0.0.5"), IPv6: null } },
  { extendedNextHop: true, nextHop: { IPv4: NEXT_HOP_6, IPv6: NEXT_HOP_6 }, sendLimit: 4096 },
  { nextHop: { IPv4: NEXT_HOP_6, IPv6: NEXT_HOP_6 } },
];
const NEXT_HOPS: readonly (Address | null)[] = [null, v4("10.0.0.5"), v4("10.0.0.6"), NEXT_HOP_6, v6("fd00", "6")];

type Step =
  | { readonly do: "want"; readonly prefix: number; readonly set: number }
  | { readonly do: "withdraw"; readonly prefix: number }
  | { readonly do: "pull"; readonly spare: number }
  | { readonly do: "drain" | "close" | "allowEndOfRib" }
  | { readonly do: "refresh"; readonly family: Family }
  | { readonly do: "open"; readonly session: number }
  | { readonly do: "nextHop"; readonly family: Family; readonly address: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("want" as const), prefix: fc.nat(PREFIXES.length - 1), set: fc.nat(SETS.length - 1) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("withdraw" as const), prefix: fc.nat(PREFIXES.length - 1) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("pull" as const), spare: fc.nat(500) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("drain" as const, "allowEndOfRib" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("refresh" as const), family: fc.constantFrom(...FAMILIES) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("open" as const), session: fc.nat(SESSIONS.length - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("nextHop" as const),
      family: fc.constantFrom(...FAMILIES),
      address: fc.nat(NEXT_HOPS.length - 1),
    }),
  },
);

/** An Adj-RIB-Out, its peer, and the simplest account of what ought to be: checks the invariants after every step. */
class World {
  readonly prefixes = new PrefixTable();
  readonly sets = new AttributeTable();
  readonly rib = new AdjRibOut(this.prefixes, this.sets);
  readonly wishes = new Map<Prefix, RouteAttributes>();
  peer = new RibPeer();
  current: OutboundSession | null = null;
  allowed = false;
  pulls = 0;
  updates = 0;

  run(step: Step): void {
    switch (step.do) {
      case "want":
        this.want(PREFIXES[step.prefix], SETS[step.set] ?? null);
        break;
      case "withdraw":
        this.want(PREFIXES[step.prefix], null);
        break;
      case "pull":
        if (this.current !== null) this.pull(new Uint8Array(this.current.sendLimit + step.spare));
        break;
      case "drain":
        this.drain();
        break;
      case "allowEndOfRib":
        this.rib.allowEndOfRib();
        this.allowed = true;
        break;
      case "close":
        this.rib.close();
        this.current = null;
        break;
      case "refresh":
        this.rib.refresh(step.family);
        this.peer.repeating.add(step.family);
        break;
      case "open":
        this.current = session({ sendLimit: LIMIT, ...SESSIONS[step.session] });
        this.rib.open(this.current);
        this.peer = new RibPeer({ limit: this.current.sendLimit, asn4: this.current.asn4 });
        break;
      case "nextHop":
        this.rib.setNextHop(step.family, NEXT_HOPS[step.address] ?? null);
        if (this.current === null) break;
        this.current = { ...this.current, nextHop: { ...this.current.nextHop, [step.family]: NEXT_HOPS[step.address] ?? null } };
        this.peer.repeating.add(step.family);
        break;
    }
    this.checkBounds();
  }

  want(prefix: Prefix | undefined, set: RouteAttributes | null): void {
    if (prefix === undefined) throw new Error("no such prefix");
    this.rib.want(prefix, set);
    if (set === null) this.wishes.delete(prefix);
    else this.wishes.set(prefix, set);
  }

  drain(): void {
    while (this.current !== null && this.pull(new Uint8Array(this.current.sendLimit)) > 0);
  }

  pull(buffer: Uint8Array): number {
    const octets = this.rib.fill(buffer);
    const held = new Set(this.peer.table.keys());
    const messages = this.peer.receive(buffer.subarray(0, octets));
    this.pulls++;
    this.updates += messages.filter(({ kind }) => kind === "update").length;
    this.checkBatch(messages, held);
    if (octets > 0) return octets;
    expect([this.rib.pending, this.rib.hasOutput]).toEqual([0, false]);
    this.peer.repeating.clear();
    return octets;
  }

  /** I3, I4 and I7: what one pull may contain. */
  checkBatch(messages: readonly PeerMessage[], held: ReadonlySet<string>): void {
    const seen = new Set<string>();
    const came: string[] = [];
    for (const message of messages) {
      expect(message.octets).toBeLessThanOrEqual(this.current?.sendLimit ?? 0);
      for (const key of [...message.announced, ...message.withdrawn]) {
        // The end of one refresh and the start of the next may share a buffer.
        expect(seen.has(key) && !this.peer.repeating.has(message.family), `${key} twice in a batch`).toBe(false);
        seen.add(key);
      }
      for (const key of message.withdrawn) {
        if (came.length === 0) continue;
        // A withdrawal behind announcements: it waited for one that overlaps and has left, or turned out not to fit a message; or it is itself such a one.
        const waited =
          came.some((other) => !held.has(other) && overlap(key, other)) || this.unsendable().some((other) => overlap(key, other));
        expect(waited, `${key} left behind announcements`).toBe(true);
      }
      came.push(...message.announced);
      if (message.kind === "endOfRib") expect(this.allowed).toBe(true);
    }
    expect(this.peer.needlessWithdrawals).toEqual([]);
    expect(this.peer.repetitions).toEqual([]);
    for (const family of FAMILIES) {
      const count = this.peer.messages.filter((message) => message.kind === "endOfRib" && message.family === family).length;
      expect(count).toBe(this.rib.endOfRibSent(family) ? 1 : 0);
    }
  }

  unsendable(): string[] {
    const keys: string[] = [];
    this.rib.forEachUnsendable((id) => keys.push(peerKey(this.prefixes.prefix(id))));
    return keys;
  }

  /** I2 and the counters: one pending change per prefix wanted or sent. */
  checkBounds(): void {
    const sent = new Set<string>();
    this.rib.forEachSent((id) => sent.add(peerKey(this.prefixes.prefix(id))));
    expect(sent).toEqual(this.current === null ? new Set() : new Set(this.peer.table.keys()));
    const either = new Set([...sent, ...[...this.wishes.keys()].map(peerKey)]);
    expect(this.rib.pending).toBeLessThanOrEqual(either.size);
    expect(this.prefixes.size).toBe(either.size);
    expect(this.rib.wishes("IPv4") + this.rib.wishes("IPv6")).toBe(this.wishes.size);
    expect(this.rib.announced("IPv4") + this.rib.announced("IPv6")).toBe(sent.size);
  }

  /** I1 and I5: what a quiet peer must hold. */
  expected(): Map<string, { nextHop: string; communities: readonly number[] }> {
    const result = new Map<string, { nextHop: string; communities: readonly number[] }>();
    const { current } = this;
    if (current === null) return result;
    for (const [prefix, set] of this.wishes) {
      const { family } = prefix.address;
      const nextHop = usableNextHop(current, family);
      if (nextHop === null) continue;
      const block = encodeSessionBlock(set, current, family);
      const nlri = 1 + Math.ceil(prefix.length / 8);
      const value = 5 + (block.nextHop?.length ?? 0) + nlri;
      const multiprotocol = value + (value > 255 ? 4 : 3);
      if (23 + block.octets.length + (block.nextHop === null ? nlri : multiprotocol) > current.sendLimit) continue;
      result.set(peerKey(prefix), { nextHop: Buffer.from(nextHop.octets).toString("hex"), communities: set.communities });
    }
    return result;
  }

  checkQuiet(): void {
    const held = new Map([...this.peer.table].map(([key, { nextHop, communities }]) => [key, { nextHop, communities: [...communities] }]));
    if (this.current !== null) expect(held).toEqual(this.expected());
    for (const family of this.current?.families ?? []) expect(this.rib.endOfRibSent(family)).toBe(this.allowed);
  }
}

function overlap(a: string, b: string): boolean {
  const first = PREFIXES.find((prefix) => peerKey(prefix) === a);
  const second = PREFIXES.find((prefix) => peerKey(prefix) === b);
  if (first === undefined || second === undefined) throw new Error("unknown prefix");
  return containsPrefix(first, second) || containsPrefix(second, first);
}

describe("an Adj-RIB-Out over random histories, against a model of the peer", () => {
  it("keeps its invariants after every step and leaves the peer with exactly what is wanted (I1 to I5, I7)", () => {
    let pulls = 0;
    let updates = 0;
    fc.assert(
      fc.property(fc.nat(SESSIONS.length - 1), fc.array(step, { minLength: 5, maxLength: 200, size: "max" }), (first, steps) => {
        const world = new World();
        world.run({ do: "open", session: first });
        for (const one of steps) world.run(one);
        world.drain();
        world.checkQuiet();
        pulls += world.pulls;
        updates += world.updates;
        // Everything gone leaves nothing behind (I9).
        for (const prefix of PREFIXES) world.want(prefix, null);
        world.drain();
        world.rib.close();
        expect([world.prefixes.size, world.sets.size]).toEqual([0, 0]);
      }),
      { numRuns: 400, seed: 4271 },
    );
    expect(pulls).toBeGreaterThan(5000);
    expect(updates).toBeGreaterThan(5000);
  });

  it("gives each of two peers its bytes whatever the other does (I8)", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 80, size: "max" }), (steps) => {
        const prefixes = new PrefixTable();
        const sets = new AttributeTable();
        const shared = new AdjRibOut(prefixes, sets);
        const stuck = new AdjRibOut(prefixes, sets);
        const alone = new AdjRibOut(new PrefixTable(), new AttributeTable());
        for (const rib of [shared, stuck, alone]) rib.open(session());
        const buffers = [new Uint8Array(4096), new Uint8Array(4096)] as const;
        for (const one of steps) {
          const prefix = one.do === "want" || one.do === "withdraw" ? PREFIXES[one.prefix] : undefined;
          if (prefix !== undefined)
            for (const rib of [shared, stuck, alone]) rib.want(prefix, one.do === "want" ? (SETS[one.set] ?? null) : null);
          const octets = [shared.fill(buffers[0]), alone.fill(buffers[1])];
          expect(octets[0]).toBe(octets[1]);
          expect(Buffer.compare(buffers[0], buffers[1])).toBe(0);
        }
      }),
      { numRuns: 100, seed: 8 },
    );
  });

  it("packs every set of mixed lengths within one message of the optimum (I4)", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.nat(4000), fc.integer({ min: 9, max: 32 })), {
          minLength: 300,
          maxLength: 2000,
          size: "max",
          selector: ([n, length]) => n * 64 + length,
        }),
        (choice) => {
          const rib = new AdjRibOut(new PrefixTable(), new AttributeTable());
          const peer = new RibPeer({ limit: 512 });
          rib.open(session({ sendLimit: 512 }));
          const wanted = new Map(
            choice.map(([n, length]) => prefixOf(v4(`10.${n & 255}.${n >> 8}.7`), length)).map((prefix) => [prefix.key, prefix]),
          );
          for (const prefix of wanted.values()) rib.want(prefix, attributes());
          const buffer = new Uint8Array(4096);
          for (let octets = rib.fill(buffer); octets > 0; octets = rib.fill(buffer)) peer.receive(buffer.subarray(0, octets));
          const nlri = [...wanted.values()].reduce((sum, { length }) => sum + 1 + Math.ceil(length / 8), 0);
          expect(peer.table.size).toBe(wanted.size);
          expect(peer.messages.length).toBeLessThanOrEqual(Math.ceil(nlri / (512 - 43)) + 1);
        },
      ),
      { numRuns: 30, seed: 810 },
    );
  });
});

describe("the work and memory of an Adj-RIB-Out", () => {
  it("writes no more than the buffer per pull, so that KEEPALIVEs pass during a dump (I6)", () => {
    const rib = new AdjRibOut(new PrefixTable(), new AttributeTable());
    rib.open(session());
    for (let n = 0; n < 100_000; n++) rib.want(host4(n), attributes());
    const buffer = new Uint8Array(16_384);
    let pulls = 0;
    for (let octets = rib.fill(buffer); octets > 0; octets = rib.fill(buffer)) pulls++;
    expect(pulls).toBe(Math.ceil(124 / 4));
  });

  it("keeps to its size over 1,000 rounds of churn with reconnects (I9)", () => {
    const prefixes = new PrefixTable();
    const sets = new AttributeTable();
    const rib = new AdjRibOut(prefixes, sets);
    const buffer = new Uint8Array(65536);
    rib.open(session());
    for (let round = 0; round < 1000; round++) {
      for (let n = 0; n < 50; n++) rib.want(host4(round * 25 + n), attributes({ med: round + (n % 5) }));
      while (rib.fill(buffer) > 0);
      for (let n = 0; n < 50; n++) rib.want(host4(round * 25 + n), null);
      if (round % 100 === 0) rib.open(session());
    }
    while (rib.fill(buffer) > 0);
    expect([prefixes.size, sets.size]).toEqual([0, 0]);
    expect([prefixes.capacity, sets.end]).toEqual([2048, sets.end]);
    expect(sets.end).toBeLessThan(32);
  });

  it("takes some 20 octets per prefix and peer, not an object (I9)", () => {
    const prefixes = new PrefixTable();
    const sets = new AttributeTable();
    const set = sets.intern(attributes());
    const count = 200_000;
    const ids = new Int32Array(count);
    const octets = new Uint8Array(4);
    for (let n = 0; n < count; n++) {
      new DataView(octets.buffer).setUint32(0, 0x0a000000 + n);
      ids[n] = prefixes.internOctets("IPv4", octets, 0, 32);
    }
    const before = process.memoryUsage();
    const ribs = Array.from({ length: 4 }, () => new AdjRibOut(prefixes, sets));
    for (const rib of ribs) for (const id of ids) rib.wantId(id, set);
    const after = process.memoryUsage();
    // Five arrays of four octets, up to twice as long as needed; the old halves may not be collected yet.
    expect((after.arrayBuffers - before.arrayBuffers) / count / ribs.length).toBeLessThan(100);
    expect((after.heapUsed - before.heapUsed) / count / ribs.length).toBeLessThan(20);
  });
});
