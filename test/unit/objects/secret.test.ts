import { describe, expect, it } from "vitest";
import { accepted, check, ours } from "../../support/raw-objects.ts";

const HIDDEN = "correct-horse";

describe("what must not be seen (docs/security.md)", () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ["too long", HIDDEN.repeat(10)],
    ["longer in octets than in characters", `${HIDDEN}${"é".repeat(40)}`],
    ["a list", [HIDDEN]],
    ["a mapping", { text: HIDDEN }],
    ["a number", 20260701],
  ];
  it.each(wrong)("is not quoted by a finding about a password that is %s", (_what, password) => {
    const checked = check({ ...ours("BGPPeer", { password }) });
    expect(checked.findings.map(({ field }) => field)).toEqual(["spec.password"]);
    expect(JSON.stringify(checked.findings)).not.toContain(HIDDEN);
    expect(JSON.stringify(checked.findings)).not.toContain("20260701");
  });

  it("is not quoted by a finding about a Secret", () => {
    const checked = check({ apiVersion: "v1", kind: "Secret", metadata: { name: "key" }, stringData: { password: HIDDEN.repeat(10) } });
    expect(checked.findings.map(({ severity, message }) => [severity, message])).toEqual([
      ["warning", "has a password that cannot be used"],
    ]);
    expect(JSON.stringify(checked.findings)).not.toContain(HIDDEN);
  });
});

describe("Secrets", () => {
  it("are Herald's own where they name no namespace, and left alone elsewhere", () => {
    const raw = { apiVersion: "v1", kind: "Secret", stringData: { password: "x" } };
    expect(accepted("Secret", { ...raw, metadata: { name: "key" } })).toMatchObject({
      password: "x",
      metadata: { namespace: "herald-system" },
    });
    expect(check({ ...raw, metadata: { name: "key", namespace: "default" } })).toEqual({ result: "ignored", findings: [] });
  });

  it("of other types are no fault", () => {
    const raw = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: { name: "tls" }, data: { "tls.key": "AAAA" } };
    expect(check(raw)).toMatchObject({ result: "object", object: { password: null }, findings: [] });
  });
});

describe("a BFDProfile", () => {
  it("has MetalLB's defaults", () => {
    expect(accepted("BFDProfile", ours("BFDProfile"))).toMatchObject({
      receiveIntervalMillis: 300,
      transmitIntervalMillis: 300,
      detectMultiplier: 3,
      passiveMode: false,
      minimumTtl: 254,
    });
  });

  it("refuses what no session can keep", () => {
    for (const spec of [
      { receiveInterval: 5 },
      { transmitInterval: 60_001 },
      { detectMultiplier: 0 },
      { minimumTtl: 256 },
      { echoMode: true },
    ]) {
      expect([spec, check(ours("BFDProfile", spec)).result]).toEqual([spec, "refused"]);
    }
  });
});
