import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { initialPeer, type PeerState, stepPeer } from "../../../src/bgp/fsm/peer.ts";
import { parseRecordLine, recordHeader, recordStep } from "../../../src/bgp/fsm/record.ts";
import { replayLines } from "../../../src/bgp/fsm/replay.ts";

/** One folder per case: `about.md` names the rule, `in.jsonl` holds what happens, `out.jsonl` what must come of it (HERALD_UPDATE=1 writes it). */
const root = fileURLToPath(new URL(".", import.meta.url));
const cases = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const linesOf = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");

function stepped(lines: readonly string[]): readonly string[] {
  let state: PeerState | null = null;
  return lines.map((text) => {
    const line = parseRecordLine(text);
    if (line.kind === "header") {
      state = initialPeer(line.settings, line.seed);
      return recordHeader(line.settings, line.seed, line.peer);
    }
    if (state === null) throw new Error("a case starts with its header");
    const result = stepPeer(state, line.event, line.at);
    state = result.state;
    return recordStep(line.at, line.event, result.actions);
  });
}

describe("recorded sessions", () => {
  it.each(cases.map(({ name }) => name))("%s", (name) => {
    const folder = join(root, name);
    expect(readFileSync(join(folder, "about.md"), "utf8")).toMatch(/RFC \d+ §/);
    const output = stepped(linesOf(join(folder, "in.jsonl")));
    const file = join(folder, "out.jsonl");
    if (process.env["HERALD_UPDATE"] === "1") writeFileSync(file, `${output.join("\n")}\n`);
    const expected = linesOf(file);
    expect(output).toEqual(expected);
    expect(replayLines(expected)).toEqual({ steps: expected.length - 1, difference: null });
    expect(expected.length).toBeGreaterThan(3);
  });

  it("are nine", () => {
    expect(cases).toHaveLength(9);
  });
});
