import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { registerProcess } from "../support/leftovers.ts";
import { RawRouter, TYPE } from "../support/raw-peer.ts";
import { Cleanup } from "../support/speaker-rig.ts";

const program = fileURLToPath(new URL("../../dist/herald.mjs", import.meta.url));
const OWNERS = 20_000;
const PER_FILE = 1_000;
const PATIENCE_MILLIS = 120_000;

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

type Raw = Readonly<Record<string, unknown>>;

function serviceOf(name: string, ip: string): Raw {
  return {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name }, spec: { type: "LoadBalancer", externalTrafficPolicy: "Local" } },
    status: { loadBalancer: { ingress: [{ ip }] } },
  };
}

function sliceOf(name: string, nodes: readonly string[]): Raw {
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
    metadata: { name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
    endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.1.0.${i + 1}`], nodeName, conditions: { ready: true } })),
  };
}

function listOf(items: readonly Raw[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

/** Asks for the health of the speaker, one question after the other, until it is stopped. */
class HealthPoll {
  readonly #socketPath: string;
  #stopped = false;
  readonly #done: Promise<{ readonly answered: number; readonly failed: number }>;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#done = this.#run();
  }

  stop(): Promise<{ readonly answered: number; readonly failed: number }> {
    this.#stopped = true;
    return this.#done;
  }

  async #run(): Promise<{ readonly answered: number; readonly failed: number }> {
    let [answered, failed] = [0, 0];
    while (!this.#stopped) {
      if (await this.#ask()) answered++;
      else failed++;
    }
    return { answered, failed };
  }

  #ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = get({ socketPath: this.#socketPath, path: "/healthz", agent: false, timeout: PATIENCE_MILLIS }, (reply) => {
        reply.resume();
        reply.on("end", () => resolve(reply.statusCode === 200));
      });
      asked.on("timeout", () => asked.destroy(new Error("no answer")));
      asked.on("error", () => resolve(false));
    });
  }
}

describe(`a speaker with ${OWNERS} Services on one address`, () => {
  it("announces it once, answers its health check all the while, and withdraws it when one of them has no pod here any more", {
    timeout: 4 * PATIENCE_MILLIS,
  }, async () => {
    const router = cleanup.add(await RawRouter.listen(), (made) => made.close());
    const scratch = cleanup.add(mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-one-`)), (path) =>
      rmSync(path, { recursive: true }),
    );
    const objects = join(scratch, "objects");
    mkdirSync(objects);
    const ours = "herald.dev/v1alpha1";
    const peerSpec = { myASN: 65001, peerASN: 65000, peerAddress: "127.0.0.1", peerPort: router.port, nextHopSource: "NodeInternalIP" };
    const status = { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] };
    const base = [
      { apiVersion: "v1", kind: "Node", metadata: { name: "n1" }, status },
      { apiVersion: ours, kind: "BGPPeer", metadata: { name: "tor" }, spec: peerSpec },
      { apiVersion: ours, kind: "BGPAdvertisement", metadata: { name: "all" }, spec: {} },
      serviceOf("good", "203.0.113.2"),
      sliceOf("good", ["n1"]),
    ];
    writeFileSync(join(objects, "base.json"), listOf(base));
    for (let first = 0; first < OWNERS; first += PER_FILE) {
      const names = Array.from({ length: PER_FILE }, (_, i) => `s${first + i}`);
      const items = names.flatMap((name) => [serviceOf(name, "203.0.113.1"), ...(name === "s0" ? [] : [sliceOf(name, ["n1", "n2"])])]);
      writeFileSync(join(objects, `${first}.json`), listOf(items));
    }
    const moving = join(objects, "moving.json");
    writeFileSync(moving, JSON.stringify(sliceOf("s0", ["n1", "n2"])));

    const socket = join(scratch, "admin.sock");
    const config = join(scratch, "herald.yaml");
    writeFileSync(config, `nodeName: n1\nadmin: { listen: "unix:${socket}" }\nstateFile: ""\n`);
    const child = spawn(process.execPath, [program, "speaker", "--config", config, "--directory", objects], { stdio: "ignore" });
    if (child.pid !== undefined) registerProcess(child.pid);
    cleanup.add(child, async (running) => {
      const ended = new Promise((resolve) => running.once("close", resolve));
      running.kill("SIGKILL");
      await ended;
    });

    const peer = cleanup.add(await router.peer(0, PATIENCE_MILLIS), (one) => one.destroy());
    await peer.establish();
    const updates = () => peer.messages.filter(({ type }) => type === TYPE.update).map(({ body }) => body.toString("hex"));
    await peer.until("End-of-RIB", () => updates().includes("00000000"), PATIENCE_MILLIS);
    expect(updates().filter((body) => body.includes("20cb007101"))).toHaveLength(1);
    expect(updates().join(), "the good Service").toContain("20cb007102");

    const healthz = cleanup.add(new HealthPoll(socket), (poll) => poll.stop());
    writeFileSync(moving, JSON.stringify(sliceOf("s0", ["n2"])));
    await peer.until("the withdrawal", () => updates().includes("000520cb0071010000"), PATIENCE_MILLIS);
    const { answered, failed } = await healthz.stop();
    expect([answered > 0, failed]).toEqual([true, 0]);
    expect(updates().filter((body) => !body.startsWith("0000")).length, "nothing else is withdrawn").toBe(1);
  });
});
