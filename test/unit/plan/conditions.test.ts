import { describe, expect, it } from "vitest";
import type { ClusterObject, Finding, Node } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { findInCluster } from "../../../src/plan/cluster.ts";
import { conditionsOf, type OwnObject, type ReportedSession } from "../../../src/plan/conditions.ts";
import { advertisement, community, labelled, node, peer, pool, service } from "../../support/cluster-objects.ts";

interface World {
  readonly objects: readonly ClusterObject[];
  readonly refused?: readonly Finding[];
  /** By node: peers with a session, and after `!` those without. */
  readonly sessions?: Readonly<Record<string, readonly string[]>>;
}

/** `TYPE=STATUS REASON` by `KIND/NAME`. */
function said({ objects, refused = [], sessions = {} }: World): Record<string, Record<string, string>> {
  const found = all({ objects, refused, sessions });
  return Object.fromEntries(
    found.map(({ kind, name, aspects }) => [
      `${kind}/${name}`,
      Object.fromEntries(aspects.map(({ type, status, reason }) => [type, `${status} ${reason}`])),
    ]),
  );
}

function all({ objects, refused = [], sessions = {} }: World) {
  const reported = Object.entries(sessions).map(([name, peers]): [string, Map<string, ReportedSession>] => [
    name,
    new Map(
      peers.map((text) => [
        text.replace("!", ""),
        { established: !text.startsWith("!"), lastError: text.startsWith("!") ? "refused" : "" },
      ]),
    ),
  ]);
  return conditionsOf({
    objects: objects.filter((object): object is OwnObject => object.metadata.namespace === "herald-system"),
    nodes: objects.filter((object): object is Node => object.kind === "Node"),
    findings: [...refused, ...findInCluster(objects, DEFAULT_PLANNER_OPTIONS)],
    sessions: new Map(reported),
  });
}

function refusal(kind: string, name: string): Finding {
  const object = { kind, namespace: "herald-system", name };
  const place = { file: "", line: 0, column: 0 };
  return { severity: "error", code: "invalidValue", object, ...place, field: "spec.cidrs[0]", message: "has host bits", allowed: "" };
}

const messageOf = (world: World, key: string, type: string): string | undefined =>
  all(world)
    .find(({ kind, name }) => `${kind}/${name}` === key)
    ?.aspects.find((one) => one.type === type)?.message;

const NODES = [node("n1"), node("n2")];

describe("conditions of our own objects", () => {
  it("say of a peer on how many nodes its session is established, and where and why not", () => {
    const objects = [...NODES, peer("tor")];
    const both = { objects, sessions: { n1: ["tor"], n2: ["tor"] } };
    expect(said(both)["BGPPeer/tor"]).toEqual({
      Accepted: "True Accepted",
      Ready: "True Established",
      HasWarnings: "False NoWarnings",
    });
    expect(all(both)[0]?.sessions).toBe("2/2");
    const one = { objects, sessions: { n1: ["tor"], n2: ["!tor"] } };
    expect(said(one)["BGPPeer/tor"]).toMatchObject({ Ready: "False SessionsDown" });
    expect(messageOf(one, "BGPPeer/tor", "Ready")).toBe("established on 1 of 2 nodes; not on n2 (refused)");
    expect(all(one)[0]?.sessions).toBe("1/2");
  });

  it("believe no session of a node that is not ready", () => {
    const world = { objects: [node("n1"), node("n2", { ready: false }), peer("tor")], sessions: { n1: ["tor"], n2: ["tor"] } };
    expect(messageOf(world, "BGPPeer/tor", "Ready")).toBe("established on 1 of 2 nodes; not on n2 (the Node is not ready)");
  });

  it("say Unknown where no speaker reports, and why where a peer has no node or is kept down", () => {
    expect(said({ objects: [...NODES, peer("tor")] })["BGPPeer/tor"]).toMatchObject({ Ready: "Unknown NoNodeStatus" });
    const nowhere = peer("tor", { nodeSelectors: [labelled("rack", "z")] });
    expect(said({ objects: [...NODES, nowhere] })["BGPPeer/tor"]).toMatchObject({
      Ready: "False NoNodes",
      HasWarnings: "True SelectsNothing",
    });
    const down = peer("tor", { adminDown: { reason: "moves" } });
    expect(said({ objects: [...NODES, down] })["BGPPeer/tor"]).toMatchObject({ Ready: "False AdminDown" });
  });

  it("say of an advertisement whether a session carries it, and what it names that is not there", () => {
    const objects = [...NODES, peer("tor"), advertisement("all"), advertisement("named", { peers: ["tro"], communities: ["no-exports"] })];
    const found = said({ objects, sessions: { n1: ["tor"], n2: ["!tor"] } });
    expect(found["BGPAdvertisement/all"]).toEqual({
      Accepted: "True Accepted",
      Ready: "True SessionsEstablished",
      ResolvedRefs: "True ResolvedRefs",
      Conflicted: "False NoConflicts",
      HasWarnings: "False NoWarnings",
    });
    expect(found["BGPAdvertisement/named"]).toMatchObject({ Accepted: "True Accepted", Ready: "False NoPeers" });
    expect(found["BGPAdvertisement/named"]?.["ResolvedRefs"]).toMatch(/^False Unknown(Peer|Community)$/);
    expect(said({ objects, sessions: { n1: ["!tor"] } })["BGPAdvertisement/all"]).toMatchObject({ Ready: "False NoSession" });
    expect(said({ objects })["BGPAdvertisement/all"]).toMatchObject({ Ready: "Unknown NoNodeStatus" });
  });

  it("say of an advertisement that selects nothing that it does not work, and of one without a common node", () => {
    const idle = advertisement("idle", { nodeSelectors: [labelled("rack", "z")] });
    expect(said({ objects: [...NODES, peer("tor"), idle] })["BGPAdvertisement/idle"]).toMatchObject({ Ready: "False SelectsNothing" });
    const racks = [node("a", { metadata: { labels: { rack: "a" } } }), node("b", { metadata: { labels: { rack: "b" } } })];
    const apart = [peer("tor", { nodeSelectors: [labelled("rack", "a")] }), advertisement("x", { nodeSelectors: [labelled("rack", "b")] })];
    expect(said({ objects: [...racks, ...apart] })["BGPAdvertisement/x"]).toMatchObject({ Ready: "False NoNodes" });
  });

  it("name conflicts between objects", () => {
    const objects = [...NODES, peer("tor"), community("one", { blue: "65000:1" }), community("two", { blue: "65000:2" })];
    const found = said({ objects });
    expect(Object.values(found).filter((one) => one["Conflicted"] === "True AmbiguousAlias").length).toBe(1);
    const loud = [advertisement("loud", { localPref: 200 }), advertisement("soft", { localPref: 50 })];
    const web = service("web", { loadBalancerIPs: [] });
    expect(said({ objects: [...NODES, peer("tor"), ...loud, web] })["BGPAdvertisement/soft"]).toMatchObject({
      Conflicted: "False NoConflicts",
    });
  });

  it("say of a version that was refused that the one before it is in force, or nothing", () => {
    const refused = [refusal("BGPAdvertisement", "all"), refusal("BGPAdvertisement", "new"), refusal("File", "x")];
    const world = { objects: [...NODES, advertisement("all"), pool("main", "192.0.2.1", "192.0.2.9")], refused };
    const found = said(world);
    expect(found["BGPAdvertisement/all"]).toMatchObject({ Accepted: "False InvalidValue", ResolvedRefs: "True ResolvedRefs" });
    expect(found["BGPAdvertisement/new"]).toEqual({ Accepted: "False InvalidValue" });
    expect(Object.keys(found)).toEqual(["BGPAdvertisement/all", "BGPAdvertisement/new", "IPAddressPool/main"]);
    expect(messageOf(world, "BGPAdvertisement/all", "Accepted")).toBe(
      "spec.cidrs[0]: has host bits; the last valid version stays in force",
    );
    expect(all(world).map(({ generation }) => generation === null)).toEqual([true, true, false]);
  });

  it("are words that an API server takes", () => {
    const objects = [...NODES, peer("tor"), advertisement("all", { peers: ["tro"] }), pool("main", "192.0.2.1", "192.0.2.9")];
    const aspects = all({ objects, refused: [refusal("BGPPeer", "tor")] }).flatMap((one) => one.aspects);
    expect(aspects.length).toBeGreaterThan(8);
    for (const { type, reason, message } of aspects) {
      expect(type).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(message.length).toBeGreaterThan(0);
    }
  });
});
