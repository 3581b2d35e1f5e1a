import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../src/ip/format.ts";
import { accepted, ours, refusal } from "../../support/raw-objects.ts";

function ranges(addresses: readonly string[]): readonly string[] {
  return accepted("IPAddressPool", ours("IPAddressPool", { addresses })).ranges.map(
    ({ from, to }) => `${formatAddress(from)}-${formatAddress(to)}`,
  );
}

describe("an IPAddressPool", () => {
  it("takes prefixes and ranges of both families, ends included", () => {
    expect(
      ranges(["192.0.2.0/24", "198.51.100.10-198.51.100.20", "2001:db8::/126", "203.0.113.7/32", "2001:db8::a - 2001:db8::f"]),
    ).toEqual([
      "192.0.2.0-192.0.2.255",
      "198.51.100.10-198.51.100.20",
      "2001:db8::-2001:db8::3",
      "203.0.113.7-203.0.113.7",
      "2001:db8::a-2001:db8::f",
    ]);
    expect(ranges(["0.0.0.0/0", "10.0.0.0/9"])).toEqual(["0.0.0.0-255.255.255.255", "10.0.0.0-10.127.255.255"]);
  });

  it("gives its addresses out by default, those ending in .0 and .255 too", () => {
    expect(accepted("IPAddressPool", ours("IPAddressPool"))).toMatchObject({
      autoAssign: true,
      avoidBuggyIPs: false,
      serviceAllocation: null,
    });
    const serviceAllocation = {
      priority: 10,
      namespaces: ["shop"],
      namespaceSelectors: [{ matchLabels: { a: "b" } }],
      serviceSelectors: [{}],
    };
    expect(accepted("IPAddressPool", ours("IPAddressPool", { autoAssign: false, avoidBuggyIPs: true, serviceAllocation }))).toMatchObject({
      autoAssign: false,
      avoidBuggyIPs: true,
      serviceAllocation: {
        priority: 10,
        namespaces: ["shop"],
        namespaceSelectors: [{ matchLabels: { a: "b" }, matchExpressions: [] }],
        serviceSelectors: [{ matchLabels: {}, matchExpressions: [] }],
      },
    });
    expect(accepted("IPAddressPool", ours("IPAddressPool", { serviceAllocation: {} })).serviceAllocation).toEqual({
      priority: 0,
      namespaces: [],
      namespaceSelectors: [],
      serviceSelectors: [],
    });
  });

  const bad: readonly [Readonly<Record<string, unknown>>, string, RegExp, string?][] = [
    [{ addresses: [] }, "spec.addresses", /0 items/],
    [{ addresses: ["192.0.2.1/24"] }, "spec.addresses[0]", /host bits: did you mean 192\.0\.2\.0\/24\?/],
    [{ addresses: ["192.0.2.1"] }, "spec.addresses[0]", /no prefix length/, "192.0.2.1/32"],
    [{ addresses: ["192.0.2.9-192.0.2.1"] }, "spec.addresses[0]", /backwards/],
    [{ addresses: ["192.0.2.9-2001:db8::1"] }, "spec.addresses[0]", /mixes/],
    [{ autoAssign: "no" }, "spec.autoAssign", /where a boolean/],
    [{ serviceAllocation: { priority: -1 } }, "spec.serviceAllocation.priority", /outside/],
  ];

  it("refuses what is wrong", () => {
    for (const [spec, field, message, allowed] of bad) {
      const findings = refusal(ours("IPAddressPool", spec));
      expect(findings, field).toHaveLength(1);
      expect(findings[0]).toMatchObject({ field, ...(allowed === undefined ? {} : { allowed }) });
      expect(findings[0]?.message).toMatch(message);
    }
    expect(bad.length).toBe(7);
  });
});
