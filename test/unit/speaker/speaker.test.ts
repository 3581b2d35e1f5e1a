import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { replayLines } from "../../../src/bgp/fsm/replay.ts";
import { systemClock } from "../../../src/clock.ts";
import { silentLog } from "../../../src/log.ts";
import { Speaker } from "../../../src/speaker/speaker.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { message, RawPeer, TYPE, update } from "../../support/raw-peer.ts";
import {
  advertisement,
  bgpPeer,
  Cleanup,
  decided,
  eventually,
  FakeSource,
  node,
  service,
  shown,
  startListening,
  startSpeaker,
} from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

function directory(): string {
  return mkdtempSync(join(tmpdir(), "herald-speaker-"));
}

describe("a speaker's life", () => {
  it("makes its first decisions after the turn in which the last objects came, which may have been a long one", async () => {
    const rig = cleanup.add(await startSpeaker(), ({ speaker }) => speaker.stop());
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement(), ...service("web", "192.0.2.1"));
    rig.source.sync();
    expect([[...rig.speaker.view.routes()], rig.speaker.view.ready()]).toEqual([[], false]);
    await eventually("a route", () => [...rig.speaker.view.routes()].length > 0);
    expect(rig.speaker.view.ready()).toBe(true);
  });

  it("explains, lists and counts what it decided", async () => {
    const rig = await startListening(cleanup);
    await eventually("a route", () => [...rig.speaker.view.routes()].length > 0);
    const routes = [...rig.speaker.view.routes()];
    expect(routes).toMatchObject([
      { node: "node-a", prefix: "192.0.2.1/32", peers: ["tor"], nextHop: { tor: "10.0.0.1" }, owners: ["default/web"] },
    ]);
    expect(Date.parse(routes[0]?.since ?? "")).toBeGreaterThan(Date.now() - 60_000);
    expect([...rig.speaker.view.services()].map(({ kind, announced }) => [kind, announced])).toEqual([
      ["ClusterIP", false],
      ["LoadBalancerIP", true],
    ]);
    const explain = rig.speaker.view.explain("192.0.2.1");
    expect(explain).toMatchObject({ node: "node-a", subject: { type: "address", value: "192.0.2.1" } });
    expect(explain.timeline).toMatchObject([{ service: "default/web", kind: "announced" }]);
    expect(rig.speaker.view.explain("web").timeline?.length).toBeGreaterThan(0);
    expect(rig.speaker.view.explain("192.0.2.1/32").timeline).toHaveLength(1);
    expect(() => rig.speaker.view.explain("nobody")).toThrow(expect.objectContaining({ code: "SUBJECT_UNKNOWN" }));
    expect(await rig.metrics.text()).toContain('herald_decisions{announced="true",reason=""} 1');
  });

  it("tells for every event when it was decided, and when each peer's bytes were handed over or why they were not", async () => {
    const rig = await startListening(cleanup);
    rig.source.set(
      bgpPeer("tor-b", { passive: true, peerAddress: "127.0.0.2" }),
      bgpPeer("down", { passive: true, peerAddress: "127.0.0.3" }),
    );
    for (const localAddress of ["127.0.0.1", "127.0.0.2"]) {
      const peer = cleanup.add(await RawPeer.dial(rig.port, { localAddress }), (made) => made.destroy());
      await peer.establish();
      await peer.message(TYPE.update, 1);
    }
    const told = (name: string) =>
      rig.speaker.view
        .events({ service: `default/${name}`, sinceEpochMillis: null })
        .items.filter(({ address }) => address === "192.0.2.9")
        .map(({ peer, kind, text }) => [peer, kind, text.replace(/\d+\.\d/g, "N")]);
    const [late, ...slices] = service("late", "192.0.2.9");
    if (late === undefined) throw new Error("no Service");
    rig.source.set(late);
    await eventually("a refusal", () => told("late").length === 1);
    expect(told("late")).toEqual([[null, "notAnnounced", expect.stringMatching(/; decided after N ms; nothing to send$/)]]);
    rig.source.set(...slices);
    const handed = (name: string) =>
      expect.stringMatching(new RegExp(`; decided after N ms; handed to the kernel for ${name} after N ms$`));
    await eventually("the bytes", () => told("late").filter(([, , text]) => text?.includes("handed")).length === 2);
    expect(told("late").slice(1)).toEqual([
      ["down", "announced", expect.stringMatching(/; decided after N ms; for down with its next session$/)],
      ["tor", "announced", handed("tor")],
      ["tor-b", "announced", handed("tor-b")],
    ]);
    rig.source.delete(...slices);
    await eventually("the withdrawal", () =>
      told("late").some(([, kind, text]) => kind === "notAnnounced" && text?.includes("tor-b after")),
    );
    expect(told("late").at(-1)).toEqual([
      null,
      "notAnnounced",
      expect.stringMatching(/; decided after N ms; handed to the kernel for tor after N ms, tor-b after N ms$/),
    ]);
  });

  it("counts the age of a verdict from the newest word about it, be it about one peer or about all", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock });
    const [, ...slices] = service("web", "192.0.2.1");
    const shownNow = () => [...rig.speaker.view.services()].find(({ address }) => address === "192.0.2.1");
    await eventually("an announcement", () => shownNow()?.announced === true);
    for (const [second, announced] of [
      [1, false],
      [2, true],
      [3, false],
    ] as const) {
      clock.advance(1000);
      if (announced) rig.source.set(...slices);
      else rig.source.delete(...slices);
      await eventually("a verdict", () => shownNow()?.announced === announced);
      expect(shownNow()?.since).toBe(`2026-01-01T00:00:0${second}.000Z`);
    }
    const [event] = rig.speaker.view.explain("192.0.2.0/24").timeline?.slice(-1) ?? [];
    expect(event).toMatchObject({ at: "2026-01-01T00:00:03.000Z", address: "192.0.2.1", reason: "noEndpoints" });
    expect(rig.speaker.view.explain("192.0.2.0/24").timeline?.length).toBeGreaterThanOrEqual(3);
  });

  it("drains and undrains from inside the process", async () => {
    const rig = await startListening(cleanup);
    const routes = () => [...rig.speaker.view.routes()].length;
    await eventually("a route", () => routes() === 1);
    await rig.speaker.commands.drain("kernel update");
    await eventually("its end", () => routes() === 0);
    expect(await rig.metrics.text()).toContain('herald_drained{cause="command"} 1');
    await rig.speaker.commands.undrain();
    await eventually("its return", () => routes() === 1);
    expect(await rig.metrics.text()).toContain('herald_drained{cause="command"} 0');
    const kinds = rig.speaker.view.events({ service: null, sinceEpochMillis: null }).items.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(["drained", "undrained"]));
  });

  it("announces nothing when it is drained between its start and the first sync, and everything once that ends", async () => {
    const rig = cleanup.add(await startSpeaker(), ({ speaker }) => speaker.stop());
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement(), ...service("web", "192.0.2.1"));
    await rig.speaker.commands.drain("kernel update");
    await decided(rig);
    expect([...rig.speaker.view.routes()]).toEqual([]);
    expect(rig.speaker.view.explain("192.0.2.1").items.map(({ reason }) => reason)).toContain("nodeDrained");
    await rig.speaker.commands.undrain();
    await eventually("a route", () => [...rig.speaker.view.routes()].length === 1);
  });

  it("reports bad objects once, and once that they are mended", async () => {
    const rig = await startListening(cleanup);
    const finding = {
      severity: "error",
      code: "invalidField",
      object: { kind: "BGPPeer", namespace: "herald-system", name: "bad" },
      file: "peers.yaml",
      line: 3,
      column: 5,
      field: "spec.myASN",
      message: "0 is no AS number",
      allowed: "1..4294967295",
    } as const;
    rig.source.deliver([], [finding]);
    rig.source.deliver([], [finding]);
    expect(rig.logged.filter(({ event }) => event === "object.invalid")).toEqual([
      {
        event: "object.invalid",
        severity: "error",
        code: "invalidField",
        object: "BGPPeer herald-system/bad",
        at: "peers.yaml:3:5 spec.myASN",
        message: "0 is no AS number",
      },
    ]);
    expect(await rig.metrics.text()).toContain('herald_invalid_objects{kind="BGPPeer"} 1');
    rig.source.deliver([], []);
    expect(rig.logged.filter(({ event }) => event === "object.mended")).toHaveLength(1);
    expect(await rig.metrics.text()).not.toContain("herald_invalid_objects{");
  });

  it("records its sessions so that they can be stepped again to the same actions", async () => {
    const file = join(directory(), "record.jsonl");
    const rig = await startListening(cleanup, { yaml: `record: ${file}` });
    const peer = await RawPeer.dial(rig.port);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    peer.send(
      update({ attributes: "40010100 4002060201 0000fde8 400304 0a000002", nlri: "20c0000202" }),
      message(TYPE.notification, "0602"),
    );
    await eventually("the end of the session", () => shown(rig).flaps === 1);
    peer.destroy();
    await rig.speaker.stop();
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    const replay = replayLines(lines);
    expect(replay.difference).toBeNull();
    expect(replay.steps).toBe(lines.length - 1);
    expect(lines.length).toBeGreaterThan(8);
  });

  it("names what of a new configuration needs a new process", async () => {
    const rig = await startListening(cleanup);
    const { config } = rig;
    expect(rig.speaker.reload({ ...config, coalesceMillis: 50, loadBalancerClass: "ours", bgp: { ...config.bgp, port: 1790 } })).toEqual({
      changed: ["coalesce"],
      needRestart: ["bgp", "loadBalancerClass"],
    });
    expect(rig.speaker.reload({ ...config, coalesceMillis: 50 })).toEqual({ changed: [], needRestart: [] });
  });

  it("names the gate and the damping as what needs a new process, by their keys in the file", async () => {
    const rig = await startListening(cleanup);
    const { config } = rig;
    const changes = [
      [{ announceHoldDown: false }, "announceHoldDown"],
      [{ weightHoldDownMillis: 500 }, "weightHoldDown"],
      [{ weightTolerance: 0.5 }, "weightTolerance"],
      [{ drain: { ...config.drain, gracePeriodMillis: 1 } }, "drain"],
      [{ dataplane: { healthz: "off" } }, "dataplane"],
      [{ dataplane: { healthz: new URL("http://127.0.0.1:1/") } }, "dataplane"],
    ] as const;
    let ran = 0;
    for (const [change, key] of changes) {
      expect(rig.speaker.reload({ ...config, ...change })).toEqual({ changed: [], needRestart: [key] });
      ran++;
    }
    expect(ran).toBe(6);
    expect(rig.speaker.reload({ ...config, status: { node: false } })).toEqual({ changed: ["status"], needRestart: [] });
  });

  it("takes over how it stops and how long it trusts its state, and says so", async () => {
    const rig = await startListening(cleanup);
    const { config } = rig;
    expect(rig.speaker.reload({ ...config, stateMaxAgeMillis: 60_000, eorDeferralMillis: 20_000, shutdown: "withdraw" })).toEqual({
      changed: ["stateMaxAge", "eorDeferral", "shutdown"],
      needRestart: [],
    });
  });

  it("frees its state file when it cannot start", async () => {
    const stateFile = join(directory(), "state.json");
    const holder = await startSpeaker({ listen: ["127.0.0.1"], yaml: "" });
    cleanup.add(holder, ({ speaker }) => speaker.stop());
    const config = { ...holder.config, stateFile, bgp: { ...holder.config.bgp, port: holder.port } };
    const failing = new Speaker({
      config,
      source: new FakeSource(systemClock),
      metrics: holder.metrics,
      clock: systemClock,
      log: silentLog,
    });
    await expect(failing.start()).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    expect(() => readFileSync(`${stateFile}.lock`)).toThrow("ENOENT");
  });

  it("ends with the source's error when the source cannot go on", async () => {
    const rig = cleanup.add(await startSpeaker(), ({ speaker }) => speaker.stop());
    const broken = new FakeSource(systemClock);
    broken.run = () => Promise.reject(new Error("no such directory"));
    const speaker = new Speaker({ config: rig.config, source: broken, metrics: rig.metrics, clock: systemClock, log: silentLog });
    await speaker.start();
    await expect(speaker.finished).rejects.toThrow("no such directory");
    await speaker.stop();
  });

  it("stops once, however often it is told to, and holds nothing afterwards", async () => {
    const rig = await startListening(cleanup);
    rig.source.set(bgpPeer("dialled", { peerPort: 1 }), advertisement(), node(), ...service("more", "192.0.2.2"));
    const one = rig.speaker.stop();
    expect(rig.speaker.stop()).toBe(one);
    await one;
    for (const peer of rig.speaker.peers.all()) expect([peer.name, peer.resources]).toEqual([peer.name, 0]);
    // Whatever comes now changes nothing.
    rig.source.set(...service("late", "192.0.2.3"));
    await rig.speaker.finished;
  });
});
