import { writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { kubeconfigOf } from "../kubeconfig.ts";
import type { ApiServer } from "./api-server.ts";
import type { Host } from "./fabric.ts";
import { until } from "./wait.ts";

const PORT = 6443;

/** Where a host of the fabric finds the API server once it has a bridge. */
export const API_URL = `https://127.0.0.1:${PORT}`;

/** Where {@link writeKubeconfig} puts it. */
export function kubeconfigOn(host: Host): string {
  return join(host.directory, "kubeconfig");
}

/** Writes how a host reaches the server over its bridge, as whoever has the token. Returns the file. */
export function writeKubeconfig(host: Host, server: ApiServer, token = "speaker-token"): string {
  const path = kubeconfigOn(host);
  writeFileSync(path, kubeconfigOf({ server: API_URL, ca: server.caPem, token }));
  return path;
}

/** Makes an API server on this side's loopback reachable on a host's: a unix socket is the same file in every network namespace. */
export class ApiBridge {
  readonly #outside: Server;

  private constructor(outside: Server) {
    this.#outside = outside;
  }

  /** `port` is asked for every connection. */
  static async into(host: Host, port: () => number): Promise<ApiBridge> {
    const path = join(host.directory, "api.sock");
    const outside = createServer((near) => {
      const far = connect(port(), "127.0.0.1");
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy()).on("close", () => near.destroy());
    });
    await new Promise<void>((resolve) => outside.listen(path, resolve));
    const inside = `
    const { connect, createServer } = require("node:net");
    createServer((near) => {
      const far = connect(${JSON.stringify(path)});
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy()).on("close", () => near.destroy());
    }).listen(${PORT}, "127.0.0.1", () => console.log("bridge is up"));`;
    const daemon = host.start(process.execPath, ["-e", inside]);
    await until("the bridge is up", async () => daemon.output().includes("bridge is up"));
    return new ApiBridge(outside);
  }

  close(): void {
    this.#outside.close();
  }
}
