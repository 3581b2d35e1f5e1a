import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Names this run of the kernel: another one after every reboot. "" where the system does not say, and then nothing may count on it. */
export type ReadBootId = () => string;

const LINUX = "/proc/sys/kernel/random/boot_id";

export const readBootId: ReadBootId = () => {
  try {
    return readFileSync(LINUX, "utf8").trim();
  } catch {
    if (process.platform !== "darwin") return "";
    const { status, stdout } = spawnSync("sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" });
    return status === 0 ? stdout.trim() : "";
  }
};
