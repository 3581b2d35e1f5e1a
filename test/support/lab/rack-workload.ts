import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectFile } from "../project.ts";
import type { ClusterDirectory } from "./cluster.ts";
import type { Daemon, Host } from "./fabric.ts";
import { type RawObject, rawService, rawSlice } from "./objects.ts";
import { addressOf, NODES, type NodeName, SERVICE } from "./rack-nodes.ts";
import { until } from "./wait.ts";

const PROGRAMS = projectFile("test/support/programs");

interface Pod {
  readonly name: string;
  readonly node: NodeName;
  readonly address: string;
  readonly process: Daemon;
  ready: boolean;
  terminating: boolean;
}

/** The pods of the rack's one Service, which come and go as a Deployment's do, and each node's service proxy. */
export class RackWorkload {
  readonly #host: (node: NodeName) => Host;
  readonly #cluster: ClusterDirectory;
  readonly #proxyLagMillis: number;
  readonly #pods = new Map<string, Pod>();
  readonly #proxies = new Map<NodeName, Daemon>();
  #podsMade = 0;

  constructor(host: (node: NodeName) => Host, cluster: ClusterDirectory, proxyLagMillis: number) {
    this.#host = host;
    this.#cluster = cluster;
    this.#proxyLagMillis = proxyLagMillis;
  }

  /** Starts a pod that is not ready yet. */
  async startPod(node: NodeName): Promise<string> {
    this.#podsMade += 1;
    const name = `pod${this.#podsMade}`;
    const host = this.#host(node);
    const address = `10.244.${NODES.indexOf(node) + 1}.${this.#podsMade}`;
    host.run("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
    const process_ = host.start(process.execPath, [join(PROGRAMS, "pod.mjs"), name, address, String(SERVICE.port)]);
    await until(`${name} listens`, async () => process_.output().includes("ready"));
    this.#pods.set(name, { name, node, address, process: process_, ready: false, terminating: false });
    this.#publish();
    return name;
  }

  markReady(name: string): void {
    this.#pod(name).ready = true;
    this.#publish();
  }

  /** As their deletion begins: not ready, still serving. */
  markTerminating(...names: readonly string[]): void {
    for (const pod of names.map((name) => this.#pod(name))) {
      pod.ready = false;
      pod.terminating = true;
    }
    this.#publish();
  }

  /** The end of terminating pods: they take no callers any more, and leave the slices. */
  endPod(...names: readonly string[]): void {
    for (const name of names) {
      this.#pod(name).process.signal("SIGTERM");
      this.#pods.delete(name);
    }
    this.#publish();
  }

  podsOn(node: NodeName): readonly string[] {
    return [...this.#pods.values()].filter((pod) => pod.node === node).map(({ name }) => name);
  }

  async startProxy(node: NodeName): Promise<void> {
    const args = [addressOf(node), SERVICE.address, String(SERVICE.port), String(SERVICE.healthPort)];
    const program = join(PROGRAMS, "service-proxy.mjs");
    const proxy = this.#host(node).start(process.execPath, [program, ...args, this.#podsFile(node), String(this.#proxyLagMillis)]);
    this.#proxies.set(node, proxy);
    await until(`the proxy of ${node} has programmed`, async () => proxy.output().includes("programmed"));
  }

  /** Its health answers go with it, its rules stay. */
  async stopProxy(node: NodeName): Promise<void> {
    await this.#proxies.get(node)?.stop("SIGKILL");
  }

  /** Waits until a node's proxy sends to these pods and no others. */
  async reached(node: NodeName, pods: readonly string[]): Promise<void> {
    const line = `programmed ${pods.map((name) => this.#pod(name).address).join(" ")}`;
    await until(`${node} sends to ${pods.join(", ")}`, async () => this.#proxies.get(node)?.output().trimEnd().endsWith(line));
  }

  /** What of it dies with the node. The slices go on saying what they said: who would tell them. */
  async powerOff(node: NodeName): Promise<void> {
    const here = this.podsOn(node).map((name) => this.#pod(name));
    await Promise.all([this.stopProxy(node), ...here.map((pod) => pod.process.stop("SIGKILL"))]);
    for (const { name } of here) this.#pods.delete(name);
    this.#host(node).run("nft", ["flush", "ruleset"]);
  }

  /** Proxies and speakers learn it from the same slices, each at its own pace. */
  #publish(): void {
    const pods = [...this.#pods.values()];
    for (const node of NODES) {
      const here = pods.filter((pod) => pod.node === node);
      const addresses = (wanted: (pod: Pod) => boolean): readonly string[] => here.filter(wanted).map(({ address }) => address);
      replace(this.#podsFile(node), { ready: addresses(({ ready }) => ready), serving: addresses(({ terminating }) => terminating) });
    }
    const service = rawService({ name: "web", policy: "Local", loadBalancerIPs: [SERVICE.address] });
    const endpoints = pods.map(({ address, node, ready, terminating }) => ({
      address,
      node,
      ready,
      serving: ready || terminating,
      terminating,
    }));
    this.#cluster.write("service.json", [withHealthPort(service), rawSlice("web", "IPv4", endpoints)]);
  }

  #pod(name: string): Pod {
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  #podsFile(node: NodeName): string {
    return join(this.#host(node).directory, "pods.json");
  }
}

function withHealthPort(service: RawObject): RawObject {
  const spec: unknown = service["spec"];
  return { ...service, spec: { ...(typeof spec === "object" ? spec : {}), healthCheckNodePort: SERVICE.healthPort } };
}

function replace(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value));
  renameSync(`${file}.new`, file);
}
