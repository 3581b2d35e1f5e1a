import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask } from "./daemon.ts";
import type { DaemonKind, DaemonSetting } from "./daemon-router.ts";
import type { ReceivedPath } from "./table.ts";

/** BIRD 2, read with birdc. */
export const BIRD: DaemonKind = {
  packageName: "bird2",
  daemon: "bird",
  reader: "birdc",
  version: { args: ["--version"], pattern: /version (\S+)/, name: "BIRD" },

  configure(setting) {
    const file = join(setting.directory, "bird.conf");
    writeFileSync(file, configurationOf(setting));
    return ["-f", "-c", file, "-s", socketOf(setting), "-P", join(setting.directory, "bird.pid")];
  },

  async established(reader, setting) {
    return [...(await birdc(reader, setting, ["show", "protocols"])).matchAll(/\sEstablished\s*$/gm)].length;
  },

  async paths(reader, setting) {
    return pathsOf(await birdc(reader, setting, ["show", "route", "all"]));
  },
};

/** A line per path (the first of a prefix names it), its attributes indented below. A route whose next hop no kernel route resolves is `unreachable`. */
export function pathsOf(output: string): ReceivedPath[] {
  const paths: { prefix: string; nextHop: string; bytesPerSecond: number | null; leaving: boolean }[] = [];
  let prefix = "";
  for (const line of output.split("\n")) {
    const route = /^(\S+\/\d+)?\s+(?:unicast|unreachable) \[/.exec(line);
    if (route !== null) {
      prefix = route[1] ?? prefix;
      paths.push({ prefix, nextHop: "", bytesPerSecond: null, leaving: false });
      continue;
    }
    const path = paths.at(-1);
    const [, name, value = ""] = /^\tBGP\.(\w+): ?(.*)$/.exec(line) ?? [];
    if (path === undefined || name === undefined) continue;
    if (name === "next_hop") path.nextHop = value.split(" ")[0] ?? "";
    if (name === "community") path.leaving = value.includes("(65535,0)");
    if (name === "ext_community") path.bytesPerSecond = bandwidthOf(value);
  }
  return paths;
}

/** BIRD has no name for type 0x00 or 0x40, subtype 4: `(unknown 0x4, 65001, 1290693416)`. The last number is the float's bits. */
function bandwidthOf(communities: string): number | null {
  const bits = /\(unknown 0x(?:4|4004), \d+, (\d+)\)/.exec(communities)?.[1];
  if (bits === undefined) return null;
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

function birdc(reader: string, setting: DaemonSetting, command: readonly string[]): Promise<string> {
  return ask(reader, ["-s", socketOf(setting), "-r", ...command]);
}

function socketOf({ directory }: DaemonSetting): string {
  return join(directory, "bird.ctl");
}

function configurationOf({ asn, routerId, address, port, neighbors }: DaemonSetting): string {
  const protocols = neighbors.map(
    (neighbor, index) => `protocol bgp node${index + 1} {
  local ${address} port ${port} as ${asn};
  neighbor ${neighbor.address} as ${neighbor.asn};
  multihop 2;
  passive yes;
  strict bind yes;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
`,
  );
  return `router id ${routerId};\nlog stderr all;\nprotocol device {}\n${protocols.join("")}`;
}
