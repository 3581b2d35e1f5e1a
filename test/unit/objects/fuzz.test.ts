import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkObject, expandList } from "../../../src/objects/check.ts";
import { parseYaml } from "../../../src/text/yaml.ts";
import { CHECK, check, ours, SPECS } from "../../support/raw-objects.ts";

const KINDS = [
  ["v1", "Service"],
  ["v1", "Node"],
  ["v1", "Namespace"],
  ["discovery.k8s.io/v1", "EndpointSlice"],
  ["herald.dev/v1alpha1", "BGPPeer"],
  ["herald.dev/v1alpha1", "BGPAdvertisement"],
  ["herald.dev/v1alpha1", "Community"],
  ["herald.dev/v1alpha1", "BFDProfile"],
  ["v1", "Secret"],
  ["herald.dev/v1alpha1", "IPAddressPool"],
] as const;

/** Words that lead deep into the readers, and anything at all under them. */
const FIELDS = [
  "name",
  "labels",
  "annotations",
  "clusterIPs",
  "externalIPs",
  "type",
  "endpoints",
  "addresses",
  "addressType",
  "conditions",
  "taints",
  "communities",
  "cidrs",
  "peers",
  "nodeSelectors",
  "matchLabels",
  "__proto__",
  "constructor",
  "items",
];
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, -1, 1.5, "", "10.0.0.1", "Local", "x".repeat(300)),
    fc.anything(),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...FIELDS), tie("any"), { maxKeys: 4 }),
  ),
})).any;

describe("whatever an object holds", () => {
  it("it is taken, refused with a reason, or ignored: never a crash", () => {
    let runs = 0;
    const raw = fc
      .tuple(fc.constantFrom(...KINDS), value, value, value, value)
      .map(([[apiVersion, kind], metadata, spec, status, endpoints]) => ({
        apiVersion,
        kind,
        metadata,
        spec,
        status,
        endpoints,
        addressType: "IPv4",
      }));
    fc.assert(
      fc.property(raw, (object) => {
        for (const one of expandList(object)) {
          for (const candidate of [one.raw, { ...object, metadata: { name: "x", labels: object.metadata, annotations: object.spec } }]) {
            const checked = check(candidate);
            expect(checked.result !== "refused" || checked.findings.some(({ severity }) => severity === "error")).toBe(true);
            expect(checked.result === "refused" || checked.findings.every(({ severity }) => severity === "warning")).toBe(true);
            runs++;
          }
        }
      }),
      { seed: 4, numRuns: 1500 },
    );
    expect(runs).toBeGreaterThan(2500);
  });

  it("a spec of ours with one field of anything is the same", () => {
    for (const kind of Object.keys(SPECS).filter((name): name is keyof typeof SPECS => name in SPECS)) {
      const field = fc.string({ maxLength: 12 });
      fc.assert(
        fc.property(field, value, (name, anything) => {
          const checked = check(ours(kind, { [name]: anything }));
          return (
            checked.result !== "ignored" &&
            (checked.result === "object") === checked.findings.every(({ severity }) => severity === "warning")
          );
        }),
        { seed: 5, numRuns: 300 },
      );
    }
  });
});

describe("whatever a text holds", () => {
  const TEXT =
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: &n web\n  labels: { app: *n }\nspec:\n  externalIPs: [10.0.0.1, 'x']\n  x: |\n    text\n---\n<<: { a: 1 }\n";

  it("YAML gives values with positions or problems with positions: never a crash", () => {
    const edits = fc.array(
      fc.tuple(
        fc.nat(TEXT.length),
        fc.nat(3),
        fc.oneof(
          fc.string({ maxLength: 4 }),
          fc.constantFrom("\t", "\n", ": ", "- ", "*n", "&n ", "<<: ", "---\n", "[", "{", '"', "\u0000", "\uFEFF", "!!map ", "? "),
        ),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(edits, (list) => {
        let text = TEXT;
        for (const [position, cut, insert] of list) text = text.slice(0, position) + insert + text.slice(position + cut);
        const { documents, problems } = parseYaml(text);
        for (const { line, column } of problems) expect(line >= 1 && column >= 1).toBe(true);
        for (const document of documents) {
          const where = { file: "f", locate: document.locate.bind(document) };
          for (const { line, column } of checkObject(document.value, where, CHECK).findings) expect(line >= 1 && column >= 1).toBe(true);
        }
      }),
      { seed: 6, numRuns: 1500 },
    );
  });
});
