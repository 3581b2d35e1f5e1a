import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { type Daemon, Fabric, type Host } from "../support/lab/fabric.ts";
import { Frr, readFrrTable } from "../support/lab/frr.ts";
import { Gobgp, readGobgpTable } from "../support/lab/gobgp.ts";
import { list, record, text } from "../support/lab/json.ts";
import type { Router, Table } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const COMPOSE = record(parse(readFileSync(join(ROOT, "docker-compose.yml"), "utf8")));
const engine = spawnSync("docker", ["info", "--format", "{{.ServerVersion}}"], { encoding: "utf8" });
const HAS_ENGINE = engine.status === 0 && engine.stdout.trim() !== "";

requireTools("docker-compose")("docker-compose.yml", () => {
  it("is accepted by docker-compose's own schema", () => {
    const { status, stderr } = spawnSync("docker-compose", ["-f", join(ROOT, "docker-compose.yml"), "config", "-q"], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

/** The same files and addresses either in containers, or, where no engine answers, by local daemons on hosts with those addresses. */
requireTools(...(HAS_ENGINE ? ["docker"] : ["root", "ip", "gobgpd", "bgpd", "zebra"]))(
  `the compose file's configuration, ${HAS_ENGINE ? "in containers" : "by local daemons"}`,
  () => {
    let scene: Scene;

    beforeAll(async () => {
      scene = HAS_ENGINE ? containers() : await localDaemons();
    });
    afterAll(async () => scene?.close());

    it("brings the Services to both routers, IPv4 and IPv6", async () => {
      for (const router of ["gobgp", "frr"] as const) {
        await until(
          `${router} holds the routes`,
          async () => scene.table(router, "IPv4").size === 4 && scene.table(router, "IPv6").size === 2,
          60_000,
        );
        expect([...scene.table(router, "IPv4").keys()].sort()).toEqual([
          "10.96.0.10/32",
          "10.96.0.20/32",
          "192.0.2.10/32",
          "192.0.2.20/32",
        ]);
        expect([...scene.table(router, "IPv6").keys()].sort()).toEqual(["2001:db8::10/128", "fd96::10/128"]);
        const [path] = scene.table(router, "IPv4").get("192.0.2.10/32") ?? [];
        expect([path?.nextHop, path?.asPath, path?.communities]).toEqual(["172.31.88.10", [65001], ["65000:100"]]);
        expect(scene.table(router, "IPv6").get("2001:db8::10/128")?.[0]?.nextHop).toBe("fd31:88::10");
      }
    });

    it("takes the routes of a Local Service away when its endpoint goes, and only those", async () => {
      const file = join(scene.cluster, "web.yaml");
      writeFileSync(file, readFileSync(file, "utf8").replace(/endpoints:\n {2}- .*10\.244\.1\.10.*/, "endpoints: []"));
      for (const router of ["gobgp", "frr"] as const) {
        await until(`${router} lost them`, async () => scene.table(router, "IPv4").size === 2);
        expect([...scene.table(router, "IPv4").keys()].sort()).toEqual(["10.96.0.20/32", "192.0.2.20/32"]);
        expect(scene.table(router, "IPv6").size).toBe(2);
      }
    });
  },
);

interface Scene {
  /** A directory of objects that the test may edit. */
  readonly cluster: string;
  table(router: "gobgp" | "frr", family: "IPv4" | "IPv6"): Table;
  close(): Promise<void>;
}

async function localDaemons(): Promise<Scene> {
  const services = record(COMPOSE["services"]);
  const fabric = new Fabric(
    "compose",
    Object.entries(services).map(([name, service]) => {
      const rack = record(record(record(service)["networks"])["rack"]);
      return { name, addresses: [`${text(rack["ipv4_address"])}/24`, `${text(rack["ipv6_address"])}/64`] };
    }),
  );
  const unused = { asn: 0, routerId: "", address: "", peers: [] };
  const routers: Record<"gobgp" | "frr", Router> = {
    gobgp: new Gobgp(fabric.host("gobgp"), unused, readFileSync(join(ROOT, "config/gobgp/gobgpd.toml"), "utf8")),
    frr: new Frr(fabric.host("frr"), unused, readFileSync(join(ROOT, "config/frr/frr.conf"), "utf8")),
  };
  const host = fabric.host("herald");
  const cluster = join(host.directory, "cluster");
  cpSync(join(ROOT, "config/compose/cluster"), cluster, { recursive: true });
  await Promise.all([routers.gobgp.start(), routers.frr.start()]);
  startHerald(host, cluster, list(record(services["herald"])["command"]).map(text));
  return { cluster, table: (router, family) => routers[router].table(family), close: () => fabric.close() };
}

/** The command of the compose file with its container paths replaced by this machine's. */
function startHerald(host: Host, cluster: string, command: readonly string[]): Daemon {
  const [, , ...args] = command.map((word) => word.replace("/etc/herald", join(ROOT, "config/compose")));
  return host.start(process.execPath, [join(ROOT, "dist/herald.mjs"), ...args, "--directory", cluster]);
}

function containers(): Scene {
  const compose = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync("docker", ["compose", ...args], { cwd: ROOT, encoding: "utf8" });
    if (status !== 0) throw new Error(`docker compose ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  compose("up", "--detach", "--wait");
  const original = readFileSync(join(ROOT, "config/compose/cluster/web.yaml"), "utf8");
  const tables = {
    gobgp: (family: "IPv4" | "IPv6") => readGobgpTable((args) => compose("exec", "-T", "gobgp", "gobgp", ...args), family),
    frr: (family: "IPv4" | "IPv6") => readFrrTable((command) => compose("exec", "-T", "frr", "vtysh", "-c", command), family),
  };
  return {
    cluster: join(ROOT, "config/compose/cluster"),
    table: (router, family) => tables[router](family),
    close: async () => {
      writeFileSync(join(ROOT, "config/compose/cluster/web.yaml"), original);
      compose("down", "--volumes");
    },
  };
}
