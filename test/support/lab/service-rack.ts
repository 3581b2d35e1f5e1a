/**
 * A rack as packets see it: client, ToR (FRR, kernel ECMP by flow), and nodes with a service proxy and pods, each in a network namespace. One Service under
 * `externalTrafficPolicy: Local`, whose pods come and go as a Deployment's do; the speakers read it from a directory.
 */

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectFile } from "../project.ts";
import { ClusterDirectory } from "./cluster.ts";
import { type Daemon, Fabric, type Host } from "./fabric.ts";
import { Frr } from "./frr.ts";
import { Herald } from "./herald.ts";
import { kernelHops } from "./kernel-routes.ts";
import { type RawObject, rawNode, rawOwn, rawService, rawSlice } from "./objects.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./wait.ts";

export const NODES = ["n1", "n2", "n3"] as const;
export type NodeName = (typeof NODES)[number];

const TOR = "10.88.0.1";
const CLIENT = "10.99.0.2";
export const SERVICE = "203.0.113.10";
const PORT = 80;
const HEALTH_PORT = 30_100;
const PROGRAMS = projectFile("test/support/programs");

export interface ServiceRackSpec {
  /** Short: it becomes part of the namespaces' names. */
  readonly name: string;
  /** Further keys of every speaker's configuration. */
  readonly configuration?: RawObject;
  /** Further fields of the BGPPeer. */
  readonly peer?: RawObject;
  /** Further fields of the BGPAdvertisement. */
  readonly advertisement?: RawObject;
  /** Milliseconds until a node's proxy has programmed what the slices say. */
  readonly proxyLagMillis?: number;
  /** Both ends watch each other by BFD, three packets of this interval to be missed; none by default. */
  readonly bfdIntervalMillis?: number;
}

interface Pod {
  readonly name: string;
  readonly node: NodeName;
  readonly address: string;
  readonly process: Daemon;
  ready: boolean;
  terminating: boolean;
}

export class ServiceRack {
  readonly fabric: Fabric;
  readonly router: Frr;
  readonly cluster: ClusterDirectory;
  readonly heralds: Readonly<Record<NodeName, Herald>>;
  readonly #spec: ServiceRackSpec;
  readonly #pods = new Map<string, Pod>();
  readonly #proxies = new Map<NodeName, Daemon>();
  #podsMade = 0;

  constructor(spec: ServiceRackSpec) {
    this.#spec = spec;
    this.fabric = new Fabric(spec.name, [
      { name: "tor", addresses: [`${TOR}/24`, "10.99.0.1/24"] },
      { name: "client", addresses: [`${CLIENT}/24`] },
      ...NODES.map((node) => ({ name: node, addresses: [`${addressOf(node)}/24`] })),
    ]);
    const tor = this.fabric.host("tor");
    this.router = new Frr(tor, {
      asn: 65_000,
      routerId: TOR,
      address: TOR,
      peers: NODES.map((node) => ({
        ...{ address: addressOf(node), asn: 65_001, passive: true, families: ["IPv4"] as const },
        ...(spec.bfdIntervalMillis === undefined ? {} : { bfdIntervalMillis: spec.bfdIntervalMillis }),
      })),
    });
    this.cluster = new ClusterDirectory(join(tor.directory, "cluster"));
    const herald = (node: NodeName): Herald =>
      new Herald(this.fabric.host(node), {
        node,
        cluster: this.cluster,
        configuration: { dataplane: { healthz: "http://127.0.0.1:10256/healthz" }, ...spec.configuration },
      });
    this.heralds = { n1: herald("n1"), n2: herald("n2"), n3: herald("n3") };
  }

  /** One pod on each node, and a router that sends flows to all of them. */
  async start(): Promise<void> {
    this.#route();
    for (const node of NODES) this.setNode(node);
    this.setPeer();
    this.setAdvertisement();
    await Promise.all(NODES.map(async (node) => this.markReady(await this.startPod(node))));
    await this.router.start();
    await Promise.all(NODES.map((node) => this.startProxy(node)));
    await Promise.all(NODES.map((node) => this.heralds[node].start()));
    await this.routedTo(NODES);
    await Promise.all(NODES.map((node) => this.watched(node)));
  }

  async close(): Promise<void> {
    await this.fabric.close();
  }

  host(name: "tor" | "client" | NodeName): Host {
    return this.fabric.host(name);
  }

  /** Nodes that the router's kernel sends flows of the Service to. */
  nextHops(): readonly string[] {
    const gateways = kernelHops(this.host("tor"), `${SERVICE}/32`).map(({ gateway }) => gateway);
    return NODES.filter((node) => gateways.includes(addressOf(node)));
  }

  async routedTo(nodes: readonly NodeName[]): Promise<void> {
    await until(`the router sends to ${nodes.join(", ")}`, async () => {
      const hops = this.nextHops();
      if (hops.join() !== nodes.join()) throw new Error(hops.join());
      return true;
    });
  }

  async establishedWith(node: NodeName): Promise<void> {
    await until(`the session with ${node} is up`, async () => (await this.heralds[node].peer("tor"))["state"] === "Established");
  }

  /** Waits until BFD is up, where it is asked for: only then does its end mean something. */
  async watched(node: NodeName): Promise<void> {
    if (this.#spec.bfdIntervalMillis === undefined) return;
    await until(`BFD with ${node} is up`, async () => this.router.bfd(addressOf(node))?.["status"] === "up");
  }

  /** When each node's session began. */
  async sessions(): Promise<readonly unknown[]> {
    return await Promise.all(NODES.map(async (node) => (await this.heralds[node].peer("tor"))["since"]));
  }

  /** Waits until every node has a session that began after these. */
  async allNewSince(before: readonly unknown[]): Promise<void> {
    for (const node of NODES) await this.establishedWith(node);
    await until("every session is a new one", async () => (await this.sessions()).every((since, index) => since !== before[index]));
    for (const node of NODES) await this.establishedWith(node);
  }

  setNode(node: NodeName, more: { readonly annotations?: Readonly<Record<string, string>> } = {}): void {
    this.cluster.write(`${node}.json`, [rawNode(node, { addresses: [addressOf(node)], ...more })]);
  }

  setPeer(more: RawObject = {}): void {
    const { bfdIntervalMillis: interval, peer } = this.#spec;
    const spec = { myASN: 65_001, peerASN: 65_000, peerAddress: TOR, ...peer, ...more };
    const profile = rawOwn("BFDProfile", "fast", { receiveInterval: interval, transmitInterval: interval });
    const watched = [rawOwn("BGPPeer", "tor", { ...spec, bfdProfile: "fast" }), profile];
    this.cluster.write("peer.json", interval === undefined ? [rawOwn("BGPPeer", "tor", spec)] : watched);
  }

  setAdvertisement(more: RawObject = {}): void {
    this.cluster.write("advertisement.json", [rawOwn("BGPAdvertisement", "all", { ...this.#spec.advertisement, ...more })]);
  }

  /** Starts a pod that is not ready yet. */
  async startPod(node: NodeName): Promise<string> {
    this.#podsMade += 1;
    const name = `pod${this.#podsMade}`;
    const host = this.host(node);
    const address = `10.244.${NODES.indexOf(node) + 1}.${this.#podsMade}`;
    host.run("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
    const process_ = host.start(process.execPath, [join(PROGRAMS, "pod.mjs"), name, address, String(PORT)]);
    await until(`${name} listens`, async () => process_.output().includes("ready"));
    this.#pods.set(name, { name, node, address, process: process_, ready: false, terminating: false });
    this.#publish();
    return name;
  }

  markReady(name: string): void {
    this.#pod(name).ready = true;
    this.#publish();
  }

  /** As its deletion begins: not ready, still serving. */
  markTerminating(name: string): void {
    const pod = this.#pod(name);
    pod.ready = false;
    pod.terminating = true;
    this.#publish();
  }

  /** The end of a terminating pod: takes no callers any more, and leaves the slices. */
  endPod(name: string): void {
    const pod = this.#pod(name);
    pod.process.signal("SIGTERM");
    this.#pods.delete(name);
    this.#publish();
  }

  podsOn(node: NodeName): readonly string[] {
    return [...this.#pods.values()].filter((pod) => pod.node === node).map(({ name }) => name);
  }

  async startProxy(node: NodeName): Promise<void> {
    const lag = String(this.#spec.proxyLagMillis ?? 20);
    const args = [addressOf(node), SERVICE, String(PORT), String(HEALTH_PORT), this.#podsFile(node), lag];
    const proxy = this.host(node).start(process.execPath, [join(PROGRAMS, "service-proxy.mjs"), ...args]);
    this.#proxies.set(node, proxy);
    await until(`the proxy of ${node} has programmed`, async () => proxy.output().includes("programmed"));
  }

  /** Waits until a node's proxy sends to these pods and no others. */
  async reached(node: NodeName, pods: readonly string[]): Promise<void> {
    const line = `programmed ${pods.map((name) => this.#pod(name).address).join(" ")}`;
    await until(`${node} sends to ${pods.join(", ")}`, async () => this.#proxies.get(node)?.output().trimEnd().endsWith(line));
  }

  async stopProxy(node: NodeName): Promise<void> {
    await this.#proxies.get(node)?.stop("SIGKILL");
  }

  /** From the client to the Service, so many connections a second. */
  traffic(options: { readonly perSecond: number; readonly holdMillis?: number }): Promise<Traffic> {
    return Traffic.start(this.host("client"), this.host("tor"), join(PROGRAMS, "client.mjs"), {
      address: SERVICE,
      port: PORT,
      perSecond: options.perSecond,
      holdMillis: options.holdMillis ?? 0,
    });
  }

  #pod(name: string): Pod {
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  /** Proxies and speakers learn it from the same slices, each at its own pace. */
  #publish(): void {
    const pods = [...this.#pods.values()];
    for (const node of NODES) {
      const here = pods.filter((pod) => pod.node === node);
      const addresses = (wanted: (pod: Pod) => boolean): readonly string[] => here.filter(wanted).map(({ address }) => address);
      replace(this.#podsFile(node), { ready: addresses(({ ready }) => ready), serving: addresses(({ terminating }) => terminating) });
    }
    const service = rawService({ name: "web", policy: "Local", loadBalancerIPs: [SERVICE] });
    const endpoints = pods.map(({ address, node, ready, terminating }) => ({
      address,
      node,
      ready,
      serving: ready || terminating,
      terminating,
    }));
    this.cluster.write("service.json", [withHealthPort(service), rawSlice("web", "IPv4", endpoints)]);
  }

  #podsFile(node: NodeName): string {
    return join(this.host(node).directory, "pods.json");
  }

  #route(): void {
    const settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0"];
    for (const name of ["tor", ...NODES] as const) this.host(name).run("sysctl", ["-qw", ...settings]);
    this.host("tor").run("sysctl", ["-qw", "net.ipv4.fib_multipath_hash_policy=1"]);
    this.host("client").run("ip", ["route", "add", "default", "via", "10.99.0.1"]);
    for (const node of NODES) this.host(node).run("ip", ["route", "add", "default", "via", TOR]);
  }
}

export function addressOf(node: NodeName): string {
  return `10.88.0.${11 + NODES.indexOf(node)}`;
}

function withHealthPort(service: RawObject): RawObject {
  const spec: unknown = service["spec"];
  return { ...service, spec: { ...(typeof spec === "object" ? spec : {}), healthCheckNodePort: HEALTH_PORT } };
}

function replace(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value));
  renameSync(`${file}.new`, file);
}
