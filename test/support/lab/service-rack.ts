/**
 * A rack as packets see it: client, ToR (FRR, kernel ECMP by flow), and nodes with a service proxy and pods, each in a network namespace. One Service under
 * `externalTrafficPolicy: Local`; the speakers read it from a directory, or from a real API server.
 */

import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectFile } from "../project.ts";
import { kubeconfigOn } from "./api-bridge.ts";
import { ClusterDirectory } from "./cluster.ts";
import { Fabric, type Host } from "./fabric.ts";
import { Frr, TRACED_ROUTES } from "./frr.ts";
import { Herald } from "./herald.ts";
import { kernelHops } from "./kernel-routes.ts";
import { type RawObject, rawNode, rawOwn } from "./objects.ts";
import { RackApi } from "./rack-api.ts";
import { addressOf, NODES, type NodeName, SERVICE, TOR } from "./rack-nodes.ts";
import { RackWorkload } from "./rack-workload.ts";
import { keepResilient } from "./resilient-group.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./wait.ts";

const CLIENT = "10.99.0.2";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

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
  /** The router hashes resiliently: see resilient-group.ts. How long a bucket is without a packet before it may move. */
  readonly resilientIdleSeconds?: number;
  /** The speakers read from an API server: see {@link ServiceRack.upload}. */
  readonly apiServer?: boolean;
}

export class ServiceRack {
  readonly fabric: Fabric;
  readonly router: Frr;
  readonly heralds: Readonly<Record<NodeName, Herald>>;
  readonly workload: RackWorkload;
  readonly #cluster: ClusterDirectory;
  readonly #spec: ServiceRackSpec;
  #api: RackApi | null = null;

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
      zebra: TRACED_ROUTES,
      peers: NODES.map((node) => ({
        ...{ address: addressOf(node), asn: 65_001, passive: true, families: ["IPv4"] as const },
        ...(spec.bfdIntervalMillis === undefined ? {} : { bfdIntervalMillis: spec.bfdIntervalMillis }),
      })),
    });
    this.#cluster = new ClusterDirectory(join(tor.directory, "cluster"));
    this.workload = new RackWorkload((node) => this.host(node), this.#cluster, spec.proxyLagMillis ?? 20);
    const herald = (node: NodeName): Herald =>
      new Herald(this.host(node), {
        node,
        cluster: this.#cluster,
        configuration: { dataplane: { healthz: "http://127.0.0.1:10256/healthz" }, ...spec.configuration },
        // `ip netns exec` gives every process a mount namespace of its own: no other one sees this boot ID.
        under: ["sh", "-c", `mount --bind "$0" ${BOOT_ID} && exec "$@"`, this.#bootIdOf(node)],
        ...(spec.apiServer === true ? { kubeconfig: kubeconfigOn(this.host(node)) } : {}),
      });
    this.heralds = { n1: herald("n1"), n2: herald("n2"), n3: herald("n3") };
  }

  /** One pod on each node, and a router that sends flows to all of them. */
  async start(): Promise<void> {
    this.#route();
    for (const node of NODES) {
      writeFileSync(this.#bootIdOf(node), randomUUID());
      this.setNode(node);
    }
    this.setPeer();
    this.setAdvertisement();
    await Promise.all(NODES.map(async (node) => this.workload.markReady(await this.workload.startPod(node))));
    if (this.#spec.apiServer === true) {
      this.#api = await RackApi.start(NODES.map((node) => this.host(node)));
      await this.upload();
    }
    await this.router.start();
    await Promise.all(NODES.map((node) => this.workload.startProxy(node)));
    await Promise.all(NODES.map((node) => this.heralds[node].start()));
    await this.routedTo(NODES);
    await Promise.all(NODES.map((node) => this.watched(node)));
    const idleSeconds = this.#spec.resilientIdleSeconds;
    if (idleSeconds !== undefined) await keepResilient(this.host("tor"), `${SERVICE.address}/32`, NODES.map(addressOf), idleSeconds);
  }

  async close(): Promise<void> {
    await this.fabric.close();
    await this.#api?.stop();
  }

  host(name: "tor" | "client" | NodeName): Host {
    return this.fabric.host(name);
  }

  /** Its speakers' source. @throws unless the rack was asked for one */
  get api(): RackApi {
    if (this.#api === null) throw new Error("this rack has no API server");
    return this.#api;
  }

  /** What was set since the last time, to the API server. */
  async upload(): Promise<void> {
    await this.api.apply(this.#cluster.path);
  }

  /** Silently and at once: nothing that the node said goes out any more, and all that ran there is gone. */
  async powerOff(node: NodeName): Promise<void> {
    this.fabric.cut(node);
    await Promise.all([this.heralds[node].crash(), this.workload.powerOff(node)]);
  }

  /** After {@link powerOff}: another boot ID, the disk as it was, a pod that is not ready yet. Resolves with the pod when proxy and session are up. */
  async boot(node: NodeName): Promise<string> {
    writeFileSync(this.#bootIdOf(node), randomUUID());
    this.fabric.mend(node);
    const pod = await this.workload.startPod(node);
    await this.workload.startProxy(node);
    await this.heralds[node].start();
    await this.establishedWith(node);
    return pod;
  }

  /** Nodes that the router's kernel sends flows of the Service to. */
  nextHops(): readonly string[] {
    const gateways = kernelHops(this.host("tor"), `${SERVICE.address}/32`).map(({ gateway }) => gateway);
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

  /** Waits until the router's BFD has noticed that the node's is gone, where it is asked for. */
  async missed(node: NodeName): Promise<void> {
    if (this.#spec.bfdIntervalMillis === undefined) return;
    await until(`BFD with ${node} is down`, async () => this.router.bfd(addressOf(node))?.["status"] === "down");
  }

  /** Waits until the node's speaker has what it announces in its state file, where it keeps one. */
  async savedBy(node: NodeName): Promise<void> {
    if (!this.#spec.configuration?.["stateFile"]) return;
    const file = join(this.host(node).directory, "state.json");
    await until(`${node} has saved what it announces`, async () => readFileSync(file, "utf8").includes(SERVICE.address));
  }

  async saysThatTheApiIsAway(node: NodeName): Promise<void> {
    await until(`${node} says that the API server is away`, async () => this.heralds[node].output().includes("cannot read the API server"));
  }

  /** Waits until the router has every node's route with these communities. */
  async heldWith(...communities: readonly string[]): Promise<void> {
    // A speaker asks a server that was long away again after up to 30 s.
    await until(
      `the router has ${communities.join(" ")}`,
      async () => {
        const paths = this.router.table("IPv4").get(`${SERVICE.address}/32`) ?? [];
        return paths.length === NODES.length && paths.every((path) => path.communities.join() === communities.join());
      },
      90_000,
    );
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
    this.#cluster.write(`${node}.json`, [rawNode(node, { addresses: [addressOf(node)], ...more })]);
  }

  setPeer(more: RawObject = {}): void {
    const { bfdIntervalMillis: interval, peer } = this.#spec;
    const spec = { myASN: 65_001, peerASN: 65_000, peerAddress: TOR, ...peer, ...more };
    const profile = rawOwn("BFDProfile", "fast", { receiveInterval: interval, transmitInterval: interval });
    const watched = [rawOwn("BGPPeer", "tor", { ...spec, bfdProfile: "fast" }), profile];
    this.#cluster.write("peer.json", interval === undefined ? [rawOwn("BGPPeer", "tor", spec)] : watched);
  }

  setAdvertisement(more: RawObject = {}): void {
    this.#cluster.write("advertisement.json", [rawOwn("BGPAdvertisement", "all", { ...this.#spec.advertisement, ...more })]);
  }

  /** From the client to the Service, so many connections a second. */
  traffic(options: { readonly perSecond: number; readonly holdMillis?: number }): Promise<Traffic> {
    const program = projectFile("test/support/programs/client.mjs");
    return Traffic.start(this.host("client"), this.host("tor"), () => this.router.routesSent(), program, {
      address: SERVICE.address,
      port: SERVICE.port,
      perSecond: options.perSecond,
      holdMillis: options.holdMillis ?? 0,
    });
  }

  #bootIdOf(node: NodeName): string {
    return join(this.host(node).directory, "boot_id");
  }

  #route(): void {
    const settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0"];
    for (const name of ["tor", ...NODES] as const) this.host(name).run("sysctl", ["-qw", ...settings]);
    this.host("tor").run("sysctl", ["-qw", "net.ipv4.fib_multipath_hash_policy=1"]);
    this.host("client").run("ip", ["route", "add", "default", "via", "10.99.0.1"]);
    for (const node of NODES) this.host(node).run("ip", ["route", "add", "default", "via", TOR]);
  }
}
