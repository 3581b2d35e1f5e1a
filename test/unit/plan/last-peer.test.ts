import { describe, expect, it } from "vitest";
import type { BGPPeer, Node, ObjectChange } from "../../../src/objects/kinds.ts";
import { LastPeer } from "../../../src/plan/last-peer.ts";
import { accepted, ours } from "../../support/raw-objects.ts";

function peer(name: string, spec: Readonly<Record<string, unknown>> = {}): BGPPeer {
  return accepted("BGPPeer", { ...ours("BGPPeer", spec), metadata: { name, namespace: "herald-system" } });
}

function node(name: string, labels: Readonly<Record<string, string>>): Node {
  return accepted("Node", { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
}

const set = (object: BGPPeer | Node): ObjectChange => ({ type: "set", object });
const gone = (name: string): ObjectChange => ({
  type: "delete",
  ref: { kind: "BGPPeer", namespace: "herald-system", name },
  resourceVersion: "9",
});

/** `set tor-1`, `delete tor-1`. */
function words(changes: readonly ObjectChange[]): readonly string[] {
  return changes.map((change) => `${change.type} ${change.type === "set" ? change.object.metadata.name : change.ref.name}`);
}

function holding(...peers: readonly BGPPeer[]): LastPeer {
  const lastPeer = new LastPeer("n1");
  lastPeer.apply([set(node("n1", { rack: "a" })), ...peers.map(set)], 0);
  return lastPeer;
}

describe("the last peer of a node", () => {
  it("is obeyed like any other when it goes alone, and so is every peer but the last", () => {
    expect(words(holding(peer("tor")).apply([gone("tor")], 100))).toEqual(["delete tor"]);
    const two = holding(peer("tor-1"), peer("tor-2"));
    expect(words(two.apply([gone("tor-1")], 100))).toEqual(["delete tor-1"]);
    expect(words(two.apply([gone("tor-2")], 5_100))).toEqual(["delete tor-2"]);
    expect(two.held).toBeNull();
  });

  it("stays in force for 30 s where all peers go within 5 s, one word after the other or in one", () => {
    for (const lot of [[["tor-1"], ["tor-2"], ["tor-3"]], [["tor-1", "tor-2", "tor-3"]]]) {
      const lastPeer = holding(peer("tor-1"), peer("tor-2"), peer("tor-3"));
      const inForce = lot.flatMap((names, index) => words(lastPeer.apply(names.map(gone), 1_000 + index)));
      expect(inForce).toEqual(["delete tor-1", "delete tor-2"]);
      const until = 31_000 + lot.length - 1;
      expect(lastPeer.held).toMatchObject({ peer: { metadata: { name: "tor-3" } }, untilMillis: until });
      expect(lastPeer.due(until - 1)).toEqual([]);
      expect(words(lastPeer.due(until))).toEqual(["delete tor-3"]);
      expect([lastPeer.held, lastPeer.due(until + 1)]).toEqual([null, []]);
    }
  });

  it("goes on as if nothing had been when it comes back in time", () => {
    const lastPeer = holding(peer("tor-1"), peer("tor-2"));
    lastPeer.apply([gone("tor-1"), gone("tor-2")], 0);
    expect(words(lastPeer.apply([set(peer("tor-2"))], 10_000))).toEqual(["set tor-2"]);
    expect([lastPeer.held, lastPeer.due(60_000)]).toEqual([null, []]);
    expect(words(lastPeer.apply([set(peer("tor-1")), gone("tor-2")], 61_000))).toEqual(["set tor-1", "delete tor-2"]);
  });

  it("goes on whatever other peers of this node come back before it, and goes in its time when it does not", () => {
    const lastPeer = holding(peer("tor-1"), peer("tor-2", { peerAddress: "192.0.2.2" }));
    lastPeer.apply([gone("tor-1"), gone("tor-2")], 0);
    expect(words(lastPeer.apply([set(peer("tor-1"))], 1))).toEqual(["set tor-1"]);
    expect(lastPeer.held?.peer.metadata.name).toBe("tor-2");
    // Not the last one: tor-2 is still in force.
    expect(words(lastPeer.apply([gone("tor-1")], 2))).toEqual(["delete tor-1"]);
    expect(words(lastPeer.apply([set(peer("tor-1"))], 3))).toEqual(["set tor-1"]);
    expect(words(lastPeer.due(30_000))).toEqual(["delete tor-2"]);
  });

  it("goes at once when a peer of another name is for the same router, before that one comes", () => {
    const lastPeer = holding(peer("tor-1"), peer("tor-2", { peerAddress: "192.0.2.2" }));
    lastPeer.apply([gone("tor-1"), gone("tor-2")], 0);
    const far = peer("far", { peerAddress: "192.0.2.2", nodeSelectors: [{ matchLabels: { rack: "z" } }] });
    expect(words(lastPeer.apply([set(far)], 1))).toEqual(["set far"]);
    expect(words(lastPeer.apply([set(peer("beside", { peerAddress: "192.0.2.2", peerPort: 1179 }))], 2))).toEqual(["set beside"]);
    expect(words(lastPeer.apply([set(peer("renamed", { peerAddress: "192.0.2.2" }))], 3))).toEqual(["delete tor-2", "set renamed"]);
  });

  it("is the last of those whose node selectors match and that are not shut down, not of all there are", () => {
    const lastPeer = holding(
      peer("a-1", { nodeSelectors: [{ matchLabels: { rack: "a" } }] }),
      peer("a-2", { nodeSelectors: [{ matchLabels: { rack: "a" } }] }),
      peer("b-1", { nodeSelectors: [{ matchLabels: { rack: "b" } }] }),
      peer("down", { adminDown: { reason: "maintenance" } }),
    );
    expect(words(lastPeer.apply([gone("a-1"), gone("a-2")], 0))).toEqual(["delete a-1"]);
    expect(lastPeer.held?.peer.metadata.name).toBe("a-2");
    expect(words(lastPeer.apply([gone("b-1"), gone("down")], 1))).toEqual(["delete b-1", "delete down"]);
  });

  it("lets everything else pass as it is", () => {
    const lastPeer = holding(peer("tor-1"), peer("tor-2"));
    const others: readonly ObjectChange[] = [
      { type: "delete", ref: { kind: "BGPAdvertisement", namespace: "herald-system", name: "all" }, resourceVersion: "9" },
      { type: "delete", ref: { kind: "Node", namespace: "", name: "n2" }, resourceVersion: "9" },
    ];
    expect(lastPeer.apply(others, 0)).toEqual(others);
  });
});
