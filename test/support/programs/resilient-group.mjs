// Keeps a kernel next-hop group of type resilient equal to the next hops of a routing daemon's route, and a route to it that goes before that one.
// `node resilient-group.mjs PREFIX GATEWAY,GATEWAY... IDLE_SECONDS`; the daemon's route has a metric above 10. Says `group GATEWAY ...` whenever it has changed.
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [prefix, names, idleSeconds] = process.argv.slice(2);
const METRIC = 10;
// Far from the numbers that the daemon gives to its own objects.
const GROUP = 200_000;
const idOf = new Map(names.split(",").map((gateway, index) => [gateway, GROUP + 1 + index]));
const ip = (...args) => execFileSync("ip", args, { encoding: "utf8" });

let last = "";
function follow() {
  const route = JSON.parse(ip("-j", "-4", "route", "show", "exact", prefix) || "[]").find(({ metric }) => metric !== METRIC);
  const hops = route === undefined ? [] : (route.nexthops ?? [route]).map(({ gateway }) => gateway).sort();
  if (hops.join(" ") === last) return;
  if (hops.length === 0) ip("route", "delete", prefix, "metric", String(METRIC));
  else {
    const members = hops.map((gateway) => idOf.get(gateway)).join("/");
    const type = ["type", "resilient", "buckets", "1024", "idle_timer", idleSeconds, "unbalanced_timer", "0"];
    ip("nexthop", "replace", "id", String(GROUP), "group", members, ...type);
    // As a route of the daemon's own protocol: it would take one of any other for a better offer than its own, and withdraw that.
    if (last === "") ip("route", "add", prefix, "proto", "bgp", "metric", String(METRIC), "nhid", String(GROUP));
  }
  last = hops.join(" ");
  process.stdout.write(`group ${last}\n`);
}

for (const [gateway, id] of idOf) ip("nexthop", "add", "id", String(id), "via", gateway, "dev", "eth0");
const monitor = spawn("ip", ["-o", "-4", "monitor", "route"], { stdio: ["ignore", "pipe", "inherit"] });
// The monitor says nothing at its start, and a change before it listens would be missed: a route of no consequence is the first line.
const probe = setInterval(() => ip("route", "replace", "blackhole", "192.0.2.255/32"), 20);
createInterface({ input: monitor.stdout }).on("line", () => {
  clearInterval(probe);
  follow();
});
