import { describe, expect, it } from "vitest";
import { formatExplain } from "../../../src/cli/explain-text.ts";
import { TABLE_COLUMNS } from "../../../src/cli/table.ts";
import { textWidth } from "../../../src/cli/terminal-text.ts";
import { CHECKS, REASON_CHECK, type ReasonCode } from "../../../src/plan/reasons.ts";
import type { CheckReport, ExplainItem } from "../../../src/plan/report.ts";

const NOW = Date.parse("2026-03-01T12:00:00.000Z");

interface Answer {
  readonly node: string;
  readonly peer?: string | null;
  readonly reason?: ReasonCode | "";
  /** What single checks say. */
  readonly texts?: Readonly<Partial<Record<(typeof CHECKS)[number], string>>>;
  readonly address?: string;
  readonly assumed?: boolean;
}

function item({ node, peer = null, reason = "", texts = {}, address = "203.0.113.1", assumed = false }: Answer): ExplainItem {
  const failing = reason === "" ? 18 : REASON_CHECK[reason];
  const checks = CHECKS.map((name, i): CheckReport => {
    const number = i + 1;
    const result = number < failing ? "pass" : number === failing ? "fail" : "notReached";
    const object = number === failing ? { kind: "Node", namespace: "", name: node } : null;
    return {
      number,
      name,
      result,
      assumed: assumed && name === "dataplane",
      reason: result === "fail" ? reason : "",
      object,
      field: object === null ? "" : "status",
      value: object === null ? "" : "x",
      text: texts[name] ?? (result === "notReached" ? "" : `${name} of it`),
    };
  });
  const announced = reason === "";
  const remedy = announced ? "" : `mend ${reason}`;
  return { node, peer, advertisement: "all", service: "shop/web", address, kind: "LoadBalancerIP", announced, reason, checks, remedy };
}

function print(items: readonly ExplainItem[], style = {}): string {
  return formatExplain({ items, timeline: [] }, { wide: false, ...style }, NOW);
}

function lines(text: string): string[] {
  return text.trimEnd().split("\n");
}

describe("explain for people", () => {
  it("says the verdict first, then what decided and what would change it, then all seventeen checks", () => {
    const texts = { network: "the network is down" };
    const text = lines(print([item({ node: "node-1", reason: "nodeNetworkUnavailable", texts })]));
    expect(text.slice(0, 7)).toEqual([
      "✗ shop/web 203.0.113.1 LoadBalancerIP not announced: nodeNetworkUnavailable",
      "  node            node-1",
      "  peer            any",
      "  advertisement   all",
      "  decided by      Node node-1 status = x: the network is down",
      "  to change this  mend nodeNetworkUnavailable",
      "  #    CHECK               RESULT   WHY",
    ]);
    const checks = text.slice(7);
    expect(checks.map((line) => line.trim().split(/ +/)[1])).toEqual([...CHECKS]);
    expect(checks.map((line) => line.trim().split(/ +/)[2])).toEqual([...Array(8).fill("✓"), "✗", ...Array(8).fill("–")]);
    expect(checks[8]).toBe("   9   network             ✗        the network is down");
    expect(checks[16]).toBe("  17   announceLimit       –        not reached");
  });

  it("marks what was taken for granted, and needs no remedy for what is announced", () => {
    const text = print([item({ node: "node-1", peer: "tor", assumed: true })]);
    expect(text).toContain("✓ shop/web 203.0.113.1 LoadBalancerIP announced\n  node            node-1\n  peer            tor\n");
    expect(text).toMatch(/^ {2}12 {3}dataplane +✓ assumed {3}dataplane of it$/m);
    expect(text).not.toMatch(/decided by|to change/);
  });

  it("puts nodes together that differ in their own name alone, and never says one name for all", () => {
    const texts = (node: string) => ({ endpoints: `no endpoint on ${node}; ready on node-1` });
    const answers = ["node-2", "node-3", "node-10"].map((node) => item({ node, reason: "noLocalEndpoints", texts: texts(node) }));
    const text = print([item({ node: "node-1", peer: "tor" }), ...answers]);
    expect(text).toContain("  nodes           node-2, node-3, node-10\n");
    expect(text).toContain("  decided by      Node <node> status = x: no endpoint on <node>; ready on node-1\n");
    expect(lines(text).slice(0, 4)).toEqual([
      "SERVICE    ADDRESS       KIND             NODES                     PEERS   VERDICT",
      "shop/web   203.0.113.1   LoadBalancerIP   node-1                    tor     ✓ announced",
      "shop/web   203.0.113.1   LoadBalancerIP   node-2, node-3, node-10   any     ✗ noLocalEndpoints",
      "",
    ]);
  });

  it("keeps apart what has another reason, another check or another address", () => {
    const text = print([
      item({ node: "node-1", reason: "noLocalEndpoints" }),
      item({ node: "node-2", reason: "noEndpoints" }),
      item({ node: "node-3", reason: "noLocalEndpoints", address: "203.0.113.2" }),
      item({ node: "node-4", peer: "tor" }),
      item({ node: "node-5", peer: "tor", assumed: true }),
    ]);
    expect(text.match(/^[✓✗] shop\/web/gm)).toHaveLength(5);
  });

  it("quotes texts that differ with whom they are from, the most common first", () => {
    const answers = ["node-1", "node-2", "node-3", "node-4", "node-5"].map((node, i) =>
      item({ node, peer: "tor", texts: { nextHop: i < 2 ? `10.0.0.${i}` : "10.0.0.9" } }),
    );
    expect(print(answers)).toContain(
      [
        "  15   nextHop             ✓        node-3, node-4, node-5: 10.0.0.9",
        "                                    node-1: 10.0.0.0",
        "                                    node-2: 10.0.0.1",
        "",
      ].join("\n"),
    );
  });

  it("says how many texts it leaves out", () => {
    const answers = Array.from({ length: 9 }, (_, i) => item({ node: `node-${i}`, peer: "tor", texts: { nextHop: `10.0.0.${i}` } }));
    expect(print(answers)).toMatch(/node-2: 10\.0\.0\.2\n +and 6 more: -o wide shows each\n/);
    expect(print(answers, { wide: true }).match(/^✓/gm)).toHaveLength(9);
  });

  it("says which node has which peers where these differ, in one table", () => {
    const pairs = [
      ["node-1", "tor-a"],
      ["node-1", "tor-b"],
      ["node-2", "tor-a"],
      ["node-2", "tor-b"],
      ["node-3", "tor-c"],
    ] as const;
    const answers = pairs.map(([node, peer]) => item({ node, peer, texts: { peer: `IPv4 is negotiated on peer ${peer}` } }));
    const text = print(answers);
    expect(text).toContain(
      [
        "  nodes           node-1, node-2",
        "  peers           tor-a, tor-b",
        "  node            node-3",
        "  peer            tor-c",
        "  advertisement   all",
        "",
      ].join("\n"),
    );
    expect(text).toContain("IPv4 is negotiated on peer <peer>\n");
  });

  it("does not mistake a word of the text for a name", () => {
    const answers = ["held", "tor"].map((peer) => item({ node: "node-1", peer, texts: { holdDown: "not held down" } }));
    expect(print(answers)).toMatch(/holdDown +✓ +not held down\n/);
    const part = ["node-1", "node-1.example"].map((node) => item({ node, peer: "tor", texts: { nextHop: `from ${node}` } }));
    expect(print(part)).toContain("from <node>\n");
    const longer = ["node-1", "node-2"].map((node) => item({ node, peer: "tor", texts: { nextHop: "from node-10 and xnode-1" } }));
    expect(print(longer)).toContain("from node-10 and xnode-1\n");
  });

  it("answers for a hundred nodes and four peers in less than a page or two, within 100 columns", () => {
    const answers = Array.from({ length: 100 }, (_, i) => `node-${i + 1}`).flatMap((node, i) => {
      const texts = { endpoints: `no IPv4 endpoint on ${node}; ready on node-1`, nextHop: `10.0.0.${i}, the node's InternalIP` };
      if (i >= 40) return [item({ node, reason: "noLocalEndpoints", texts })];
      return ["tor-a", "tor-b", "tor-c", "tor-d"].map((peer) => item({ node, peer, texts: { ...texts, endpoints: `1 here: pod ${i}` } }));
    });
    expect(answers).toHaveLength(220);
    const text = lines(print(answers));
    expect(text.length).toBeLessThan(80);
    expect(text.filter((line) => textWidth(line) > TABLE_COLUMNS)).toEqual([]);
    // The first forty of the sixty that do not announce it are named, and the rest counted.
    expect(text.join(" ").replace(/ +/g, " ")).toContain("node-80 and 20 more (60 in all)");
  });

  it("shows every pair alone with object, field and value with -o wide", () => {
    const answers = ["node-1", "node-2"].map((node) => item({ node, reason: "noEndpoints" }));
    const text = print(answers, { wide: true });
    expect(text.match(/^✗/gm)).toHaveLength(2);
    expect(text).toMatch(/^ {2}# +CHECK +RESULT +OBJECT +FIELD +VALUE +WHY$/m);
    expect(text).toMatch(/^ {2}11 +endpoints +✗ +Node node-2 +status +x +endpoints of it$/m);
    expect(text).not.toContain("<node>");
  });

  it("needs no more than ASCII where the terminal shows no more", () => {
    const text = print([item({ node: "node-1", reason: "noEndpoints", texts: { endpoints: "none, …" } })], { ascii: true });
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(text).toMatch(/^FAIL shop\/web .* not announced: noEndpoints$/m);
    expect(text).toMatch(/^ {2}10 +drain +ok +drain of it$/m);
    expect(text).toMatch(/^ {2}11 +endpoints +FAIL +none, \.\.\.$/m);
    expect(text).toMatch(/^ {2}12 +dataplane +- +not reached$/m);
  });

  it("gives names of others no hold over the terminal", () => {
    const text = print([item({ node: "node\u001b[2J\n", peer: "tor\u202e", texts: { nextHop: "a\u009bb" } })]);
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  it("is nothing for nothing", () => {
    expect(print([])).toBe("");
  });
});
