import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { crdDocuments } from "../../src/objects/crd.ts";
import { DEFINITIONS } from "../../src/objects/definitions.ts";
import { ApiServer, resource } from "../support/lab/api-server.ts";
import { NAMESPACES, namespace } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { record } from "../support/lab/json.ts";
import { testDirectory } from "../support/leftovers.ts";
import { check, ours } from "../support/raw-objects.ts";
import { requireTools } from "../support/requirements.ts";
import { BEYOND_THE_SCHEMA, SPEC_CASES, type SpecCase } from "../support/spec-cases.ts";

/** What a real API server makes of our CRDs: it must refuse what Herald's own check refuses, and take what that takes. */

requireTools("kubectl", ...CONTROL_PLANE_NEEDS)("the CRDs on a real API server", () => {
  let server: ApiServer;
  let kubeconfig = "";
  const directory = testDirectory("crds");

  beforeAll(async () => {
    server = await ApiServer.start();
    await server.apply(NAMESPACES, namespace("herald-system"));
    // Their rules are compiled, and their cost is estimated, here.
    await server.installCrds();
    mkdirSync(directory, { recursive: true });
    kubeconfig = join(directory, "kubeconfig");
    writeFileSync(kubeconfig, server.kubeconfig());
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => server?.stop());

  /** What the API server has against each of the specs; "" = it takes it. */
  async function judge(cases: readonly Pick<SpecCase, "kind" | "spec">[]): Promise<readonly string[]> {
    const refusals: string[] = [];
    for (const { kind, spec } of cases) {
      const plural = DEFINITIONS.find((definition) => definition.kind === kind)?.plural ?? "";
      const object = ours(kind, spec);
      const metadata = { name: "one", namespace: "herald-system" };
      const place = resource("herald.dev", "v1alpha1", plural, "herald-system");
      refusals.push(await server.refusalOf(place, { ...object, apiVersion: "herald.dev/v1alpha1", kind, metadata }));
    }
    return refusals;
  }

  function common(): readonly string[] {
    return ["--kubeconfig", kubeconfig, "--cache-dir", join(directory, "cache")];
  }

  it("are taken, and judge every spec as Herald's own check does", async () => {
    const refusals = await judge(SPEC_CASES);
    const differing = SPEC_CASES.flatMap(({ kind, spec }, i) => {
      const own = check(ours(kind, spec)).result === "object" ? "taken" : "refused";
      const theirs = refusals[i] === "" ? "taken" : "refused";
      return own === theirs ? [] : [{ kind, spec, own, theirs, words: refusals[i] }];
    });
    expect(differing).toEqual([]);
    expect(refusals.filter((words) => words === "").length).toBeGreaterThan(80);
    expect(refusals.filter((words) => words !== "").length).toBeGreaterThan(120);
  }, 180_000);

  it("refuse in our words", async () => {
    const cases: readonly [SpecCase["kind"], SpecCase["spec"], string][] = [
      ["BGPPeer", { peerAddress: "0.0.0.0" }, "must be an IPv4 or IPv6 address that a host can have"],
      ["BGPPeer", { interface: "eth0" }, "exactly one of peerAddress, interface and defaultGateway is needed"],
      ["BGPPeer", { holdTime: "3500ms" }, "must be a whole number of seconds"],
      ["BGPPeer", { omitCapabilities: ["route-refesh"] }, "must be a code in 1..255 or one of"],
      ["BGPAdvertisement", { cidrs: ["192.0.2.1/24"] }, "must be a prefix like 192.0.2.0/24, without host bits"],
      ["BGPAdvertisement", { communities: ["70000:1"] }, "must be 65000:1, large:1:2:3, a well-known name like no-export"],
      ["BGPAdvertisement", { linkBandwidth: { perEndpoint: "fast" } }, "must be bits per second like 1G"],
      ["IPAddressPool", { addresses: ["192.0.2.9-2001:db8::1"] }, "of one family"],
      ["Community", { communities: [{ name: "no-export", value: "1:1" }] }, "must not read like a well-known community"],
    ];
    const refusals = await judge(cases.map(([kind, spec]) => ({ kind, spec })));
    cases.forEach(([, , words], i) => {
      expect(refusals[i]).toContain(words);
    });
    expect(cases.length).toBe(9);
  }, 60_000);

  it("take what neither a schema nor CEL can judge, which Herald then refuses: these cases, and why", async () => {
    const refusals = await judge(BEYOND_THE_SCHEMA.map((one) => one.case));
    BEYOND_THE_SCHEMA.forEach(({ case: one, why }, i) => {
      expect([refusals[i], check(ours(one.kind, one.spec)).result], why).toEqual(["", "refused"]);
    });
    expect(BEYOND_THE_SCHEMA.length).toBeGreaterThan(3);
  }, 60_000);

  it("explain every field", () => {
    let fields = 0;
    for (const document of crdDocuments()) {
      const { plural } = record(record(record(document)["spec"])["names"]);
      const text = execFileSync("kubectl", [...common(), "explain", `${String(plural)}.status.conditions`], { encoding: "utf8" });
      expect(text).toContain("Newest word on each aspect of the object.");
      fields += (text.match(/^ {2}\w+/gm) ?? []).length;
    }
    expect(fields).toBeGreaterThan(25);
  }, 60_000);
});
