import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textToParse } from "../../../src/kube/managed-fields.ts";

function parsed(value: unknown): unknown {
  return JSON.parse(textToParse(Buffer.from(JSON.stringify(value))));
}

describe("an object's managedFields", () => {
  it("are not built, and everything around them is as it was", () => {
    const managedFields = [{ manager: "a]", fieldsV1: { 'f:ports k:{"port":80}': { "[": ["]", '\\"', "ü", {}] } } }, []];
    const object = { kind: "Service", metadata: { name: "web", managedFields, labels: { a: "ü" } }, spec: { ports: [1, 2] } };
    expect(parsed(object)).toEqual({ ...object, metadata: { ...object.metadata, managedFields: [] } });
    const custom = { metadata: { managedFields, name: "web" } };
    expect(parsed(custom)).toEqual({ metadata: { managedFields: [], name: "web" } });
  });

  it("inside a text, or as the end of another key, are left alone", () => {
    const applied = JSON.stringify({ metadata: { managedFields: [{ manager: "x" }] } });
    const objects = [
      { metadata: { annotations: { applied } } },
      { 'a"managedFields': ["kept"] },
      { managedFields: "text" },
      { managedFields: null },
      { managedFields: { a: 1 } },
    ];
    for (const object of objects) expect(parsed(object)).toEqual(object);
    expect(objects.length).toBe(5);
  });

  it("that are cut off are no JSON, as without this", () => {
    const text = JSON.stringify({ metadata: { managedFields: [{ a: "]" }] } });
    for (let length = 1; length < text.length; length++) {
      expect(() => JSON.parse(textToParse(Buffer.from(text.slice(0, length))))).toThrow(SyntaxError);
    }
    expect(text.length).toBeGreaterThan(30);
  });

  it("are found whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (managedFields, rest) => {
        const { managedFields: _, ...around } = JSON.parse(JSON.stringify(rest));
        expect(parsed({ managedFields, around })).toEqual({ managedFields: [], around });
      }),
    );
  });
});
