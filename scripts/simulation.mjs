// npm run test:simulation [-- --seed N | --seeds N]: plays 2,000 simulated worlds, N of them, or the one of a seed, whose timeline is printed when it fails.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const rest = process.argv.slice(2);
const env = { ...process.env };
const files = [];

const at = rest.findIndex((word) => word === "--seed" || word === "--seeds");
if (at >= 0) {
  const [flag, value] = rest.splice(at, 2);
  if (!/^[1-9]\d{0,8}$/.test(value ?? "")) {
    process.stderr.write(`herald simulation: ${flag} ${value ?? ""}: not a number of 1 or more: give one, as in ${flag} 7\n`);
    process.exit(2);
  }
  if (flag === "--seeds") env.HERALD_SIMULATION_SEEDS = value;
  else {
    env.HERALD_SIMULATION_SEED = value;
    // One world is played by one file.
    files.push("test/simulation/seeds-1.test.ts");
  }
}
const command = ["node_modules/vitest/vitest.mjs", "run", "--project", "simulation", ...files, ...rest];
const { status } = spawnSync(process.execPath, command, { cwd: root, env, stdio: "inherit" });
process.exitCode = status ?? 1;
