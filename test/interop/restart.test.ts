import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { list, record } from "../support/lab/json.ts";
import {
  ADDRESSES,
  NEW,
  NOBODY,
  NODE,
  type NodeEdit,
  RestartBench,
  resealed,
  SHOP,
  WEB,
  writeCluster,
  writeNode,
} from "../support/lab/restart-bench.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

// Routers wait for what RFC 4724 has them wait for, one case after the other.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

requireTools(
  "root",
  "ip",
  "bgpd",
  "vtysh",
  "bird",
  "birdc",
)("What FRR (iBGP) and BIRD (eBGP) keep of a speaker's routes (RFC 4724, RFC 8326)", () => {
  let bench: RestartBench;

  beforeAll(async () => {
    bench = new RestartBench("restart");
    await bench.start();
  });
  afterEach(() => bench.clear());
  afterAll(() => bench?.close());

  describe("a graceful stop", () => {
    it("keeps them as stale, and the next process refreshes them and drops at End-of-RIB what is gone meanwhile", async () => {
      const first = await bench.announcing(["web", "shop"], { shutdown: "gracefulRestart" });
      expect(await first.stop()).toBe(0);
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
      expect(bench.frr.stale("IPv4").sort()).toEqual([WEB, SHOP]);

      const second = bench.speaker({ shutdown: "gracefulRestart" });
      writeCluster(second.cluster, ["web", "new"]);
      await second.start();
      await bench.both("what is wanted now", WEB, NEW);
      expect(bench.frr.stale("IPv4")).toEqual([]);
    });

    it("is told from the state file while the API server is unreachable, survives a kill in that time, and goes on", async () => {
      const first = await bench.announcing(["web", "shop"], { shutdown: "gracefulRestart" });
      await first.stop();
      await bench.down();
      // Twice without an API server: restarted, killed, restarted.
      for (const _ of ["first", "second"]) {
        const alone = bench.speaker({}, { kubeconfig: bench.kubeconfig });
        alone.launch();
        await bench.established();
        await until("FRR has heard the routes again", async () => bench.frr.stale("IPv4").length === 0);
        expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
        const restored = list((await alone.get("/api/v1/routes"))["items"]).map((route) => typeof record(route)["restored"]);
        expect(restored).toEqual(["string", "string"]);
        await alone.crash();
        await bench.down();
        expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
        expect(bench.isStale()).toBe(true);
      }
      const last = bench.speaker({});
      writeCluster(last.cluster, ["web"]);
      await last.start();
      await bench.both("what is wanted now", WEB);
    });

    it("keeps nothing longer than the restart time when no process comes", async () => {
      const first = await bench.announcing(["web"], { shutdown: "gracefulRestart" }, { gracefulRestart: { restartTime: "6s" } });
      await first.stop();
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
      await bench.both("nothing");
    });

    it("keeps nothing where Graceful Restart is switched off", async () => {
      const first = await bench.announcing(["web"], { shutdown: "gracefulRestart" }, { gracefulRestart: { enabled: false } });
      await first.stop();
      await bench.both("nothing");
    });
  });

  describe("any other stop", () => {
    it("withdraws them and says Cease/2 with its text", async () => {
      const first = await bench.announcing(["web"]);
      await first.stop();
      await bench.both("nothing");
      expect(JSON.stringify(bench.frr.neighbor(NODE))).toContain("herald is shutting down");
    });
  });

  describe("a crash", () => {
    it("keeps them as stale until the next process refreshes them", async () => {
      const first = await bench.announcing(["web", "shop"]);
      await first.crash();
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
      expect(bench.isStale()).toBe(true);
      const second = bench.speaker({});
      writeCluster(second.cluster, ["web", "shop"]);
      await second.start();
      await until("FRR has heard the routes again", async () => bench.frr.stale("IPv4").length === 0);
      expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
    });
  });

  describe("a start without a state file to go on with", () => {
    it.each([
      [
        "after a reboot: it was written under another boot ID",
        (text: string) => resealed(text, (state) => ({ ...state, bootId: "another" })),
      ],
      ["where the state file is damaged", (text: string) => text.replace(WEB, "203.0.113.9/32")],
    ])("makes both flush what is stale when the session comes up, before End-of-RIB: %s", async (_, edit) => {
      const first = await bench.announcing(["web"], { shutdown: "gracefulRestart" });
      await first.stop();
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
      writeFileSync(bench.stateFile, edit(readFileSync(bench.stateFile, "utf8")));
      // The gate gets no answer at all, so neither the route nor End-of-RIB is sent.
      const second = bench.speaker({ dataplane: { healthz: `http://${NOBODY}:1/` } });
      writeCluster(second.cluster, ["web"], {}, { dataplaneGate: "Require" });
      await second.start();
      await bench.established();
      await bench.both("nothing");
      expect((await second.peer("frr"))["sent"]).toMatchObject({ updates: 0 });
      expect((await second.peer("bird"))["sent"]).toMatchObject({ updates: 0 });
      expect(bench.frr.established(NODE)).toBe(true);
    });
  });

  describe("a change of a peer that needs a reset", () => {
    it("ends the session without a NOTIFICATION and leaves the routes where they are", async () => {
      const herald = await bench.announcing(["web"]);
      writeCluster(herald.cluster, ["web"], { holdTime: "33s" });
      await until("the new hold time", async () => {
        const peers = await Promise.all([herald.peer("frr"), herald.peer("bird")]);
        return peers.every((peer) => peer["state"] === "Established" && peer["holdTimeSeconds"] !== undefined && peer["flaps"] === 1);
      });
      for (const name of ["frr", "bird"]) expect((await herald.peer(name))["sent"]).toMatchObject({ notifications: 0 });
      await until("FRR has heard the route again", async () => bench.frr.stale("IPv4").length === 0 && bench.frr.table("IPv4").has(WEB));
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
    });
  });

  describe("a drain", () => {
    const causes: readonly [string, NodeEdit][] = [
      ["the annotation", { annotations: { "herald.dev/drain": "maintenance" } }],
      ["a taint", { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] }],
      ["a cordon, where that counts", { unschedulable: true }],
      [
        "kubelet's graceful shutdown",
        { conditions: [{ type: "Ready", status: "False", reason: "KubeletNotReady", message: "node is shutting down" }] },
      ],
      ["a command to the process", { command: true }],
    ];
    it.each(causes)("by %s announces with the community, then withdraws, and the sessions stay up", async (_, edit) => {
      const herald = await bench.announcing(["web"], { drain: { gracePeriod: "6s", prepend: 2, on: { cordon: true } } });
      if (edit.command === true) expect(await herald.post("/api/v1/drain")).toBe(200);
      else writeNode(herald.cluster, edit);
      await until("the community on both", async () =>
        [bench.frr, bench.bird].every((router) =>
          router
            .table("IPv4")
            .get(WEB)?.[0]
            ?.communities.some((one) => one === "65535:0" || one === "gracefulShutdown"),
        ),
      );
      // iBGP: LOCAL_PREF 0 and no prepend; eBGP: prepended.
      expect(bench.frr.table("IPv4").get(WEB)?.[0]).toMatchObject({ localPref: 0, asPath: [] });
      expect(bench.bird.table("IPv4").get(WEB)?.[0]).toMatchObject({ asPath: [65001, 65001, 65001] });
      await bench.both("nothing");
      expect([bench.frr.established(NODE), bench.bird.established(NODE)]).toEqual([true, true]);
      if (edit.command === true) expect(await herald.post("/api/v1/undrain")).toBe(200);
      else writeNode(herald.cluster, {});
      await bench.both("the route again", WEB);
      expect(bench.frr.table("IPv4").get(WEB)?.[0]).toMatchObject({ localPref: 100, communities: [] });
      expect(bench.bird.table("IPv4").get(WEB)?.[0]).toMatchObject({ asPath: [65001], communities: [] });
    });

    it("is finished when the process is told to end, with nothing announced that is new, and then Cease/2", async () => {
      const herald = await bench.announcing(["web"], { drain: { gracePeriod: "10s" }, shutdown: "gracefulRestart" });
      writeNode(herald.cluster, { annotations: { "herald.dev/drain": "" } });
      await until("the community", async () => bench.bird.table("IPv4").get(WEB)?.[0]?.communities.includes("65535:0") === true);
      writeCluster(herald.cluster, ["web", "new"], {}, {}, { annotations: { "herald.dev/drain": "" } });
      const exit = herald.stop();
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
      expect(await exit).toBe(0);
      await bench.both("nothing");
      expect(JSON.stringify(bench.frr.neighbor(NODE))).toContain("herald is shutting down");
    });

    it.each([
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const)(
      "is cut short by a second %s: nothing is left on the routers, which would keep it for a process that only died",
      async (signal, code) => {
        const herald = await bench.announcing(["web"], { drain: { gracePeriod: "60s" }, shutdown: "gracefulRestart" });
        writeNode(herald.cluster, { annotations: { "herald.dev/drain": "" } });
        await until("the community", async () => bench.bird.table("IPv4").get(WEB)?.[0]?.communities.includes("65535:0") === true);
        herald.signal("SIGTERM");
        await until("the first signal was heard", async () => herald.output().includes("speaker.stopping"));
        expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
        herald.signal(signal);
        expect(await herald.ended()).toBe(code);
        await bench.both("nothing");
        expect(JSON.stringify(bench.frr.neighbor(NODE))).toContain("herald is shutting down");
      },
    );

    it("asked for by a command outlives a kill in its grace period: the next process announces nothing until the end of the drain", async () => {
      const first = await bench.announcing(["web"], { drain: { gracePeriod: "60s" } });
      expect(await first.post("/api/v1/drain")).toBe(200);
      await until("the community", async () => bench.bird.table("IPv4").get(WEB)?.[0]?.communities.includes("65535:0") === true);
      await first.crash();
      await bench.down();
      expect(bench.bird.table("IPv4").get(WEB)?.[0]?.communities).toEqual(["65535:0"]);

      const second = bench.speaker({});
      await second.start();
      await bench.both("nothing");
      await bench.established();
      // What is decided now is not announced either: End-of-RIB is all that was ever sent.
      writeCluster(second.cluster, ["web", "new"]);
      await until("the decision", async () =>
        list((await second.get("/api/v1/services"))["items"])
          .map(record)
          .some((item) => item["address"] === ADDRESSES["new"] && item["reason"] === "nodeDrained"),
      );
      for (const name of ["frr", "bird"]) expect((await second.peer(name))["announced"]).toMatchObject({ IPv4: 0 });
      expect(bench.tables()).toEqual({ frr: [], bird: [] });
      expect(await second.metrics()).toContain('herald_drained{cause="command"} 1');

      expect(await second.post("/api/v1/undrain")).toBe(200);
      await bench.both("the routes", WEB, NEW);
      await second.crash();
      const third = bench.speaker({});
      await third.start();
      await until("FRR has heard the routes again", async () => bench.frr.stale("IPv4").length === 0);
      expect(bench.tables()).toEqual({ frr: [WEB, NEW], bird: [WEB, NEW] });
    });

    it("of a node whose other router is down concerns that one alone", async () => {
      const herald = await bench.announcing(["web"], { drain: { gracePeriod: "2s" } });
      await bench.bird.stop("crash");
      await until("the session to BIRD has ended", async () => (await herald.peer("bird"))["state"] !== "Established", 120_000);
      writeNode(herald.cluster, { annotations: { "herald.dev/drain": "" } });
      await until("FRR has nothing", async () => !bench.frr.table("IPv4").has(WEB));
      await bench.bird.start();
      await until("the session to BIRD", async () => bench.bird.established(NODE), 60_000);
      expect(bench.bird.table("IPv4").has(WEB)).toBe(false);
    });
  });
});
