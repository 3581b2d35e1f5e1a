import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { crdDocuments } from "../../../src/objects/crd.ts";
import { isRecord } from "../../../src/objects/schema.ts";
import { parseYaml, stringifyYaml } from "../../../src/text/yaml.ts";

const directory = fileURLToPath(new URL("../../../deploy/crds", import.meta.url));

/** The openAPIV3Schema of each kind. */
const roots = crdDocuments().map((document) => at(document, "spec", "versions", 0, "schema", "openAPIV3Schema"));

describe("the CRDs (apiextensions.k8s.io/v1)", () => {
  it("are those under deploy/crds, a file per kind (npm run check -- --fix writes them)", () => {
    const files = readdirSync(directory)
      .filter((name) => name.endsWith(".yaml"))
      .sort();
    const plurals = ["bfdprofiles", "bgpadvertisements", "bgpnodestatuses", "bgppeers", "communities", "ipaddresspools"];
    expect(files).toEqual(plurals.map((plural) => `${plural}.herald.dev.yaml`));
    const written = files.map((name) => parseYaml(readFileSync(join(directory, name), "utf8")).documents[0]?.value);
    const name = (document: unknown): string => String(at(document, "metadata", "name"));
    const generated = [...crdDocuments()].sort((a, b) => (name(a) < name(b) ? -1 : 1));
    expect(written).toEqual(JSON.parse(JSON.stringify(generated)));
  });

  it("come back from YAML as the same values", () => {
    for (const document of crdDocuments())
      expect(parseYaml(stringifyYaml(document)).documents[0]?.value).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it("are namespaced, with a name, short names, a category, status and columns", () => {
    for (const document of crdDocuments()) {
      const { scope, names, group } = record(at(document, "spec"));
      expect({ scope, group }).toEqual({ scope: "Namespaced", group: "herald.dev" });
      expect(at(document, "metadata", "name")).toBe(`${record(names)["plural"]}.herald.dev`);
      expect(record(names)["categories"]).toEqual(["herald"]);
      const version = record(at(document, "spec", "versions", 0));
      expect(version).toMatchObject({ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } });
      const columns = version["additionalPrinterColumns"];
      expect(
        Array.isArray(columns) &&
          columns.length > 1 &&
          columns.every((column) => isRecord(column) && typeof column["description"] === "string"),
      ).toBe(true);
    }
    const shortNames = crdDocuments().flatMap((document) => at(document, "spec", "names", "shortNames") ?? []);
    expect(shortNames).toEqual(["bgpp", "bgpadv", "bgppool", "bgppools", "bfdp", "bgpns"]);
  });

  it("have structural schemas: no references, a type and a description on every node, nothing that Kubernetes forbids", () => {
    const nodes = roots.flatMap((root) => schemasOf(root, "$"));
    expect(nodes.length).toBeGreaterThan(150);
    const forbidden = [
      "$ref",
      "definitions",
      "dependencies",
      "deprecated",
      "discriminator",
      "id",
      "patternProperties",
      "readOnly",
      "writeOnly",
      "xml",
      "oneOf",
      "anyOf",
      "allOf",
      "not",
    ];
    for (const { schema, path } of nodes) {
      // An API server refuses a definition that says more.
      if (path === "$.metadata") {
        expect(schema).toEqual({ type: "object" });
        continue;
      }
      expect(typeof schema["description"] === "string" && schema["description"] !== "", `${path} has a description`).toBe(true);
      const typed =
        ["object", "array", "string", "integer", "boolean"].includes(String(schema["type"])) ||
        schema["x-kubernetes-int-or-string"] === true;
      expect(typed, `${path} has a type`).toBe(true);
      expect(
        Object.keys(schema).filter((key) => forbidden.includes(key)),
        path,
      ).toEqual([]);
      expect("properties" in schema && "additionalProperties" in schema, path).toBe(false);
      if (schema["type"] === "array") expect(schema["items"], path).toBeDefined();
    }
  });

  it("bound every list, text and mapping of spec, so that CEL rules stay cheap", () => {
    const specs = roots.map((root) => at(root, "properties", "spec")).filter((spec) => spec !== undefined);
    const nodes = specs.flatMap((spec) => schemasOf(spec, "$.spec"));
    for (const { schema, path } of nodes) {
      if (schema["type"] === "array") expect(schema["maxItems"], path).toBeGreaterThan(0);
      if (schema["type"] === "string" && schema["enum"] === undefined) expect(schema["maxLength"], path).toBeGreaterThan(0);
      if (schema["additionalProperties"] !== undefined) expect(schema["maxProperties"], path).toBeGreaterThan(0);
    }
    expect(nodes.length).toBeGreaterThan(120);
  });

  it("say every CEL rule in words, and require only fields that there are", () => {
    let rules = 0;
    for (const { schema, path } of roots.flatMap((root) => schemasOf(root, "$"))) {
      const required = schema["required"];
      if (Array.isArray(required)) for (const name of required) expect(Object.keys(record(schema["properties"])), path).toContain(name);
      const validations = schema["x-kubernetes-validations"];
      if (!Array.isArray(validations)) continue;
      for (const rule of validations) {
        rules++;
        expect(rule).toEqual({ rule: expect.stringMatching(/self/), message: expect.stringMatching(/^\S.{8,200}$/) });
        expect(String(record(rule)["rule"]).split("(").length, path).toBe(String(record(rule)["rule"]).split(")").length);
      }
    }
    expect(rules).toBeGreaterThan(12);
  });

  it("have defaults that their own checks accept", () => {
    let defaults = 0;
    for (const { schema, path } of roots.flatMap((root) => schemasOf(root, "$"))) {
      const value = schema["default"];
      if (value === undefined) continue;
      defaults++;
      if (Array.isArray(schema["enum"])) expect(schema["enum"], path).toContain(value);
      if (schema["type"] === "integer") expect(Number.isInteger(value), path).toBe(true);
      if (schema["type"] === "boolean") expect(typeof value, path).toBe("boolean");
      if (typeof schema["pattern"] === "string") expect(String(value), path).toMatch(new RegExp(schema["pattern"]));
    }
    expect(defaults).toBeGreaterThan(15);
  });
});

function schemasOf(value: unknown, path: string): readonly { readonly schema: Readonly<Record<string, unknown>>; readonly path: string }[] {
  const schema = record(value);
  const inner: [string, unknown][] = Object.entries(record(schema["properties"] ?? {})).map(([name, one]) => [`${path}.${name}`, one]);
  if (schema["items"] !== undefined) inner.push([`${path}[]`, schema["items"]]);
  return [{ schema, path }, ...inner.flatMap(([name, one]) => schemasOf(one, name))];
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => (Array.isArray(inner) ? inner[Number(step)] : record(inner)[step]), value);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Error(`not a mapping: ${JSON.stringify(value)}`);
  return value;
}
