import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fsmDocument } from "../../../../src/bgp/fsm/document.ts";
import { STATE_NAMES } from "../../../../src/bgp/fsm/session.ts";

const file = fileURLToPath(new URL("../../../../docs/fsm.md", import.meta.url));

describe("docs/fsm.md", () => {
  it("is what stepping every state with every event gives (HERALD_UPDATE=1 writes it)", () => {
    const document = fsmDocument();
    if (process.env["HERALD_UPDATE"] === "1") writeFileSync(file, document);
    expect(readFileSync(file, "utf8")).toBe(document);
  });

  it("has a table for each of the six states, all with the same events", () => {
    const [, connections = ""] = fsmDocument().split("## One connection");
    const sections = (connections.split("## One peer")[0] ?? "").split("\n### ").slice(1);
    for (const state of STATE_NAMES)
      expect(
        sections.some((section) => section.startsWith(state)),
        state,
      ).toBe(true);
    const events = sections.map((section) =>
      section
        .split("\n")
        .slice(4)
        .map((row) => row.split("|")[1]?.trim())
        .filter((title) => title),
    );
    expect(new Set(events.map((titles) => titles.join())).size).toBe(1);
    expect(events[0]?.length).toBeGreaterThanOrEqual(26);
  });
});
