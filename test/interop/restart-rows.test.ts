import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Herald } from "../support/lab/herald.ts";
import { list, record } from "../support/lab/json.ts";
import { LinkCut } from "../support/lab/link-cut.ts";
import { NODE, RestartBench, resealed, SHOP, WEB, writeNode, writePeers } from "../support/lab/restart-bench.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

// The rows of docs/semantics.md "Exit, restart, loss" that are not in restart.test.ts; BFD's are in bfd.test.ts, those of the API server in test/cluster.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const LLGR_STALE = ["65535:6", "llgrStale"];

requireTools(
  "root",
  "ip",
  "nft",
  "bgpd",
  "vtysh",
  "bird",
  "birdc",
)("What FRR (iBGP) and BIRD (eBGP) keep when a speaker, its node or its peers go (RFC 4724, RFC 8538, RFC 9494)", () => {
  let bench: RestartBench;
  let cut: LinkCut;

  beforeAll(async () => {
    bench = new RestartBench("rows");
    await bench.start();
    cut = new LinkCut(bench.fabric.host("node"));
    // Both are said in FRR's OPEN, and mean something only where Herald says them too.
    bench.frr.configure("bgp graceful-restart notification", "bgp long-lived-graceful-restart stale-time 3600");
  });
  afterEach(async () => {
    cut.mend();
    await bench.clear();
  });
  afterAll(() => bench?.close());

  describe("a process that ends", () => {
    it("by kill -9 without Graceful Restart leaves nothing: the routes go with the connection", async () => {
      const herald = await bench.announcing(["web"], {}, { gracefulRestart: { enabled: false } });
      await herald.crash();
      await bench.both("nothing");
    });

    it("by SIGTERM without evidence of a rollout, as after a liveness probe that failed, leaves nothing", async () => {
      const herald = await bench.announcing(["web"], { shutdown: "auto" });
      expect(await herald.stop()).toBe(0);
      await bench.both("nothing");
      expect(bench.lastWords().frr).toContain("herald is shutting down");
    });

    it("by SIGKILL because it hung and its liveness probe failed leaves the routes stale, and the next process refreshes them", async () => {
      const herald = await bench.announcing(["web", "shop"]);
      herald.signal("SIGSTOP");
      herald.signal("SIGTERM");
      await herald.crash();
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
      expect(bench.isStale()).toBe(true);
      await bench.speaker({}).start();
      await until("FRR has heard the routes again", async () => bench.frr.established(NODE) && bench.frr.stale("IPv4").length === 0);
      expect(bench.tables()).toEqual({ frr: [WEB, SHOP], bird: [WEB, SHOP] });
    });

    it("by SIGTERM while kubelet shuts the node down finishes the drain and leaves nothing, whatever shutdown says", async () => {
      const herald = await bench.announcing(["web"], { shutdown: "gracefulRestart", drain: { gracePeriod: "12s" } });
      writeNode(herald.cluster, {
        conditions: [{ type: "Ready", status: "False", reason: "KubeletNotReady", message: "node is shutting down" }],
      });
      await until("the community", async () => bench.bird.table("IPv4").get(WEB)?.[0]?.communities.includes("65535:0") === true);
      expect(await herald.stop()).toBe(0);
      await bench.both("nothing");
      expect(bench.lastWords().frr).toContain("herald is shutting down");
    });

    it("by SIGTERM when the node is drained already says Cease/2 at once", async () => {
      const herald = await bench.announcing(["web"], { shutdown: "gracefulRestart", drain: { gracePeriod: "0s" } });
      writeNode(herald.cluster, { annotations: { "herald.dev/drain": "" } });
      await bench.both("nothing");
      expect([bench.frr.established(NODE), bench.bird.established(NODE)]).toEqual([true, true]);
      expect(await herald.stop()).toBe(0);
      await bench.down();
      expect(bench.lastWords().frr).toContain("herald is shutting down");
    });

    it("with Notification support says Hard Reset, so that FRR keeps nothing (RFC 8538)", async () => {
      const herald = await bench.announcing(["web"], { shutdown: "withdraw" }, { gracefulRestart: { notification: true } });
      await herald.stop();
      await bench.both("nothing");
      expect(bench.lastWords().frr).toContain('"lastNotificationHardReset":true');
    });
  });

  describe("Notification support (RFC 8538)", () => {
    const noting = { gracefulRestart: { notification: true } };

    it.each([
      ["a graceful stop", (herald: Herald) => herald.stop()],
      ["a crash", (herald: Herald) => herald.crash()],
    ] as const)("leaves the routes stale after %s as without it, and the next process refreshes them", async (_, end) => {
      const herald = await bench.announcing(["web"], { shutdown: "gracefulRestart" }, noting);
      await end(herald);
      await bench.down();
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
      expect(bench.isStale()).toBe(true);
      await bench.speaker({}).start();
      await until("FRR has heard the route again", async () => bench.frr.established(NODE) && bench.frr.stale("IPv4").length === 0);
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
    });

    it("leaves the routes where they are when a peer changes that needs a new session, without a NOTIFICATION", async () => {
      const herald = await bench.announcing(["web"], {}, noting);
      writePeers(herald.cluster, ["frr", "bird"], { ...noting, holdTime: "33s" });
      await until("both sessions are new ones", async () => {
        const peers = await Promise.all([herald.peer("frr"), herald.peer("bird")]);
        return peers.every((peer) => peer["state"] === "Established" && peer["flaps"] === 1);
      });
      for (const name of ["frr", "bird"]) expect((await herald.peer(name))["sent"]).toMatchObject({ notifications: 0 });
      await until("FRR has heard the route again", async () => bench.frr.stale("IPv4").length === 0 && bench.frr.table("IPv4").has(WEB));
      expect(bench.tables()).toEqual({ frr: [WEB], bird: [WEB] });
    });

    it("says Cease/3 as a Hard Reset to a peer that is removed, so that FRR keeps nothing", async () => {
      const herald = await bench.announcing(["web"], {}, noting);
      writePeers(herald.cluster, ["bird"], noting);
      await until("the route is gone there", async () => !bench.frr.table("IPv4").has(WEB));
      await until("the session is gone there", async () => !bench.frr.established(NODE));
      expect(bench.lastWords().frr).toContain('"lastNotificationHardReset":true');
      expect([bench.bird.established(NODE), bench.bird.table("IPv4").has(WEB)]).toEqual([true, true]);
    });
  });

  describe("a start that cannot read its objects", () => {
    it("says End-of-RIB after eorDeferral: what the state file lacks stays until then, and goes then", async () => {
      const first = await bench.announcing(["web", "shop"], { shutdown: "gracefulRestart" });
      await first.stop();
      await bench.down();
      // As if SHOP had been announced and never written down.
      const without = (routes: unknown) => list(routes).filter((route) => record(route)["prefix"] !== SHOP);
      const text = readFileSync(bench.stateFile, "utf8");
      writeFileSync(
        bench.stateFile,
        resealed(text, (state) => ({ ...state, routes: without(state["routes"]) })),
      );
      const second = bench.speaker({ eorDeferral: "15s" }, { kubeconfig: bench.kubeconfig });
      second.launch();
      await until("FRR heard what the file has, and waits for End-of-RIB", async () => {
        return bench.frr.established(NODE) && JSON.stringify(bench.frr.stale("IPv4")) === JSON.stringify([SHOP]);
      });
      expect(bench.frr.table("IPv4").has(WEB)).toBe(true);
      await bench.both("what the file has", WEB);
    });
  });

  describe("a peer", () => {
    it.each([
      ["frr", "bird"],
      ["bird", "frr"],
    ] as const)("%s that is removed loses the routes with Cease/3, and %s keeps them", async (gone, stays) => {
      const herald = await bench.announcing(["web"]);
      writePeers(herald.cluster, [stays]);
      await until("the routes are gone there", async () => !bench[gone].table("IPv4").has(WEB));
      await until("the session is gone there", async () => !bench[gone].established(NODE));
      expect(bench.lastWords()[gone]).toMatch(/0603|[Dd]e-?configured|Unconfigured/);
      expect([bench[stays].established(NODE), bench[stays].table("IPv4").has(WEB)]).toEqual([true, true]);
    });

    it("that changes without Graceful Restart is reset with Cease/6, and told everything again", async () => {
      const plain = { gracefulRestart: { enabled: false } };
      const herald = await bench.announcing(["web"], { resetSpread: "1s" }, plain);
      writePeers(herald.cluster, ["frr", "bird"], { ...plain, holdTime: "33s" });
      await until("the new hold time", async () => {
        const peers = await Promise.all([herald.peer("frr"), herald.peer("bird")]);
        return peers.every((peer) => peer["state"] === "Established" && peer["flaps"] === 1);
      });
      for (const name of ["frr", "bird"]) expect((await herald.peer(name))["sent"]).toMatchObject({ notifications: 1 });
      expect(bench.frr.output()).toMatch(/NOTIFICATION: received from neighbor 10\.89\.0\.10 6\/6 /);
      await bench.both("the route again", WEB);
    });
  });

  describe("a node that is cut off without a word", () => {
    it("loses its routes on both when the hold time is over: Graceful Restart alone does not hide a dead node", async () => {
      await bench.announcing(["web"], {}, { holdTime: "6s" });
      cut.cut();
      await bench.both("nothing");
    });

    it("keeps them on FRR for the restart time after that with Notification support, which BIRD does not know (RFC 8538)", async () => {
      await bench.announcing(["web"], {}, { holdTime: "6s", gracefulRestart: { notification: true, restartTime: "15s" } });
      cut.cut();
      await until("FRR's hold timer has ended the session", async () => !bench.frr.established(NODE), 60_000);
      expect([bench.isStale(), bench.frr.table("IPv4").has(WEB)]).toEqual([true, true]);
      await until("BIRD has nothing", async () => !bench.bird.table("IPv4").has(WEB), 60_000);
      await bench.both("nothing");
    });
  });

  describe("Long-Lived Graceful Restart (RFC 9494)", () => {
    it("keeps routes beyond the restart time as a last resort, marked LLGR_STALE, until the stale time is over", async () => {
      const times = { restartTime: "3s", longLivedStaleTime: "20s" };
      const herald = await bench.announcing(["web"], {}, { gracefulRestart: times });
      await herald.crash();
      await bench.down();
      for (const router of [bench.frr, bench.bird]) {
        await until(`${router.product} marks the route`, async () =>
          router
            .table("IPv4")
            .get(WEB)?.[0]
            ?.communities.some((one) => LLGR_STALE.includes(one)),
        );
      }
      await bench.both("nothing");
    });

    it("is no reason to keep a route that was withdrawn before", async () => {
      const herald = await bench.announcing(
        ["web"],
        { shutdown: "withdraw" },
        { gracefulRestart: { restartTime: "3s", longLivedStaleTime: "60s" } },
      );
      await herald.stop();
      await bench.both("nothing");
      expect(record(bench.frr.neighbor(NODE))["bgpState"]).not.toBe("Established");
    });
  });
});
