import { join } from "node:path";
import { projectFile } from "../project.ts";
import type { Daemon, Host } from "./fabric.ts";
import { until } from "./wait.ts";

/**
 * Resilient hashing beside FRR: the kernel's next-hop group of type `resilient` with the next hops that FRR's route has, in a route that goes before it. FRR 8.4
 * has no way to ask for one (its groups are plain, and a group's type cannot change), so a program follows FRR's route and keeps the group. A next hop that goes
 * gives up its own buckets alone, and one that comes gets buckets that were idle for `idleSeconds`.
 */
export async function keepResilient(router: Host, prefix: string, gateways: readonly string[], idleSeconds: number): Promise<Daemon> {
  const program = projectFile(join("test/support/programs", "resilient-group.mjs"));
  const follower = router.start(process.execPath, [program, prefix, gateways.join(), String(idleSeconds)]);
  await until("the resilient group has every next hop", async () =>
    follower
      .output()
      .trimEnd()
      .endsWith(`group ${gateways.join(" ")}`),
  );
  return follower;
}
