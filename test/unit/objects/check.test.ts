import { describe, expect, it } from "vitest";
import { expandList } from "../../../src/objects/check.ts";
import { sameObject } from "../../../src/objects/equality.ts";
import { FINDING_CODES, formatFinding, formatPath, parsePath } from "../../../src/objects/findings.ts";
import { nearest } from "../../../src/objects/nearest.ts";
import { accepted, check, ours, refusal } from "../../support/raw-objects.ts";

describe("recognising an object", () => {
  it("refuses what is no Kubernetes object, with the field that is missing", () => {
    const cases: readonly [unknown, string][] = [
      [null, ""],
      ["text", ""],
      [[1], ""],
      [{}, "apiVersion"],
      [{ apiVersion: "v1" }, "kind"],
      [{ apiVersion: 1, kind: "Service" }, "apiVersion"],
      [{ apiVersion: "v1", kind: "Service" }, "metadata"],
      [{ apiVersion: "v1", kind: "Service", metadata: {} }, "metadata.name"],
      [{ apiVersion: "v1", kind: "Service", metadata: { name: 7 } }, "metadata.name"],
      [{ apiVersion: "v1", kind: "Service", metadata: { generateName: "x-" } }, "metadata.name"],
    ];
    for (const [raw, field] of cases) expect(refusal(raw)[0]).toMatchObject({ code: "notAnObject", field });
    expect(cases.length).toBe(10);
  });

  it("refuses names that no API server would take and that would pass for another's; other letters are its business", () => {
    const named = (metadata: Readonly<Record<string, string>>) => ({ apiVersion: "v1", kind: "Service", metadata });
    const cases: readonly [Readonly<Record<string, string>>, string][] = [
      [{ name: "a/b" }, "metadata.name"],
      [{ name: "a\nb" }, "metadata.name"],
      [{ name: "a b" }, "metadata.name"],
      [{ name: "\u001b[31m" }, "metadata.name"],
      [{ name: "web", namespace: "shop/web" }, "metadata.namespace"],
    ];
    for (const [metadata, field] of cases)
      expect(refusal(named(metadata)), JSON.stringify(metadata)).toMatchObject([{ code: "invalidValue", field }]);
    expect(cases.length).toBe(5);
    for (const name of ["__proto__", "constructor", "Web_1", "ünï", "a|b"])
      expect(accepted("Service", named({ name })).metadata.name).toBe(name);
  });

  it("ignores kinds of others, and ours that other parts of Herald read", () => {
    for (const [apiVersion, kind] of [
      ["apps/v1", "Deployment"],
      ["v1", "Pod"],
      ["kustomize.config.k8s.io/v1beta1", "Kustomization"],
      ["herald.dev/v1alpha1", "BGPNodeStatus"],
      ["example.org/v1", "BGPPeer"],
      ["v1", "constructor"],
    ]) {
      expect(check({ apiVersion, kind, metadata: { name: "x" } }), kind).toEqual({ result: "ignored", findings: [] });
    }
  });

  it("refuses kinds and versions that herald.dev does not have", () => {
    expect(refusal({ apiVersion: "herald.dev/v1alpha1", kind: "BGPPeers", metadata: { name: "x" } })).toMatchObject([
      { code: "unknownKind", field: "kind", message: expect.stringContaining("did you mean BGPPeer?") },
    ]);
    expect(refusal({ ...ours("BGPPeer"), apiVersion: "herald.dev/v1" })).toMatchObject([
      { code: "unknownVersion", allowed: "herald.dev/v1alpha1" },
    ]);
  });

  it("ignores our kinds in another namespace, with a warning", () => {
    expect(check({ ...ours("BGPPeer"), metadata: { name: "one", namespace: "shop" } })).toMatchObject({
      result: "ignored",
      findings: [
        {
          severity: "warning",
          code: "otherNamespace",
          field: "metadata.namespace",
          object: { kind: "BGPPeer", namespace: "shop", name: "one" },
        },
      ],
    });
    expect(accepted("BGPPeer", { ...ours("BGPPeer"), metadata: { name: "one", namespace: "herald-system" } }).metadata.namespace).toBe(
      "herald-system",
    );
  });

  it("refuses unknown fields beside spec, a missing spec and a malformed name of our kinds", () => {
    const raw = { ...ours("BGPPeer"), sepc: {}, metadata: { name: "One_" } };
    expect(refusal(raw).map(({ code, field }) => `${code} ${field}`)).toEqual(["invalidValue metadata.name", "unknownField sepc"]);
    const { spec: _, ...without } = ours("BGPPeer");
    expect(refusal(without)).toMatchObject([{ code: "requiredField", field: "spec" }]);
    expect(check({ ...ours("BGPPeer"), status: { conditions: [] } }).result).toBe("object");
  });
});

describe("lists of objects", () => {
  it("come apart, with the path of each item", () => {
    const list = { apiVersion: "v1", kind: "List", items: [{ a: 1 }, { kind: "List", items: [{ b: 2 }] }] };
    expect(expandList(list)).toEqual([
      { raw: { a: 1 }, path: ["items", 0] },
      { raw: { b: 2 }, path: ["items", 1, "items", 0] },
    ]);
    expect(expandList({ kind: "Service" })).toEqual([{ raw: { kind: "Service" }, path: [] }]);
    expect(expandList({ kind: "List", items: {} })).toHaveLength(1);
  });

  it("of one kind lend their items that kind", () => {
    const [item] = expandList({ apiVersion: "v1", kind: "ServiceList", items: [{ metadata: { name: "a" } }] });
    expect(accepted("Service", item?.raw).metadata.name).toBe("a");
  });
});

describe("a finding as a line", () => {
  it("has file, line, column, object, field, words and what is allowed", () => {
    const finding = {
      severity: "error",
      code: "outOfRange",
      object: { kind: "BGPPeer", namespace: "herald-system", name: "tor" },
      file: "a/peers.yaml",
      line: 7,
      column: 13,
      field: "spec.holdTime",
      message: "2s is outside",
      allowed: "0s or 3s",
    } as const;
    expect(formatFinding(finding)).toBe(
      "a/peers.yaml:7:13: error: BGPPeer herald-system/tor spec.holdTime: 2s is outside; allowed: 0s or 3s",
    );
    expect(
      formatFinding({ ...finding, object: { kind: "Node", namespace: "", name: "n1" }, field: "", allowed: "", severity: "warning" }),
    ).toBe("a/peers.yaml:7:13: warning: Node n1: 2s is outside");
    expect(formatFinding({ ...finding, object: null, field: "", line: 0, column: 0, allowed: "" })).toBe(
      "a/peers.yaml: error: 2s is outside",
    );
  });

  it("stays one line whatever a file says", () => {
    const message = 'no "\n\u001b[31m\u2028"';
    const finding = {
      severity: "error",
      code: "syntax",
      object: null,
      file: "f",
      line: 1,
      column: 1,
      field: "",
      message,
      allowed: "",
    } as const;
    expect(formatFinding(finding)).toBe('f:1:1: error: no " [31m "');
  });

  it("writes paths as people do", () => {
    expect(formatPath(["spec", "peers", 0])).toBe("spec.peers[0]");
    expect(formatPath(["metadata", "labels", "app.kubernetes.io/name"])).toBe('metadata.labels["app.kubernetes.io/name"]');
    expect(formatPath([])).toBe("");
    const paths = [["spec", "peers", 0], ["metadata", "labels", 'a.b/"c"[1]'], [], ["spec", "blocks", 12, "x-y"]];
    for (const path of paths) expect(parsePath(formatPath(path)), formatPath(path)).toEqual(path);
    expect(paths.length).toBe(4);
  });

  it("has a code with a meaning", () => {
    expect(Object.values(FINDING_CODES).every((meaning) => meaning.length > 10)).toBe(true);
    expect(Object.keys(FINDING_CODES).length).toBeGreaterThan(15);
  });
});

describe("what a person most likely meant", () => {
  it("is at most two edits away", () => {
    const names = ["peerAddress", "peerASN", "myASN"];
    expect(["peerAdress", "PeerASN", "myAS", "peerAddres", "x", "address"].map((name) => nearest(name, names))).toEqual([
      "peerAddress",
      "peerASN",
      "myASN",
      "peerAddress",
      undefined,
      undefined,
    ]);
  });
});

describe("equality of objects", () => {
  const raw = (extra: Readonly<Record<string, unknown>>, metadata: Readonly<Record<string, unknown>> = {}) =>
    accepted("Service", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", ...metadata },
      spec: { clusterIP: "10.0.0.1", ...extra },
    });

  it("ignores resourceVersion and generation, which move with fields that are not read", () => {
    expect(sameObject(raw({}), raw({}, { resourceVersion: "2", generation: 9 }))).toBe(true);
  });

  it("sees every other difference", () => {
    const others = [
      raw({ clusterIP: "10.0.0.2" }),
      raw({ clusterIP: "fd00::1" }),
      raw({ externalIPs: ["10.0.0.1"] }),
      raw({}, { labels: { a: "b" } }),
      raw({}, { deletionTimestamp: "x" }),
      raw({}, { name: "b" }),
    ];
    expect(others.filter((other) => sameObject(raw({}), other))).toEqual([]);
    expect(sameObject(raw({}, { labels: { a: "b" } }), raw({}, { labels: { a: "c" } }))).toBe(false);
    expect(sameObject(raw({}, { labels: { a: "b" } }), raw({}, { labels: { c: "b" } }))).toBe(false);
  });
});
