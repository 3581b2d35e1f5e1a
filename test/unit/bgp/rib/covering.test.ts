import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { AdjRibOut } from "../../../../src/bgp/rib/adj-rib-out.ts";
import { AttributeTable } from "../../../../src/bgp/rib/attribute-table.ts";
import { PrefixTable } from "../../../../src/bgp/rib/prefix-table.ts";
import { hostPrefix, type Prefix, prefixOf } from "../../../../src/ip/prefix.ts";
import { type PeerMessage, peerKey, RibPeer } from "../../../support/rib-peer.ts";
import { attributes, drain, host4, host6, prefix4, session, v4, v6 } from "../../../support/rib-session.ts";

let rib: AdjRibOut;
let peer: RibPeer;

beforeEach(() => {
  rib = new AdjRibOut(new PrefixTable(), new AttributeTable());
  peer = new RibPeer();
  rib.open(session());
});

const SETS = [attributes(), attributes({ med: 1 }), attributes({ med: 2 })] as const;

function want(prefixes: readonly Prefix[]): void {
  for (const prefix of prefixes) rib.want(prefix, SETS[0]);
}

function withdraw(prefixes: readonly Prefix[]): void {
  for (const prefix of prefixes) rib.want(prefix, null);
}

/** Pulls everything and hands it to the peer message by message, calling `check` at every boundary. */
function drainByMessage(size: number, check: (message: PeerMessage | undefined) => void): number {
  const buffer = new Uint8Array(size);
  let count = 0;
  for (let octets = rib.fill(buffer); octets > 0; octets = rib.fill(buffer)) {
    for (let at = 0; at < octets; count++) {
      const length = (buffer[at + 16] ?? 0) * 256 + (buffer[at + 17] ?? 0);
      check(peer.receive(buffer.subarray(at, at + length))[0]);
      at += length;
    }
  }
  return count;
}

describe("withdrawals that overlap what is announced in the same change", () => {
  const members = Array.from({ length: 256 }, (_, n) => host4(n));
  const aggregate = prefix4("10.0.0.0/24");

  it("never leave an address without a route when an aggregate replaces its members, and back", () => {
    want(members);
    drain(rib, peer);
    const covered = () => expect(members.every((host) => peer.covers(host))).toBe(true);
    withdraw(members);
    want([aggregate]);
    expect(drainByMessage(4096, covered)).toBe(2);
    expect([...peer.table.keys()]).toEqual([peerKey(aggregate)]);
    withdraw([aggregate]);
    want(members);
    expect(drainByMessage(4096, covered)).toBe(2);
    expect(peer.table.size).toBe(256);
  });

  it("hold back the withdrawal of a wide prefix until the last of many announcements inside it", () => {
    want([prefix4("10.0.0.0/8")]);
    drain(rib, peer);
    withdraw([prefix4("10.0.0.0/8")]);
    want(Array.from({ length: 5000 }, (_, n) => host4(n * 7)));
    const kinds: string[] = [];
    drainByMessage(4096, (message) => kinds.push(message?.withdrawn.length === 1 ? "withdrawal" : "announcement"));
    expect(kinds).toEqual([...new Array<string>(7).fill("announcement"), "withdrawal"]);
  });

  it("do the same for IPv6, where no one can try every address", () => {
    const wide = prefixOf(v6("20010db8", "0"), 64);
    want([wide]);
    drain(rib, peer);
    withdraw([wide]);
    want(Array.from({ length: 500 }, (_, n) => host6(n)));
    const kinds: number[] = [];
    drainByMessage(4096, (message) => kinds.push(message?.withdrawn.length ?? -1));
    expect(kinds).toEqual([0, 0, 0, 1]);
  });

  it("keep others out of it: a withdrawal that overlaps nothing leaves first", () => {
    want([...members, host4(70_000), prefix4("192.168.0.0/24")]);
    drain(rib, peer);
    withdraw([...members, host4(70_000), prefix4("192.168.0.0/24")]);
    want([aggregate]);
    const messages = drain(rib, peer);
    expect(messages.map(({ announced, withdrawn }) => [announced.length, withdrawn.length])).toEqual([
      [0, 2],
      [1, 0],
      [0, 256],
    ]);
  });

  it("leave at once when the announcement they waited for is no longer wanted, or cannot be sent", () => {
    want([aggregate]);
    drain(rib, peer);
    withdraw([aggregate]);
    for (let n = 0; n < 1000; n++) rib.want(host4(100_000 + n), SETS[1]);
    rib.want(host4(5), SETS[1]);
    const buffer = new Uint8Array(4096);
    peer.receive(buffer.subarray(0, rib.fill(buffer)));
    expect(peer.table.has(peerKey(aggregate))).toBe(true);
    withdraw([host4(5)]);
    const [first] = peer.receive(buffer.subarray(0, rib.fill(buffer)));
    expect(first?.withdrawn).toEqual([peerKey(aggregate)]);
    rib.want(host4(5), attributes({ communities: Array.from({ length: 1250 }, (_, i) => i) }));
    withdraw(Array.from({ length: 1000 }, (_, n) => host4(100_000 + n)));
    drain(rib, peer);
    expect(peer.table.size).toBe(0);
  });

  it("are not held back by a family that cannot announce", () => {
    want(members);
    drain(rib, peer);
    withdraw(members.slice(0, 5));
    want([aggregate]);
    rib.setNextHop("IPv4", null);
    expect(drain(rib, peer).map(({ withdrawn }) => withdrawn.length)).toEqual([256]);
  });

  it("never uncover an address that is wanted before and after, over random changes", () => {
    const lengths = [24, 26, 27, 28, 30, 31, 32];
    const prefix = fc.tuple(fc.nat(255), fc.constantFrom(...lengths)).map(([n, length]) => prefixOf(v4(`10.0.0.${n}`), length));
    const table = fc.array(fc.tuple(prefix, fc.nat(2)), { maxLength: 40, size: "max" });
    let boundaries = 0;
    fc.assert(
      fc.property(fc.array(table, { minLength: 2, maxLength: 4 }), fc.integer({ min: 90, max: 300 }), (states, limit) => {
        rib = new AdjRibOut(new PrefixTable(), new AttributeTable());
        peer = new RibPeer({ limit });
        rib.open(session({ sendLimit: limit }));
        const hosts = Array.from({ length: 256 }, (_, n) => hostPrefix(v4(`10.0.0.${n}`)));
        let held = new Map<string, Prefix>();
        for (const state of states) {
          const wanted = new Map(state.map(([each]) => [each.key, each]));
          const before = hosts.filter((host) => peer.covers(host));
          for (const [key, each] of held) if (!wanted.has(key)) rib.want(each, null);
          for (const [each, set] of state) rib.want(each, SETS[set] ?? null);
          held = wanted;
          const trial = new RibPeer();
          const target = new AdjRibOut(new PrefixTable(), new AttributeTable());
          target.open(session());
          for (const each of wanted.values()) target.want(each, SETS[0]);
          drain(target, trial);
          const stable = before.filter((host) => trial.covers(host));
          boundaries += drainByMessage(limit, () => {
            const lost = stable.filter((host) => !peer.covers(host));
            expect(lost).toEqual([]);
          });
          expect(new Set(peer.table.keys())).toEqual(new Set([...wanted.values()].map(peerKey)));
        }
      }),
      { numRuns: 40, seed: 24 },
    );
    expect(boundaries).toBeGreaterThan(300);
  });
});
