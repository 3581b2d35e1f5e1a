import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Resource } from "../../../src/kube/resource.ts";
import { ApiBridge, writeKubeconfig } from "./api-bridge.ts";
import { type ApiServer, type KubeObject, resource } from "./api-server.ts";
import { NODES, SPEAKER_RULES, servicesIn, slicesIn } from "./cluster-kinds.ts";
import type { Host } from "./fabric.ts";
import { list, record, text } from "./json.ts";
import { preparedServer } from "./prepared-server.ts";

const PLACES: ReadonlyMap<string, Resource> = new Map([
  ["Node", NODES],
  ["Service", servicesIn("default")],
  ["EndpointSlice", slicesIn("default")],
  ...["BGPPeer", "BGPAdvertisement", "BFDProfile"].map(
    (kind) => [kind, resource("herald.dev", "v1alpha1", `${kind.toLowerCase()}s`, "herald-system")] as const,
  ),
]);

/** A real API server as the source of a rack's speakers. */
export class RackApi {
  readonly server: ApiServer;
  readonly #bridges: readonly ApiBridge[];

  private constructor(server: ApiServer, bridges: readonly ApiBridge[]) {
    this.server = server;
    this.#bridges = bridges;
  }

  /** Within reach of these hosts, each with the kubeconfig of a speaker. */
  static async start(hosts: readonly Host[]): Promise<RackApi> {
    const server = await preparedServer({ speaker: SPEAKER_RULES });
    for (const host of hosts) writeKubeconfig(host, server);
    return new RackApi(server, await Promise.all(hosts.map((host) => ApiBridge.into(host, () => server.port))));
  }

  /** Every object of a directory's JSON files. */
  async apply(directory: string): Promise<void> {
    const files = readdirSync(directory).filter((name) => name.endsWith(".json"));
    const items = files.flatMap((file) => list(record(JSON.parse(readFileSync(join(directory, file), "utf8")))["items"]));
    for (const item of items.map(record)) {
      const kind = text(item["kind"]);
      const place = PLACES.get(kind);
      if (place === undefined) throw new Error(`no place is known for ${kind}`);
      const { status, ...object } = kubeObjectOf(item);
      await this.server.apply(place, withoutEmptyClusterIPs(object));
      if (status === undefined) continue;
      const { apiVersion, metadata } = object;
      await this.server.apply(place, { apiVersion, kind, metadata, status }, "status");
    }
  }

  async stop(): Promise<void> {
    for (const bridge of this.#bridges) bridge.close();
    await this.server.stop();
  }
}

function kubeObjectOf(item: Record<string, unknown>): KubeObject {
  const metadata = record(item["metadata"]);
  return {
    ...item,
    apiVersion: text(item["apiVersion"]),
    kind: text(item["kind"]),
    metadata: { ...metadata, name: text(metadata["name"]) },
  };
}

/** The server chooses them once, and takes no empty list after that. */
function withoutEmptyClusterIPs(object: KubeObject): KubeObject {
  const { spec } = object;
  if (spec === undefined || object.kind !== "Service") return object;
  const { clusterIPs: _, ...rest } = record(spec);
  return { ...object, spec: rest };
}
