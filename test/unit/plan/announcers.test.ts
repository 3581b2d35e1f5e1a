import { describe, expect, it } from "vitest";
import type { ClusterObject, Node } from "../../../src/objects/kinds.ts";
import { rank } from "../../../src/plan/announcers.ts";
import { advertisement, endpoint, ip, node, peer, service, slice } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { fmix32, fnv1a32, naiveRank } from "../../support/naive/announcers.ts";
import { planned } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";

describe("the rank of a node for an address", () => {
  it("is made of the hashes that are published, by the test vectors of their authors", () => {
    const texts = ["", "a", "foobar", "chongo was here!\n"];
    expect(texts.map((text) => fnv1a32(new TextEncoder().encode(text)))).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968, 0xd49930d5]);
    // MurmurHash3_x86_32 of nothing is fmix32 of the seed.
    expect([0, 1, 0xffffffff].map(fmix32)).toEqual([0, 0x514e28b7, 0x81f16f39]);
  });

  it.each([
    ["203.0.113.1", "n1", 0x61f802b9],
    ["203.0.113.1", "n2", 0x4dd9c1e4],
    ["203.0.113.2", "n1", 0xb252df9f],
    ["2001:db8::1", "node-a.example.com", 0xd24578d3],
    ["10.96.0.10", "worker-ü", 0x7b20a3e3],
    ["0.0.0.0", "", 0x9840cd45],
  ])("of %s and %s is fmix32 of FNV-1a over address|node in UTF-8", (address, name, expected) => {
    expect(rank(address, name)).toBe(expected);
  });

  it("is the same as that of the plain reference for any names", () => {
    const dice = new Dice(7);
    const text = () =>
      Array.from({ length: dice.below(20) }, () => String.fromCodePoint(dice.pick([97, 45, 122, 0xfc, 0x4e2d, 0x1f600]))).join("");
    let compared = 0;
    for (; compared < 2_000; compared++) {
      const [address, name] = [`10.${dice.below(256)}.0.${dice.below(256)}`, text()];
      expect(rank(address, name)).toBe(naiveRank(address, name));
    }
    expect(compared).toBe(2_000);
  });
});

describe("maxAnnouncers: the nodes that announce an address", () => {
  const base: readonly ClusterObject[] = [
    peer("tor"),
    service("web", { loadBalancerIPs: [ip(VIP)] }),
    slice("web", [endpoint("10.1.0.1", "elsewhere")]),
  ];

  /** The nodes that announce, each by what its own speaker decides. */
  function chosen(nodes: readonly Node[], k: number): string[] {
    const objects = [...base, advertisement("all", { maxAnnouncers: k }), ...nodes];
    return nodes.flatMap(({ metadata: { name } }) => {
      const { announced, notAnnounced } = planned(objects, { node: name }).decisions();
      if (announced + (notAnnounced.announcerLimit ?? 0) !== 1) throw new Error(`${name}: ${JSON.stringify(notAnnounced)}`);
      return announced === 1 ? [name] : [];
    });
  }

  it("are the same for every speaker in 1,000 random sets, and one node less or more moves only its own share", {
    timeout: 300_000,
  }, () => {
    const dice = new Dice(3);
    let [sets, moved, kept] = [0, 0, 0];
    for (; sets < 1_000; sets++) {
      const names = new Set(Array.from({ length: 2 + dice.below(6) }, () => `worker-${dice.below(100)}`));
      const nodes = [...names].map((name) => node(name));
      const k = 1 + dice.below(3);
      const before = chosen(nodes, k);
      expect(before).toHaveLength(Math.min(k, nodes.length));
      expect([...before].sort()).toEqual(
        [...names]
          .sort((a, b) => naiveRank(VIP, b) - naiveRank(VIP, a))
          .slice(0, k)
          .sort(),
      );
      const leaver = dice.pick([before[0] ?? "", ...names]);
      const after = chosen(
        nodes.filter(({ metadata }) => metadata.name !== leaver),
        k,
      );
      const stayed = before.filter((name) => name !== leaver);
      expect(after).toEqual(expect.arrayContaining(stayed));
      expect(after).toHaveLength(Math.min(k, nodes.length - 1));
      if (stayed.length < before.length) moved++;
      else kept++;
    }
    expect([sets, moved > 100, kept > 100]).toEqual([1_000, true, true]);
  });

  it("never a node that is not ready: its place goes to the next, the others stay", () => {
    const dice = new Dice(5);
    let taken = 0;
    for (let round = 0; round < 200; round++) {
      const nodes = ["a", "b", "c", "d", "e"].map((name) => node(`${name}${dice.below(50)}`));
      const before = chosen(nodes, 2);
      const [first = ""] = before;
      const after = chosen(
        nodes.map((one) => (one.metadata.name === first ? { ...one, ready: false } : one)),
        2,
      );
      expect(after).not.toContain(first);
      expect(after).toHaveLength(2);
      expect(after).toEqual(expect.arrayContaining(before.slice(1)));
      taken++;
    }
    expect(taken).toBe(200);
  });
});
