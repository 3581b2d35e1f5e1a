import { SpeakerError } from "../errors.ts";
import { escapeJson } from "../text/unseen-characters.ts";
import type { TableStyle } from "./table.ts";
import { speaksUtf8 } from "./terminal-text.ts";

export const OUTPUT_FORMATS = ["table", "wide", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** @throws {SpeakerError} USAGE */
export function parseOutputFormat(text: string): OutputFormat {
  const format = OUTPUT_FORMATS.find((candidate) => candidate === text);
  if (format === undefined)
    throw new SpeakerError("USAGE", `-o ${text}: no such format`, { remedy: `use one of ${OUTPUT_FORMATS.join(", ")}` });
  return format;
}

/** Writes a result to stdout: the value itself, or what `table` makes of it for people. */
export async function printResult(format: OutputFormat, value: unknown, table: (style: TableStyle) => string): Promise<void> {
  process.stdout.write(await formatResult(format, value, table, !speaksUtf8(process.env)));
}

/** Text of a result in the format asked for. JSON is indented by two and ends with a newline; YAML is the same value. */
export async function formatResult(
  format: OutputFormat,
  value: unknown,
  table: (style: TableStyle) => string,
  ascii = false,
): Promise<string> {
  switch (format) {
    case "json":
      return `${escapeJson(JSON.stringify(value, null, 2))}\n`;
    case "yaml": {
      const { stringifyYaml } = await import("../text/yaml.ts");
      return stringifyYaml(value);
    }
    case "table":
    case "wide":
      return table({ wide: format === "wide", ascii });
  }
}

/** True when colours are wanted on this stream (https://no-color.org). */
export function wantsColour(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}
