/** FRR over iBGP and BIRD over eBGP beside a node whose speaker comes and goes: what the two keep of its routes (RFC 4724, RFC 8326). */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealed, unsealed } from "../../../src/speaker/state-seal.ts";
import { Bird } from "./bird.ts";
import type { ClusterDirectory } from "./cluster.ts";
import { Fabric } from "./fabric.ts";
import { Frr } from "./frr.ts";
import { Herald, type HeraldSettings } from "./herald.ts";
import { record } from "./json.ts";
import { rawEndpoints, rawNode, rawOwn, rawService, rawSlice } from "./objects.ts";
import { until } from "./wait.ts";

export const NODE = "10.89.0.10";
const FRR = "10.89.0.2";
const BIRD = "10.89.0.3";
/** An address of the fabric that nobody has, and of which the kernel does not say so: whoever asks there waits. */
export const NOBODY = "10.89.0.99";
export const WEB = "203.0.113.1/32";
export const SHOP = "203.0.113.2/32";
export const NEW = "203.0.113.3/32";
export const ADDRESSES: Readonly<Record<string, string>> = { web: "203.0.113.1", shop: "203.0.113.2", new: "203.0.113.3" };

export class RestartBench {
  readonly fabric: Fabric;
  readonly frr: Frr;
  readonly bird: Bird;
  readonly stateFile: string;
  /** Of an API server that never answers. */
  readonly kubeconfig: string;
  #heralds: Herald[] = [];

  constructor(name: string) {
    this.fabric = new Fabric(name, [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "frr", addresses: [`${FRR}/24`] },
      { name: "bird", addresses: [`${BIRD}/24`] },
    ]);
    const families = ["IPv4"] as const;
    this.frr = new Frr(this.fabric.host("frr"), {
      asn: 65001,
      routerId: FRR,
      address: FRR,
      peers: [{ address: NODE, asn: 65001, passive: true, families }],
      alone: true,
    });
    this.bird = new Bird(this.fabric.host("bird"), {
      asn: 65000,
      routerId: BIRD,
      address: BIRD,
      peers: [{ address: NODE, asn: 65001, passive: true, families }],
    });
    const { directory } = this.fabric.host("node");
    this.stateFile = join(directory, "state.json");
    this.kubeconfig = join(directory, "kubeconfig");
  }

  async start(): Promise<void> {
    await Promise.all([this.frr.start(), this.bird.start()]);
    this.fabric.host("node").run("ip", ["neighbour", "replace", NOBODY, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent"]);
    writeFileSync(
      this.kubeconfig,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "gone",
        contexts: [{ name: "gone", context: { cluster: "gone", user: "nobody" } }],
        clusters: [{ name: "gone", cluster: { server: `https://${NOBODY}:6443` } }],
        users: [{ name: "nobody", user: { token: "none" } }],
      }),
    );
  }

  /** Between two cases: no speaker, nothing on the routers, nothing on the disk. */
  async clear(): Promise<void> {
    await Promise.all(this.#heralds.map((herald) => herald.crash()));
    this.#heralds = [];
    // Nobody goes on where the last case stopped.
    for (const file of [this.stateFile, `${this.stateFile}.damaged`, `${this.stateFile}.drain`]) rmSync(file, { force: true });
    await this.#flush();
  }

  async close(): Promise<void> {
    await this.fabric.close();
  }

  /** Prefixes in both tables. */
  tables(): { readonly frr: readonly string[]; readonly bird: readonly string[] } {
    return {
      frr: [...this.frr.table("IPv4").keys()].sort(),
      bird: [...this.bird.table("IPv4").keys()].filter((prefix) => prefix.startsWith("203.")).sort(),
    };
  }

  async both(what: string, ...prefixes: readonly string[]): Promise<void> {
    const wanted = [...prefixes].sort();
    await until(
      what,
      async () => {
        const held = JSON.stringify(this.tables());
        if (held !== JSON.stringify({ frr: wanted, bird: wanted })) throw new Error(held);
        return true;
      },
      60_000,
    );
  }

  speaker(configuration: HeraldSettings["configuration"], more: Partial<HeraldSettings> = {}): Herald {
    const settings = { node: "node", configuration: { stateFile: this.stateFile, ...configuration }, ...more };
    const herald = new Herald(this.fabric.host("node"), settings);
    this.#heralds.push(herald);
    return herald;
  }

  async established(): Promise<void> {
    await until("both sessions", async () => this.frr.established(NODE) && this.bird.established(NODE), 60_000);
  }

  /** The session has ended at both ends. */
  async down(): Promise<void> {
    await until("both sessions have ended", async () => !this.frr.established(NODE) && !this.bird.established(NODE), 60_000);
  }

  /** One that announces Services to both, and has written that down. */
  async announcing(
    names: readonly string[],
    configuration: HeraldSettings["configuration"] = {},
    peers: Readonly<Record<string, unknown>> = {},
  ): Promise<Herald> {
    const herald = this.speaker(configuration);
    writeCluster(herald.cluster, names, peers);
    await herald.start();
    await this.both("the routes", ...names.map((name) => `${ADDRESSES[name]}/32`));
    await until("the state file", async () =>
      names.every((name) => readFileSync(this.stateFile, "utf8").includes(`${ADDRESSES[name]}/32`)),
    );
    return herald;
  }

  /** What each router says of how its last session ended. */
  lastWords(): { readonly frr: string; readonly bird: string } {
    return { frr: JSON.stringify(this.frr.neighbor(NODE)), bird: this.bird.command("show protocols all node1") };
  }

  isStale(): boolean {
    return this.frr.stale("IPv4").includes(WEB);
  }

  /** A speaker that comes fresh and leaves politely. */
  async #flush(): Promise<void> {
    const { frr, bird } = this.tables();
    if (frr.length + bird.length === 0) return;
    const herald = this.speaker({ shutdown: "withdraw", stateFile: "" });
    writeCluster(herald.cluster, []);
    await herald.start();
    await this.both("nothing");
    await herald.stop();
    this.#heralds = [];
  }
}

export interface NodeEdit {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: readonly unknown[];
  readonly unschedulable?: boolean;
  readonly conditions?: readonly unknown[];
  readonly command?: boolean;
}

export function writeNode(cluster: ClusterDirectory, { annotations = {}, taints = [], unschedulable = false, conditions }: NodeEdit): void {
  const plain = rawNode("node", { addresses: [NODE], annotations });
  const status = { ...record(plain["status"]), ...(conditions === undefined ? {} : { conditions }) };
  cluster.write("node.json", [{ ...plain, spec: { taints, unschedulable }, status }]);
}

export function writePeers(
  directory: ClusterDirectory,
  names: readonly ("frr" | "bird")[],
  peer: Readonly<Record<string, unknown>> = {},
): void {
  const routers = { frr: { peerASN: 65001, peerAddress: FRR }, bird: { peerASN: 65000, peerAddress: BIRD } };
  directory.write(
    "peers.json",
    names.map((name) => rawOwn("BGPPeer", name, { myASN: 65001, ...routers[name], ...peer })),
  );
}

export function writeCluster(
  directory: ClusterDirectory,
  names: readonly string[],
  peer: Readonly<Record<string, unknown>> = {},
  advertisement: Readonly<Record<string, unknown>> = {},
  nodeEdit: NodeEdit = {},
): void {
  writeNode(directory, nodeEdit);
  writePeers(directory, ["frr", "bird"], peer);
  directory.write("advertisements.json", [rawOwn("BGPAdvertisement", "all", advertisement)]);
  directory.write(
    "services.json",
    names.flatMap((name) => [
      rawService({ name, loadBalancerIPs: [ADDRESSES[name] ?? ""] }),
      rawSlice(name, "IPv4", rawEndpoints("IPv4", { elsewhere: 1 })),
    ]),
  );
}

/** A state file with other content and the right checksum. */
export function resealed(text: string, edit: (state: Record<string, unknown>) => Record<string, unknown>): string {
  const body = unsealed(text);
  if (body === null) throw new Error(`no whole state file: ${text}`);
  return [...sealed([JSON.stringify(edit(record(JSON.parse(body))))])].join("");
}
