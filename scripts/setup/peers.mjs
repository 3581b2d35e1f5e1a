// The routers and tools that tests talk to, installed where that is possible without asking: as root on Debian or Ubuntu.
import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { finishAs, runChild } from "./child.mjs";

/** Every Debian package of the test levels: a program that shows it is there, and the services it starts by itself. */
const PEERS = [
  { package: "frr", program: "bgpd", services: ["frr"] },
  { package: "gobgpd", program: "gobgpd", services: ["gobgpd"] },
  { package: "bird2", program: "bird", services: ["bird"] },
  { package: "exabgp", program: "exabgp", services: ["exabgp"] },
  { package: "tshark", program: "tshark", services: [] },
  { package: "etcd-server", program: "etcd", services: ["etcd"] },
  { package: "iproute2", program: "ip", services: [] },
  { package: "docker-compose", program: "docker-compose", services: [] },
  { package: "nftables", program: "nft", services: [] },
  { package: "procps", program: "ps", services: [] },
  { package: "prometheus", program: "promtool", services: ["prometheus"] },
];
const FURTHER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr"];

/** Installs the test routers that are missing; says nothing when none is. Without them tests are skipped, so nothing here is fatal. */
export async function installPeers() {
  const missing = PEERS.filter(({ program }) => !isThere(program));
  if (missing.length === 0) return;
  const names = missing.map((peer) => peer.package).join(" ");
  const obstacle = findObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`herald: test routers not installed (${obstacle}), tests that need them are skipped: ${names}\n`);
    return;
  }
  process.stderr.write(`herald: installing test routers with apt-get: ${names} (HERALD_INSTALL_PEERS=0 forbids it)\n`);
  const result = await aptGet(missing.map((peer) => peer.package));
  if (result.code !== 0)
    process.stderr.write(`herald: apt-get could not install all of them, tests that need them are skipped: ${names}\n`);
  // Only those of packages that were not here before: a router that somebody runs on this machine is not ours to stop.
  for (const service of missing.flatMap((peer) => peer.services)) stop(service);
}

/** Runs apt-get without its talk, which is shown only when it fails. */
async function aptGet(packages) {
  const folder = mkdtempSync(join(tmpdir(), "herald-apt-"));
  const log = openSync(join(folder, "log"), "w");
  const options = { stdio: ["ignore", log, log], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  const run = async (...args) => {
    const result = await runChild("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", ...args], options);
    if (result.signal !== null) await finishAs(result);
    return result;
  };
  try {
    await run("update"); // When it fails, the lists at hand may still do: the installation tells.
    const result = await run("install", "-y", "--no-install-recommends", ...packages);
    if (result.code !== 0) process.stderr.write(readFileSync(join(folder, "log")));
    return result;
  } finally {
    closeSync(log);
    rmSync(folder, { recursive: true });
  }
}

function findObstacle() {
  if (process.env.HERALD_INSTALL_PEERS === "0") return "HERALD_INSTALL_PEERS=0";
  if (!existsSync("/etc/debian_version") || !isThere("apt-get")) return "not Debian or Ubuntu";
  if (process.getuid() !== 0) return "not root";
  return undefined;
}

function stop(service) {
  if (existsSync("/run/systemd/system")) spawnSync("systemctl", ["disable", "--now", service], { stdio: "ignore" });
  else if (existsSync(`/etc/init.d/${service}`)) spawnSync(`/etc/init.d/${service}`, ["stop"], { stdio: "ignore" });
}

function isThere(program) {
  return [...(process.env.PATH ?? "").split(delimiter), ...FURTHER_FOLDERS].some((folder) => {
    try {
      accessSync(`${folder}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
