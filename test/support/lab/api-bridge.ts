import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Host } from "./fabric.ts";
import { until } from "./wait.ts";

/**
 * Makes a port of this side's loopback reachable at `inside` of a host's loopback: a unix socket is the same file in every network namespace. The caller
 * closes the server; the other half ends with the host.
 */
export async function bridgeInto(host: Host, outside: () => number, inside: number): Promise<Server> {
  const path = join(host.directory, `bridge-${inside}.sock`);
  const server = createServer((near) => {
    const far = connect(outside(), "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const program = `
    const { connect, createServer } = require("node:net");
    createServer((near) => {
      const far = connect(${JSON.stringify(path)});
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy()).on("close", () => near.destroy());
    }).listen(${inside}, "127.0.0.1", () => console.log("bridge is up"));`;
  const daemon = host.start(process.execPath, ["-e", program]);
  await until("the bridge is up", async () => daemon.output().includes("bridge is up"));
  return server;
}
