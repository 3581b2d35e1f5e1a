import { describe, expect, it } from "vitest";
import type { NodeStatus } from "../../../src/objects/bgp-node-status.ts";
import { NODE_STATUS_FIELDS } from "../../../src/objects/bgp-node-status.ts";
import type { Finding } from "../../../src/objects/kinds.ts";
import { type NodeStatusInputs, nodeStatusOf, sameness, toStatusObject, urgency } from "../../../src/speaker/node-status.ts";
import { NodeStatusReport } from "../../../src/speaker/node-status-report.ts";
import type { LastErrorView, PeerState, PeerView } from "../../../src/view/peers.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordingKube, refusal, settled } from "../../support/recording-kube.ts";

const T0 = "2026-01-01T00:00:00.000Z";

function session(name: string, state: PeerState, more: Partial<PeerView> = {}): PeerView {
  return {
    name,
    peerAddress: "10.0.0.2",
    peerASN: 65000,
    localASN: 65001,
    state,
    since: T0,
    families: ["IPv4"],
    routerID: null,
    holdTimeSeconds: 90,
    capabilities: { sent: [], received: [] },
    gracefulRestart: { enabled: false, negotiated: false, restartTimeSeconds: 0, families: [] },
    bfd: { state: "", fault: "" },
    announced: { IPv4: 3, IPv6: 0 },
    pending: 0,
    unsendable: [],
    sent: { updates: 0, keepalives: 0, notifications: 0 },
    received: { updates: 0, prefixes: 0, keepalives: 0, treatAsWithdraw: 0, attributeDiscard: 0 },
    lastError: null,
    flaps: 0,
    ...more,
  };
}

function error(at: string, text = "connection refused"): LastErrorView {
  return { at, direction: "local", code: 0, subcode: 0, name: "", text };
}

function inputs(more: Partial<NodeStatusInputs> = {}): NodeStatusInputs {
  const decisions = { announced: 4, notAnnounced: { noEndpoints: 2, noAddress: 0 } };
  return {
    version: "1",
    peers: [],
    decisions,
    ready: true,
    waitingFor: "",
    drain: { phase: "none", cause: null, text: "" },
    findings: [],
    ...more,
  };
}

function finding(code: string, severity: Finding["severity"]): Finding {
  const object = { kind: "BGPPeer", namespace: "herald-system", name: "tor" };
  return { severity, code, object, file: "", line: 0, column: 0, field: "", message: "so it is", allowed: "" };
}

const conditions = ({ conditions }: NodeStatus): Record<string, string> =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));

describe("BGPNodeStatus", () => {
  it("tells of every session, what is announced, and what is not by reason", () => {
    const status = nodeStatusOf(
      inputs({ peers: [session("a", "Established"), session("b", "Active", { lastError: error(T0) })] }),
      null,
      new Date(T0),
    );
    expect(status).toMatchObject({
      sessions: { established: 1, wanted: 2, summary: "1/2" },
      announced: { ipv4: 3, ipv6: 0 },
      addresses: { announced: 4, notAnnounced: [{ reason: "noEndpoints", count: 2 }] },
      peers: [
        { name: "a", state: "Established", since: T0, announced: { ipv4: 3, ipv6: 0 }, lastError: null },
        { name: "b", state: "Active", announced: { ipv4: 0, ipv6: 0 }, lastError: { text: "connection refused" } },
      ],
    });
    expect(conditions(status)).toEqual({
      Ready: "True Decided",
      SessionsEstablished: "False SessionsDown",
      Drained: "False NotDrained",
      SourceLost: "False SourcesServed",
      ObjectsAccepted: "True AllAccepted",
    });
    const written = JSON.parse(JSON.stringify(toStatusObject(status)));
    expect(written.peers[0]).not.toHaveProperty("lastError");
    expect(JSON.stringify(written)).not.toContain("null");
    expect(Object.keys(written).filter((key) => key !== "conditions")).toEqual(Object.keys(NODE_STATUS_FIELDS));
  });

  it("has conditions for what is waited for, a drain, a kind that is lost and objects that were refused", () => {
    const status = nodeStatusOf(
      inputs({
        ready: false,
        waitingFor: "the first full read of Service",
        drain: { phase: "drained", cause: "taint", text: "node node-1 has the taint example" },
        findings: [finding("sourceLost", "warning"), finding("invalidValue", "error")],
      }),
      null,
      new Date(T0),
    );
    expect(conditions(status)).toEqual({
      Ready: "False Waiting",
      SessionsEstablished: "False NoPeers",
      Drained: "True Drained",
      SourceLost: "True SourceLost",
      ObjectsAccepted: "False ObjectsRefused",
    });
    expect(status.conditions[0]?.message).toBe("waits for the first full read of Service");
  });

  it("keeps the time of a condition, of an error that repeats and of a session that stays down", () => {
    const later = new Date("2026-01-01T01:00:00.000Z");
    const first = nodeStatusOf(inputs({ peers: [session("b", "Active", { lastError: error(T0) })] }), null, new Date(T0));
    const again = session("b", "Connect", { since: later.toISOString(), lastError: error(later.toISOString()) });
    const second = nodeStatusOf(inputs({ peers: [again] }), first, later);
    expect(second.conditions).toEqual(first.conditions);
    expect(second.peers[0]).toMatchObject({ state: "Connect", since: T0, lastError: { at: T0 } });
    expect(sameness(second)).toBe(sameness(first));
    const up = nodeStatusOf(inputs({ peers: [session("b", "Established", { since: later.toISOString() })] }), second, later);
    expect(up.peers[0]?.since).toBe(later.toISOString());
    expect(up.conditions.find(({ type }) => type === "SessionsEstablished")?.lastTransitionTime).toBe("2026-01-01T01:00:00Z");
    expect(urgency(up)).not.toBe(urgency(second));
    const more = nodeStatusOf(
      inputs({
        peers: [session("b", "Established", { since: later.toISOString(), announced: { IPv4: 9, IPv6: 0 } })],
      }),
      up,
      later,
    );
    expect([sameness(more) === sameness(up), urgency(more) === urgency(up)]).toEqual([false, true]);
  });
});

describe("the writing of BGPNodeStatus", () => {
  function rig(on = true) {
    const clock = new FakeClock();
    const kube = new RecordingKube(clock);
    const logged: string[] = [];
    let now = inputs({ peers: [session("tor", "Active")] });
    const report = new NodeStatusReport(
      {
        client: kube,
        clock,
        log: ({ event }) => logged.push(event),
        namespace: "herald-system",
        node: "node-1",
        random: () => 0.5,
        look: () => now,
      },
      on,
    );
    const look = (more: Partial<NodeStatusInputs>): void => {
      now = inputs(more);
      report.changed();
    };
    const pass = async (millis: number): Promise<void> => {
      for (let left = millis; left > 0; left -= 500) {
        clock.advance(Math.min(left, 500));
        await settled();
      }
    };
    const written = () => kube.writes.filter(({ subresource }) => subresource === "status");
    return { clock, kube, logged, report, look, pass, written };
  }

  it("waits for the Node, which owns the object, and goes on with the one that takes its place", async () => {
    const { kube, report, pass, written } = rig();
    report.changed();
    await pass(10_000);
    expect(kube.writes).toEqual([]);
    report.setNode("uid-1");
    await pass(10_000);
    expect(kube.writes[0]).toMatchObject({
      plural: "bgpnodestatuses",
      namespace: "herald-system",
      name: "node-1",
      manager: "herald-speaker",
      object: { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node-1", uid: "uid-1" }] } },
    });
    expect(written().length).toBe(1);
    report.setNode("uid-2");
    await pass(10_000);
    expect(kube.writes.at(-2)?.object).toMatchObject({ metadata: { ownerReferences: [{ uid: "uid-2" }] } });
    report.setNode(null);
    report.changed();
    await pass(60_000);
    expect(written().length).toBe(2);
  });

  it("tells of a session within seconds, of counts later, of states of a session that is down never, and writes once in five seconds", async () => {
    const { report, look, pass, written } = rig();
    report.setNode("uid-1");
    await pass(10_000);
    for (let i = 0; i < 20; i++) {
      look({ peers: [session("tor", i % 2 === 0 ? "Connect" : "Active", { since: `2026-01-01T00:00:${10 + i}.000Z` })] });
      await pass(5000);
    }
    expect(written().length).toBe(1);
    look({ peers: [session("tor", "Established")] });
    await pass(2000);
    expect(written().length).toBe(2);
    expect(written().at(-1)?.object).toMatchObject({ status: { sessions: { summary: "1/1" }, peers: [{ state: "Established" }] } });
    for (let i = 0; i < 18; i++) {
      look({ peers: [session("tor", "Established", { announced: { IPv4: i, IPv6: 0 } })] });
      await pass(1000);
    }
    expect(written().length).toBe(2);
    await pass(30_000);
    expect(written().length).toBe(3);
    for (let i = 0; i < 60; i++) {
      look({ peers: [session("tor", i % 2 === 0 ? "Active" : "Established", { flaps: i })] });
      await pass(500);
    }
    await pass(20_000);
    const gaps = written()
      .slice(1)
      .map(({ at }, i) => at - (written()[i]?.at ?? 0));
    expect(gaps.length).toBeGreaterThan(3);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
  });

  it("looks again while routes wait for the kernel", async () => {
    const { report, look, pass, written } = rig();
    report.setNode("uid-1");
    look({ peers: [session("tor", "Established", { pending: 5, announced: { IPv4: 1, IPv6: 0 } })] });
    await pass(2000);
    expect(written().length).toBe(1);
  });

  it("writes nothing where it is off, and nothing more once it is switched off", async () => {
    const { kube, report, look, pass, written } = rig(false);
    report.setNode("uid-1");
    report.changed();
    await pass(60_000);
    expect(kube.writes).toEqual([]);
    report.switch(true);
    await pass(10_000);
    expect(written().length).toBe(1);
    report.switch(false);
    look({ peers: [] });
    await pass(60_000);
    expect(written().length).toBe(1);
    await report.stop();
  });

  it("that fails is one line, whatever happens meanwhile", async () => {
    const { kube, logged, report, look, pass } = rig();
    kube.fails = () => refusal("Forbidden");
    report.setNode("uid-1");
    for (let i = 0; i < 100; i++) {
      look({ peers: [session("tor", i % 2 === 0 ? "Active" : "Established")] });
      await pass(5000);
    }
    expect(logged).toEqual(["kube.writeFailed"]);
  });
});
