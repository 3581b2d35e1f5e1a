// node scripts/fuzz-nightly.mjs [runs] [seed]: a million mutated messages against the framer and the decoders, a new seed each day unless one is given.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const [runs = "1000000", seed = new Date().toISOString().slice(0, 10).replaceAll("-", "")] = process.argv.slice(2);
const { status } = spawnSync("npx", ["vitest", "run", "--project", "unit", "test/unit/bgp/wire/fuzz.test.ts"], {
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  stdio: "inherit",
  env: { ...process.env, HERALD_FUZZ_RUNS: runs, HERALD_FUZZ_SEED: seed },
});
process.exitCode = status ?? 1;
