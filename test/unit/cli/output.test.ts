import { describe, expect, it } from "vitest";
import { formatResult, parseOutputFormat } from "../../../src/cli/output.ts";
import { parseYaml } from "../../../src/text/yaml.ts";

const ODD = [
  "\u001b[31mred",
  "\u009b31m",
  "\u0085",
  "a\u2028b\u2029",
  "\u200frtl\u202e",
  "\ufeff",
  "\u0000",
  "a\r\nb",
  "a\n",
  "a\tb",
  " lead",
  "trail ",
  "\ud800",
  "👩‍👩‍👧",
  "日本",
  "<<",
  "~",
  "on",
  "0x1f",
  "---",
  "a: b # c",
  "\u{e0041}",
];

describe("-o json and -o yaml", () => {
  it.each(ODD.map((text) => [JSON.stringify(text), text] as const))(
    "keep %s as it is, and give a terminal nothing to obey",
    async (_, text) => {
      const value = { text, list: [text], [text]: { [`${text}.`]: text } };
      const json = await formatResult("json", value, () => "");
      const yaml = await formatResult("yaml", value, () => "");
      expect(JSON.parse(json)).toEqual(value);
      expect(parseYaml(yaml)).toMatchObject({ documents: [{ value }], problems: [] });
      for (const written of [json, yaml]) {
        expect(written.replaceAll("\n", "")).not.toMatch(/(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        // What is written as UTF-8 is read back as the same.
        expect(Buffer.from(written).toString("utf8")).toBe(written);
      }
    },
  );

  it("hold the whole value of a lone odd text", async () => {
    for (const text of ODD) expect(parseYaml(await formatResult("yaml", text, () => "")).documents[0]?.value).toBe(text);
    expect(ODD.length).toBe(22);
  });
});

describe("the other formats", () => {
  it("are tables, wide or not, in ASCII where it has to be", async () => {
    const style = (format: "table" | "wide", ascii: boolean) => formatResult(format, {}, (one) => JSON.stringify(one), ascii);
    expect(await style("table", false)).toBe('{"wide":false,"ascii":false}');
    expect(await style("wide", true)).toBe('{"wide":true,"ascii":true}');
  });

  it("do not exist beyond the four", () => {
    expect(parseOutputFormat("wide")).toBe("wide");
    expect(() => parseOutputFormat("xml")).toThrow(expect.objectContaining({ code: "USAGE", message: "-o xml: no such format" }));
  });
});
