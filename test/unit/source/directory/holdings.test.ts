import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Holdings } from "../../../../src/source/directory/holdings.ts";
import { readText } from "../../../../src/source/directory/reading.ts";
import { CHECK } from "../../../support/raw-objects.ts";
import { RecordingSink } from "../../../support/recording-sink.ts";

function namespace(name: string, label = "x"): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { v: ${label} } }\n---\n`;
}
function peer(name: string, asn: string): string {
  return `apiVersion: herald.dev/v1alpha1\nkind: BGPPeer\nmetadata: { name: ${name} }\nspec: { myASN: ${asn}, peerASN: 2, peerAddress: 192.0.2.1 }\n---\n`;
}

class Files {
  readonly holdings = new Holdings(() => ({ line: 7, column: 1 }));
  readonly sink = new RecordingSink();

  put(file: string, text: string | null): readonly string[] {
    this.holdings.replace(file, text === null ? null : readText(file, text, CHECK));
    const before = this.sink.batches.length;
    this.sink.batch({ changes: this.holdings.take(), findings: this.holdings.findings(), at: 0 });
    return this.sink.changes(before);
  }
}

describe("objects of several files", () => {
  it("change only where they differ", () => {
    const files = new Files();
    expect(files.put("a", namespace("one") + namespace("two"))).toEqual(["set Namespace one", "set Namespace two"]);
    expect(files.put("a", namespace("two") + namespace("one"))).toEqual([]);
    expect(files.put("a", namespace("one") + namespace("two", "y"))).toEqual(["set Namespace two"]);
    expect(files.put("a", namespace("one"))).toEqual(["delete Namespace two"]);
    expect(files.put("a", null)).toEqual(["delete Namespace one"]);
  });

  it("keep the last valid version of an object that becomes invalid, and take the others", () => {
    const files = new Files();
    files.put("a", peer("p", "1") + peer("q", "1"));
    expect(files.put("a", peer("p", "0") + peer("q", "3"))).toEqual(["set BGPPeer herald-system/q"]);
    expect(files.sink.findings).toMatchObject([{ code: "outOfRange", field: "spec.myASN", line: 4 }]);
    expect(files.put("a", peer("q", "3"))).toEqual(["delete BGPPeer herald-system/p"]);
    expect(files.sink.findings).toEqual([]);
  });

  it("never were there when they were invalid from the start", () => {
    const files = new Files();
    expect(files.put("a", peer("p", "0"))).toEqual([]);
    expect(files.put("a", peer("p", "1"))).toEqual(["set BGPPeer herald-system/p"]);
  });

  it("stay while their file is broken, except those it still says", () => {
    const files = new Files();
    files.put("a", namespace("one") + namespace("two"));
    expect(files.put("a", `${namespace("one", "new")}broken: [\n`)).toEqual(["set Namespace one"]);
    expect(files.put("a", "also: {broken\n")).toEqual([]);
    expect(files.put("a", namespace("three"))).toEqual(["set Namespace three", "delete Namespace one", "delete Namespace two"]);
  });

  it("belong to the first file: the second is an error, and takes over when the first goes", () => {
    const files = new Files();
    files.put("b", namespace("one", "b"));
    expect(files.put("a", namespace("one", "a"))).toEqual(["set Namespace one"]);
    expect(files.sink.findings).toMatchObject([
      { severity: "error", code: "duplicateObject", file: "b", line: 7, object: { kind: "Namespace", namespace: "", name: "one" } },
    ]);
    expect(files.put("a", "broken: [\n")).toEqual([]);
    expect(files.sink.findings.map(({ code }) => code)).toEqual(["syntax", "duplicateObject"]);
    expect(files.put("a", null)).toEqual(["set Namespace one"]);
    expect(files.sink.findings).toEqual([]);
  });

  it("twice in one file: the first counts", () => {
    const files = new Files();
    expect(files.put("a", namespace("one", "first") + namespace("one", "second"))).toEqual(["set Namespace one"]);
    expect(files.sink.objects[0]?.metadata.labels).toEqual({ v: "first" });
    expect(files.sink.findings).toMatchObject([{ code: "duplicateObject", message: expect.stringContaining("twice") }]);
  });

  it("move between files without a change", () => {
    const files = new Files();
    files.put("a", namespace("one"));
    files.holdings.replace("a", null);
    files.holdings.replace("b", readText("b", namespace("one"), CHECK));
    expect(files.holdings.take()).toEqual([]);
    expect(files.put("c", namespace("one"))).toEqual([]);
    expect(files.put("b", null)).toEqual([]);
  });

  it("end as the last texts say, whatever happened before", () => {
    const step = fc.record({
      file: fc.constantFrom("a", "b", "c"),
      text: fc.option(fc.array(fc.tuple(fc.constantFrom("p", "q", "r"), fc.constantFrom("0", "1", "2")), { maxLength: 3 })),
      broken: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const files = new Files();
        for (const { file, text, broken } of steps) {
          files.put(file, text === null ? null : text.map(([name, asn]) => peer(name, asn)).join("") + (broken ? "x: [\n" : ""));
        }
        // In the end everything is said validly, by new files: the past leaves nothing behind.
        for (const file of ["a", "b", "c"]) files.put(file, null);
        expect(files.sink.names).toEqual([]);
        files.put("z", peer("p", "1") + peer("q", "2"));
        expect(files.sink.names).toEqual(["BGPPeer herald-system/p", "BGPPeer herald-system/q"]);
        expect(files.sink.findings).toEqual([]);
      }),
      { seed: 3, numRuns: 100 },
    );
  });
});
