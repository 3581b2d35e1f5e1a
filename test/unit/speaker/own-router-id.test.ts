import { describe, expect, it } from "vitest";
import { formatRouterId } from "../../../src/ip/router-id.ts";
import { OwnRouterId } from "../../../src/speaker/own-router-id.ts";
import { ip, node } from "../../support/cluster-objects.ts";

function noteNode(routerId: OwnRouterId, name: string, address: string): void {
  routerId.note({ type: "set", object: node(name, { internalIPs: [ip(address)] }) });
}

/** What a speaker of `n1` has once the Nodes are read. */
function settled(configured: number | null, saved: number | null, nodes: readonly (readonly [string, string])[]): string {
  const routerId = new OwnRouterId(configured, "n1");
  routerId.begin(saved);
  for (const [name, address] of nodes) noteNode(routerId, name, address);
  routerId.settle();
  return formatRouterId(routerId.value);
}

describe("a speaker's own BGP Identifier", () => {
  it("is the configured one, then that of the process before, then its Node's address", () => {
    expect(settled(9, 8, [["n1", "10.0.0.1"]])).toBe("0.0.0.9");
    expect(settled(null, 8, [["n1", "10.0.0.1"]])).toBe("0.0.0.8");
    expect(settled(null, null, [["n1", "10.0.0.1"]])).toBe("10.0.0.1");
  });

  it("is never that of another Node", () => {
    const nodes = [
      ["n1", "10.0.0.1"],
      ["n2", "10.0.0.2"],
    ] as const;
    expect(settled(null, null, nodes)).toBe("10.0.0.1");
    expect(settled(null, null, nodes.slice(1))).toBe(settled(null, null, []));
  });

  it("is not known before the objects are, and stays when the Node gets another address", () => {
    const routerId = new OwnRouterId(null, "n1");
    routerId.begin(null);
    noteNode(routerId, "n1", "10.0.0.1");
    expect(routerId.value).toBe(0);
    routerId.settle();
    noteNode(routerId, "n1", "10.0.0.7");
    routerId.settle();
    expect(formatRouterId(routerId.value)).toBe("10.0.0.1");
  });
});
