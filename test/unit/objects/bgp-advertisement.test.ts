import { describe, expect, it } from "vitest";
import { formatPrefix } from "../../../src/ip/format.ts";
import type { BGPAdvertisement } from "../../../src/objects/kinds.ts";
import { parseRate } from "../../../src/objects/rate.ts";
import { accepted, ours, refusal } from "../../support/raw-objects.ts";

function advertisement(spec: Readonly<Record<string, unknown>> = {}): BGPAdvertisement {
  return accepted("BGPAdvertisement", ours("BGPAdvertisement", spec));
}

describe("a BGPAdvertisement with an empty spec", () => {
  it("announces LoadBalancer addresses of everything to everybody", () => {
    const { metadata, ...rest } = advertisement();
    expect(metadata.name).toBe("one");
    expect(rest).toEqual({
      kind: "BGPAdvertisement",
      addresses: ["LoadBalancerIP"],
      cidrs: [],
      ipAddressPools: [],
      ipAddressPoolSelectors: [],
      serviceSelectors: [],
      namespaceSelectors: [],
      nodeSelectors: [],
      peers: [],
      aggregationLength: 32,
      aggregationLengthV6: 128,
      blocks: [],
      localPref: null,
      med: null,
      communities: [],
      extendedCommunities: [],
      asPathPrepend: 0,
      linkBandwidth: null,
      endpointPolicy: "ServingIfLast",
      withoutEndpoints: "Withdraw",
      maxAnnouncers: null,
      dataplaneGate: "Prefer",
    });
  });
});

describe("fields of a BGPAdvertisement", () => {
  const good: readonly [string, unknown, unknown][] = [
    ["addresses", ["ClusterIP", "ExternalIP", "LoadBalancerIP"], ["ClusterIP", "ExternalIP", "LoadBalancerIP"]],
    ["ipAddressPools", ["public"], ["public"]],
    ["peers", ["tor-a", "tor-b"], ["tor-a", "tor-b"]],
    ["aggregationLength", 24, 24],
    ["aggregationLengthV6", 64, 64],
    ["localPref", 0, 0],
    ["localPref", 4_294_967_295, 4_294_967_295],
    ["med", 50, 50],
    ["communities", ["65000:1", "large:1:2:3", "no-export", "my.Alias_1"], ["65000:1", "large:1:2:3", "no-export", "my.Alias_1"]],
    ["extendedCommunities", ["0x0002FDE800000064"], ["0002fde800000064"]],
    ["asPathPrepend", 16, 16],
    ["linkBandwidth", {}, { bytesPerSecondPerEndpoint: 125_000_000, transitive: true }],
    ["linkBandwidth", { perEndpoint: "400M", transitive: false }, { bytesPerSecondPerEndpoint: 50_000_000, transitive: false }],
    ["linkBandwidth", { perEndpoint: 8000 }, { bytesPerSecondPerEndpoint: 1000, transitive: true }],
    ["endpointPolicy", "Serving", "Serving"],
    ["withoutEndpoints", "Announce", "Announce"],
    ["maxAnnouncers", 2, 2],
    ["dataplaneGate", "Off", "Off"],
  ];

  it("take what is right", () => {
    for (const [field, value, expected] of good) expect(advertisement({ [field]: value }), field).toHaveProperty(field, expected);
    expect(good.length).toBe(18);
  });

  it("take prefixes of both families", () => {
    const { cidrs, blocks } = advertisement({ cidrs: ["192.0.2.0/24", "2001:DB8::/32"], blocks: ["10.96.0.0/12"] });
    expect([...cidrs, ...blocks].map(formatPrefix)).toEqual(["192.0.2.0/24", "2001:db8::/32", "10.96.0.0/12"]);
  });

  const bad: readonly [string, unknown, string, RegExp, string?][] = [
    ["addresses", ["LoadBalancerIp"], "invalidValue", /did you mean LoadBalancerIP/, "ClusterIP, ExternalIP, LoadBalancerIP"],
    ["addresses", [], "outOfRange", /0 items/],
    ["addresses", ["ClusterIP", "ClusterIP"], "conflictingFields", /twice/],
    ["cidrs", ["192.0.2.1/24"], "invalidValue", /host bits: did you mean 192\.0\.2\.0\/24\?/],
    ["cidrs", ["2001:db8::1/64"], "invalidValue", /host bits: did you mean 2001:db8::\/64\?/],
    ["cidrs", ["192.0.2.1"], "invalidValue", /no prefix length/, "192.0.2.1/32"],
    ["cidrs", ["192.0.2.0/33"], "invalidValue", /length over 32/],
    ["cidrs", ["192.0.2.0/255.255.255.0"], "invalidValue", /netmask/],
    ["cidrs", "192.0.2.0/24", "wrongType", /where a list/],
    ["blocks", ["x"], "invalidValue", /not an IP address/],
    ["peers", ["Tor A"], "invalidValue", /is not lower-case/],
    ["aggregationLength", 33, "outOfRange", /outside 1\.\.32/],
    ["aggregationLengthV6", 129, "outOfRange", /outside 1\.\.128/],
    ["localPref", -1, "outOfRange", /outside/],
    ["med", 4_294_967_296, "outOfRange", /outside/],
    ["communities", ["65536:1"], "invalidValue", /0\.\.65535/],
    ["communities", ["1:2:3"], "invalidValue", /large:1:2:3/],
    ["communities", [65000], "wrongType", /put it in quotes/],
    ["extendedCommunities", ["0x1234"], "invalidValue", /16 hex digits/],
    ["extendedCommunities", [0x0002fde800000064], "wrongType", /put it in quotes/],
    ["asPathPrepend", 17, "outOfRange", /outside 0\.\.16/],
    ["linkBandwidth", { perEndpoint: "fast" }, "invalidValue", /not a rate/],
    ["linkBandwidth", { perEndpoint: "0" }, "invalidValue", /outside/],
    ["linkBandwidth", { perEndpoints: "1G" }, "unknownField", /did you mean perEndpoint/],
    ["endpointPolicy", "ready", "invalidValue", /did you mean Ready/],
    ["withoutEndpoints", "Keep", "invalidValue", /not known/],
    ["maxAnnouncers", 0, "outOfRange", /outside/],
    ["dataplaneGate", true, "wrongType", /one of the words/],
  ];

  it("refuse what is wrong, with the right form where there is one", () => {
    for (const [field, value, code, message, allowed] of bad) {
      const findings = refusal(ours("BGPAdvertisement", { [field]: value }));
      const label = `${field}: ${JSON.stringify(value)}`;
      expect(findings, label).toHaveLength(1);
      expect(findings[0], label).toMatchObject({ code, ...(allowed === undefined ? {} : { allowed }) });
      expect(findings[0]?.message, label).toMatch(message);
      expect(findings[0]?.field, label).toMatch(new RegExp(`^spec\\.${field}`));
    }
    expect(bad.length).toBe(28);
  });
});

describe("rates", () => {
  it("are bits per second as people write them, octets per second inside", () => {
    const cases = [
      ["1G", 125_000_000],
      ["1000M", 125_000_000],
      ["2.5G", 312_500_000],
      ["100k", 12_500],
      ["8", 1],
      [80, 10],
      ["10T", 1.25e12],
    ] as const;
    for (const [written, value] of cases) expect(parseRate(written), String(written)).toEqual({ ok: true, value });
    expect(cases.length).toBe(7);
    expect(["", "G", "1Gi", "1 G", "-1G", "1e9", "0", "7", "2000T"].filter((text) => parseRate(text).ok)).toEqual([]);
  });
});
