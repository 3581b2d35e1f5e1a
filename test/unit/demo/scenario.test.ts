import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { SCENARIO } from "../../../src/demo/scenario.ts";
import { tableOf } from "../../../src/demo/table.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { planCluster } from "../../../src/plan/cluster.ts";
import { loadPaths } from "../../../src/source/directory/files.ts";

const cluster = fileURLToPath(new URL("../../../config/demo", import.meta.url));

describe("the demo's scenario", () => {
  it("has its seven steps in their order", () => {
    expect(SCENARIO.map(({ name }) => name)).toEqual([
      "start",
      "endpoint-gone",
      "weights",
      "terminating",
      "drain",
      "restart",
      "broken-file",
    ]);
  });

  it("edits text that stands in config/demo, each time once", () => {
    const texts = new Map<string, string>();
    let edits = 0;
    for (const step of SCENARIO) {
      if (step.action === "services" || "restart" in step.action) continue;
      for (const { file, from, to } of step.action) {
        const text = texts.get(file) ?? readFileSync(`${cluster}/${file}`, "utf8");
        expect(text.split(from), `${step.name}: ${from}`).toHaveLength(2);
        texts.set(file, text.replace(from, to));
        edits++;
      }
    }
    expect(edits).toBe(8);
  });

  it("expects at its start what the cluster as shipped asks for", async () => {
    const { objects, findings } = await loadPaths([cluster], { heraldNamespace: "herald-system" });
    expect(findings).toEqual([]);
    const { routes } = planCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, nodeFilter: null, peerFilter: null });
    const received = routes.map(({ prefix, nextHop, linkBandwidth }) => ({
      prefix,
      nextHop: nextHop ?? "",
      bytesPerSecond: linkBandwidth,
      leaving: false,
    }));
    const [start] = SCENARIO;
    expect(start?.expected).toEqual(tableOf(received));
    expect(received).toHaveLength(43);
  });
});
