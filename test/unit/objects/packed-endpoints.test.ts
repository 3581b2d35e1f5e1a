import { describe, expect, it } from "vitest";
import { sameObject } from "../../../src/objects/equality.ts";
import type { Endpoint, EndpointSlice } from "../../../src/objects/kinds.ts";
import { PackedEndpoints } from "../../../src/objects/packed-endpoints.ts";
import { ip } from "../../support/cluster-objects.ts";

const STATES = [true, false].flatMap((ready) =>
  [true, false].flatMap((serving) => [true, false].map((terminating) => ({ ready, serving, terminating }))),
);

function endpoints(family: "IPv4" | "IPv6"): readonly Endpoint[] {
  return STATES.map((state, index) => ({
    address: ip(family === "IPv4" ? `10.0.200.${index}` : `fd00::${index}`),
    nodeName: index === 2 ? null : `node${index % 3}`,
    pod: index === 5 ? null : `web-${index}`,
    ...state,
  }));
}

function slice(list: readonly Endpoint[], resourceVersion = "1"): EndpointSlice {
  const metadata = {
    name: "web-1",
    namespace: "shop",
    uid: "",
    resourceVersion,
    generation: 1,
    creationTimestamp: "",
    deleting: false,
    labels: {},
    annotations: {},
  };
  return { kind: "EndpointSlice", metadata, serviceName: "web", addressType: "IPv4", endpoints: new PackedEndpoints("IPv4", list) };
}

describe("the endpoints of a slice", () => {
  it.each(["IPv4", "IPv6"] as const)("of %s are read back as they were, in order and as often as somebody looks", (family) => {
    const list = endpoints(family);
    const packed = new PackedEndpoints(family, list);
    for (let look = 0; look < 2; look++) expect([...packed]).toEqual(list);
    expect(packed.length).toBe(8);
    expect([...packed].map(({ address }) => [...address.octets])).toEqual(list.map(({ address }) => [...address.octets]));
  });

  it("may be none", () => {
    expect([...new PackedEndpoints("IPv4", [])]).toEqual([]);
  });

  it("may be more than a call takes arguments", () => {
    const [one] = endpoints("IPv4");
    const packed = new PackedEndpoints("IPv4", new Array<Endpoint>(300_000).fill(one as Endpoint));
    expect(packed.length).toBe(300_000);
  });

  it("keep their Pods apart where one has no name that a Pod can have", () => {
    const list = endpoints("IPv4").map((one, index) => (index === 3 ? { ...one, pod: "a\nb" } : one));
    expect([...new PackedEndpoints("IPv4", list)].map(({ pod }) => pod)).toEqual([
      "web-0",
      "web-1",
      "web-2",
      null,
      "web-4",
      null,
      "web-6",
      "web-7",
    ]);
  });

  it("are the same exactly when nothing about one of them differs", () => {
    const list = endpoints("IPv4");
    expect(sameObject(slice(list), slice(list, "2"))).toBe(true);
    const differences: readonly Partial<Endpoint>[] = [
      { address: ip("10.9.9.9") },
      { nodeName: "elsewhere" },
      { pod: "another" },
      { ready: false },
      { serving: false },
      { terminating: false },
    ];
    const changes = differences.map((difference) => list.map((one, index) => (index === 0 ? { ...one, ...difference } : one)));
    for (const changed of [...changes, list.slice(1), list.toReversed(), []]) expect(sameObject(slice(list), slice(changed))).toBe(false);
    expect(changes.length).toBe(6);
  });
});
