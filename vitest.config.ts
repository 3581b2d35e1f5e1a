import { defineConfig } from "vitest/config";

const shared = { globalSetup: ["test/support/global-setup.ts"], environment: "node" };

/** A level that owns ports, daemons or namespaces of this machine: one file at a time, and only after the level before it has ended. */
function oneAtATime(name: string, groupOrder: number, seconds: number) {
  return {
    test: {
      ...shared,
      name,
      include: [`test/${name}/**/*.test.ts`],
      maxWorkers: 1,
      fileParallelism: false,
      sequence: { groupOrder },
      testTimeout: seconds * 1000,
      hookTimeout: seconds * 1000,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", "./test/support/totals-reporter.ts"],
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/conformance/**/*.test.ts"],
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          // It waits for nothing: every core has worlds to play.
          maxWorkers: "100%",
          sequence: { groupOrder: 4 },
          testTimeout: 600_000,
          hookTimeout: 30_000,
        },
      },
      oneAtATime("interop", 1, 180),
      oneAtATime("cluster", 2, 240),
      oneAtATime("e2e", 3, 120),
    ],
  },
});
