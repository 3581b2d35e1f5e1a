import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { Fabric } from "../support/lab/fabric.ts";
import { testNamespace } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** Namespaces and directories of this test process. */
function traces(): readonly string[] {
  const own = (name: string): boolean => name.startsWith(testNamespace(""));
  return [...readdirSync("/run/netns"), ...readdirSync(tmpdir())].filter(own);
}

requireTools("root", "ip")("hosts in network namespaces", () => {
  it("are gone with their processes and directories when the test closes them, whatever it made of them", async () => {
    const fabric = new Fabric("traces", [{ name: "one", addresses: ["10.88.0.1/24"] }]);
    const daemon = fabric.host("one").start("sleep", ["600"]);
    expect(traces().length).toBeGreaterThan(2);
    // As after a test that failed half-way: nothing was stopped before.
    await fabric.close();
    expect(daemon.running).toBe(false);
    expect(traces()).toEqual([]);
  });

  it("leave nothing behind when they cannot be made", () => {
    const hosts = [
      { name: "one", addresses: ["10.88.0.1/24"] },
      { name: "two", addresses: ["no address"] },
    ];
    expect(() => new Fabric("broken", hosts)).toThrow("no address");
    expect(traces()).toEqual([]);
  });
});
