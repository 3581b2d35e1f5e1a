import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask } from "./daemon.ts";
import type { DaemonKind, DaemonSetting } from "./daemon-router.ts";
import { listOf, recordOf, textOf } from "./json.ts";
import type { ReceivedPath } from "./table.ts";

/** Path attribute codes in gobgp's JSON. */
const ATTRIBUTE = { nextHop: 3, communities: 8, mpReach: 14, extendedCommunities: 16 } as const;
const GRACEFUL_SHUTDOWN = 0xffff_0000;
/** ESTABLISHED in gobgp's API. */
const ESTABLISHED = 6;

/** GoBGP: gobgpd, read with gobgp. */
export const GOBGP: DaemonKind = {
  packageName: "gobgpd",
  daemon: "gobgpd",
  reader: "gobgp",
  version: { args: ["--version"], pattern: /version (\S+)/, name: "GoBGP" },

  configure(setting) {
    const file = join(setting.directory, "gobgpd.toml");
    writeFileSync(file, configurationOf(setting));
    return ["-f", file, "--api-hosts", `127.0.0.1:${setting.apiPort}`, "--pprof-disable", "-p"];
  },

  async established(reader, setting) {
    const neighbors = listOf(JSON.parse(await gobgp(reader, setting, ["neighbor"])) ?? []);
    return neighbors.filter((neighbor) => recordOf(recordOf(neighbor)["state"])["session_state"] === ESTABLISHED).length;
  },

  async paths(reader, setting) {
    const families = await Promise.all(["ipv4", "ipv6"].map((family) => gobgp(reader, setting, ["global", "rib", "-a", family])));
    return families.flatMap((output) => (output.trim().startsWith("{") ? pathsOf(recordOf(JSON.parse(output))) : []));
  },
};

function pathsOf(rib: Readonly<Record<string, unknown>>): ReceivedPath[] {
  return Object.entries(rib).flatMap(([prefix, paths]) =>
    listOf(paths).map((path): ReceivedPath => {
      const attributes = new Map(listOf(recordOf(path)["attrs"]).map((attribute) => [recordOf(attribute)["type"], recordOf(attribute)]));
      const nextHop = attributes.get(ATTRIBUTE.nextHop)?.["nexthop"] ?? attributes.get(ATTRIBUTE.mpReach)?.["nexthop"];
      return {
        prefix,
        nextHop: textOf(nextHop),
        bytesPerSecond: bandwidthOf(attributes.get(ATTRIBUTE.extendedCommunities)),
        leaving: listOf(attributes.get(ATTRIBUTE.communities)?.["communities"] ?? []).includes(GRACEFUL_SHUTDOWN),
      };
    }),
  );
}

/** gobgp decodes the community by type: as a link bandwidth where it is not transitive, else as two numbers, of which the second is the float's bits. */
function bandwidthOf(attribute: Readonly<Record<string, unknown>> | undefined): number | null {
  for (const item of listOf(attribute?.["value"] ?? [])) {
    const community = recordOf(item);
    if (community["subtype"] !== 4) continue;
    if (typeof community["bandwidth"] === "number") return community["bandwidth"];
    const bits = /^\d+:(\d+)$/.exec(String(community["value"]))?.[1];
    if (bits !== undefined) return floatOf(Number(bits));
  }
  return null;
}

function floatOf(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function gobgp(reader: string, setting: DaemonSetting, args: readonly string[]): Promise<string> {
  return ask(reader, ["-p", String(setting.apiPort), "-j", ...args]);
}

function configurationOf({ asn, routerId, address, port, neighbors }: DaemonSetting): string {
  const lines = ["[global.config]", `as = ${asn}`, `router-id = "${routerId}"`, `port = ${port}`, `local-address-list = ["${address}"]`];
  for (const neighbor of neighbors) {
    lines.push("[[neighbors]]", "[neighbors.config]", `neighbor-address = "${neighbor.address}"`, `peer-as = ${neighbor.asn}`);
    lines.push(
      "[neighbors.transport.config]",
      "passive-mode = true",
      "[neighbors.ebgp-multihop.config]",
      "enabled = true",
      "multihop-ttl = 2",
    );
    lines.push("[neighbors.error-handling.config]", "treat-as-withdraw = true");
    lines.push("[neighbors.graceful-restart.config]", "enabled = true", "restart-time = 120");
    for (const family of ["ipv4", "ipv6"]) {
      lines.push("[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]", `afi-safi-name = "${family}-unicast"`);
      lines.push("[neighbors.afi-safis.mp-graceful-restart.config]", "enabled = true");
    }
  }
  return `${lines.join("\n")}\n`;
}
