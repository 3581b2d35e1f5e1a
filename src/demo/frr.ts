import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask } from "./daemon.ts";
import type { DaemonKind, DaemonSetting } from "./daemon-router.ts";
import { listOf, recordOf, textOf } from "./json.ts";
import type { ReceivedPath } from "./table.ts";

/** FRR's bgpd alone: no zebra, so that the machine's own routes are left in peace. */
export const FRR: DaemonKind = {
  packageName: "frr",
  daemon: "bgpd",
  reader: "vtysh",
  version: { args: ["--version"], pattern: /version (\S+)/, name: "FRR" },

  configure(setting) {
    const file = join(setting.directory, "bgpd.conf");
    writeFileSync(file, configurationOf(setting));
    const files = ["-f", file, "-i", join(setting.directory, "bgpd.pid"), "--vty_socket", setting.directory];
    return ["-n", "-Z", "-S", "-l", setting.address, "-p", String(setting.port), "-P", "0", ...files];
  },

  async established(reader, setting) {
    const neighbors = recordOf(JSON.parse(await vtysh(reader, setting, "show bgp neighbors json")));
    return setting.neighbors.filter(({ address }) => recordOf(neighbors[address] ?? {})["bgpState"] === "Established").length;
  },

  async paths(reader, setting) {
    const outputs = [
      await vtysh(reader, setting, "show bgp ipv4 unicast json detail"),
      await vtysh(reader, setting, "show bgp ipv6 unicast json detail"),
    ];
    return outputs.flatMap((output) => (output.trim() === "" ? [] : pathsOf(recordOf(JSON.parse(output)))));
  },
};

function pathsOf(reply: Readonly<Record<string, unknown>>): ReceivedPath[] {
  const routes = recordOf(reply["routes"] ?? {});
  return Object.entries(routes).flatMap(([prefix, entries]) =>
    listOf(entries)
      .map(recordOf)
      // The first element describes the prefix, the others are its paths.
      .filter((entry) => entry["nexthops"] !== undefined)
      .map(
        (path): ReceivedPath => ({
          prefix,
          nextHop: nextHopOf(path),
          bytesPerSecond: bandwidthOf(path),
          leaving: isLeaving(path),
        }),
      ),
  );
}

function nextHopOf(path: Readonly<Record<string, unknown>>): string {
  return textOf(recordOf(listOf(path["nexthops"])[0])["ip"]);
}

function isLeaving(path: Readonly<Record<string, unknown>>): boolean {
  const communities = path["community"];
  return communities !== undefined && /graceful-shutdown|65535:0/.test(textOf(recordOf(communities)["string"]));
}

/** `LB:65001:125000000 (1.000 Gbps)`: octets per second. */
function bandwidthOf(path: Readonly<Record<string, unknown>>): number | null {
  const communities = path["extendedCommunity"];
  const found = communities === undefined ? null : /LB:\d+:(\d+)/.exec(textOf(recordOf(communities)["string"]));
  return found?.[1] === undefined ? null : Number(found[1]);
}

function vtysh(reader: string, setting: DaemonSetting, command: string): Promise<string> {
  return ask(reader, ["--vty_socket", setting.directory, "-d", "bgpd", "-c", command]);
}

function configurationOf({ asn, routerId, address, neighbors }: DaemonSetting): string {
  const lines = [
    "frr defaults datacenter",
    `router bgp ${asn}`,
    ` bgp router-id ${routerId}`,
    " no bgp ebgp-requires-policy",
    " no bgp default ipv4-unicast",
    " bgp bestpath as-path multipath-relax",
    ...neighbors.flatMap((neighbor) => [
      ` neighbor ${neighbor.address} remote-as ${neighbor.asn}`,
      ` neighbor ${neighbor.address} ebgp-multihop 2`,
      ` neighbor ${neighbor.address} update-source ${address}`,
      ` neighbor ${neighbor.address} passive`,
    ]),
  ];
  for (const family of ["ipv4", "ipv6"]) {
    lines.push(` address-family ${family} unicast`, "  maximum-paths 64");
    for (const neighbor of neighbors) lines.push(`  neighbor ${neighbor.address} activate`);
    lines.push(" exit-address-family");
  }
  return `${lines.join("\n")}\n`;
}
