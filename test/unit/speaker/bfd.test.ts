import { describe, expect, it } from "vitest";
import type { LogEvent } from "../../../src/log.ts";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { Bfd } from "../../../src/speaker/bfd.ts";
import type { FromBfdThread, ToBfdThread } from "../../../src/speaker/bfd-messages.ts";
import { accepted, ours } from "../../support/raw-objects.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

/** Stands in for the thread: keeps what it is told, and says what the test says. */
class Rig {
  readonly posted: ToBfdThread[] = [];
  readonly down: string[] = [];
  readonly logged: LogEvent[] = [];
  readonly later: (() => void)[] = [];
  started = 0;
  say: (message: FromBfdThread) => void = () => {};
  fail: (why: string) => void = () => {};
  onDown: (peer: string) => void = () => {};
  readonly bfd = new Bfd({
    log: (event) => this.logged.push(event),
    later: (_millis, act) => {
      this.later.push(act);
      return { cancel: () => this.later.splice(this.later.indexOf(act), 1) };
    },
    down: (peer, why) => {
      this.down.push(`${peer}: ${why}`);
      this.onDown(peer);
    },
    startThread: (received, failed) => {
      this.started++;
      this.say = received;
      this.fail = failed;
      return { post: (message) => this.posted.push(message), terminate: () => {} };
    },
  });

  profile(spec: Readonly<Record<string, unknown>> = {}): void {
    const raw = { ...ours("BFDProfile", spec), metadata: { name: "fast", namespace: "herald-system" } };
    this.bfd.note({ type: "set", object: accepted("BFDProfile", raw) });
  }

  /** Peers that are to be watched, and whose sessions are Established. */
  watch(...peers: readonly BGPPeer[]): void {
    this.bfd.follow(peers);
    for (const { metadata } of peers) this.bfd.sessionUp(metadata.name);
  }

  /** The session of a peer ends, and so do its connections. */
  async ends(name: string, ended: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.bfd.sessionDown({ name, ended });
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What is waited for comes about. */
  pass(): void {
    for (const act of this.later.splice(0)) act();
  }

  types(): readonly ToBfdThread["type"][] {
    return this.posted.map(({ type }) => type);
  }

  /** The session of the last `set` changes its state. */
  moves(
    from: "Down" | "Init" | "Up",
    to: "Down" | "Up",
    cause: "neighborUp" | "neighborDown" | "neighborAdminDown" | "detectionTimeExpired",
  ): void {
    const key = this.posted.findLast((message) => message.type === "set")?.key ?? "";
    this.say({ type: "state", key, from, to, cause, atEpochMillis: 0 });
  }
}

function watched(name: string, spec: Readonly<Record<string, unknown>> = {}): BGPPeer {
  return bgpPeer(name, { peerAddress: "192.0.2.1", bfdProfile: "fast", ...spec });
}

describe("BFD beside BGP (RFC 5882)", () => {
  it("starts no thread before a peer is watched", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(bgpPeer("tor", {}), watched("other", { bfdProfile: "missing" }));
    expect(rig.started).toBe(0);
    expect([rig.bfd.status("tor"), rig.bfd.status("other")]).toEqual([null, null]);
  });

  it("watches a peer as its profile says, and again when the profile changes", () => {
    const rig = new Rig();
    rig.watch(watched("tor", { sourceAddress: "192.0.2.9" }));
    rig.profile({ receiveInterval: 50, transmitInterval: 60, detectMultiplier: 5 });
    const settings = { desiredMinTxMillis: 60, requiredMinRxMillis: 50, multiplier: 5, passive: false };
    expect(rig.posted).toMatchObject([
      { type: "set", target: { address: "192.0.2.1", sourceAddress: "192.0.2.9", multihop: false, settings } },
    ]);
    rig.profile({ receiveInterval: 50, transmitInterval: 60, detectMultiplier: 5 });
    expect(rig.posted.length).toBe(1);
    rig.profile({ receiveInterval: 90 });
    expect(rig.posted).toMatchObject([{}, { type: "set", target: { settings: { requiredMinRxMillis: 90, multiplier: 3 } } }]);
  });

  it.each([
    ["a silent peer", "detectionTimeExpired", 1],
    ["a peer that does not hear us", "neighborDown", 1],
    ["a peer that says AdminDown", "neighborAdminDown", 0],
  ] as const)("ends the session of %s %s: %i", (_what, cause, ended) => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    expect(rig.bfd.status("tor")).toEqual({ state: "Up", detections: 0, fault: "" });
    rig.moves("Up", "Down", cause);
    expect(rig.down.length).toBe(ended);
    expect(rig.bfd.status("tor")).toEqual({ state: "Down", detections: ended, fault: "" });
  });

  it("does not end a session because BFD never came up", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Down", "detectionTimeExpired");
    expect(rig.down).toEqual([]);
  });

  it("has one session for peers that share their ends, and one for each way of them", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("a"), watched("b", { peerPort: 1790 }), watched("c", { ebgpMultiHop: true }));
    expect(rig.posted.map((message) => message.type === "set" && message.target.multihop)).toEqual([false, true]);
    rig.say({
      type: "state",
      key: rig.posted[0]?.type === "set" ? rig.posted[0].key : "",
      from: "Up",
      to: "Down",
      cause: "neighborDown",
      atEpochMillis: 0,
    });
    expect(rig.down.map((line) => line.split(":")[0])).toEqual(["a", "b"]);
  });

  it("begins when the BGP session is Established, and not before", () => {
    const rig = new Rig();
    rig.profile();
    rig.bfd.follow([watched("tor")]);
    expect([rig.started, rig.bfd.status("tor")]).toEqual([0, { state: "Down", detections: 0, fault: "" }]);
    rig.bfd.sessionUp("tor");
    expect(rig.types()).toEqual(["set"]);
  });

  it("ends at once with the session that it ended, so that it is never up before BGP is", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    // The session ends while it is told.
    const ends: Promise<void>[] = [];
    rig.onDown = (peer) => ends.push(rig.ends(peer, () => new Promise(() => {})));
    rig.moves("Up", "Down", "detectionTimeExpired");
    expect(rig.types()).toEqual(["set", "remove"]);
    expect(rig.bfd.status("tor")).toEqual({ state: "Down", detections: 1, fault: "" });
    await Promise.all(ends);
    rig.bfd.sessionUp("tor");
    expect(rig.types()).toEqual(["set", "remove", "set"]);
  });

  it("says AdminDown after a session that ended for another reason, once its connections are closed and it is not back", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    let close: () => void = () => {};
    await rig.ends("tor", () => new Promise((resolve) => (close = resolve)));
    expect([rig.later.length, rig.types()]).toEqual([0, ["set"]]);
    close();
    await new Promise((resolve) => setImmediate(resolve));
    expect([rig.later.length, rig.types()]).toEqual([1, ["set"]]);
    rig.pass();
    expect(rig.types()).toEqual(["set", "remove"]);
  });

  it("goes on under a session that is back soon", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    await rig.ends("tor");
    rig.bfd.sessionUp("tor");
    rig.pass();
    expect([rig.types(), rig.bfd.status("tor")?.state]).toEqual([["set"], "Up"]);
  });

  it("leaves nothing waiting for a session that is back, and never waits for one that is not watched", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"), bgpPeer("plain", { peerAddress: "192.0.2.2" }));
    await rig.ends("plain");
    expect(rig.later.length).toBe(0);
    await rig.ends("tor");
    expect(rig.later.length).toBe(1);
    rig.bfd.sessionUp("tor");
    expect(rig.later.length).toBe(0);
  });

  it("ends when it goes down after its session, whatever the reason", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    await rig.ends("tor");
    rig.moves("Up", "Down", "neighborAdminDown");
    expect([rig.types(), rig.down]).toEqual([["set", "remove"], []]);
  });

  it("goes on under a session whose router takes its BFD down by hand", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.moves("Init", "Up", "neighborUp");
    rig.moves("Up", "Down", "neighborAdminDown");
    expect(rig.types()).toEqual(["set"]);
  });

  it.each([
    [{}, false],
    [{ ttlSecurityHops: 1 }, false],
    [{ ttlSecurityHops: 2 }, true],
    [{ multihopTTL: 3 }, true],
    [{ ebgpMultiHop: true }, true],
  ])("crosses routers (RFC 5883) where the session may: %j", (spec, multihop) => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor", spec));
    expect(rig.posted).toMatchObject([{ target: { multihop } }]);
  });

  it("lets go of a peer that is held down or gone when its session has ended", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"), watched("other", { peerAddress: "192.0.2.2" }));
    await rig.ends("other");
    rig.bfd.follow([]);
    expect(rig.types()).toEqual(["set", "set"]);
    rig.pass();
    expect(rig.types()).toEqual(["set", "set", "remove"]);
    await rig.ends("tor");
    expect(rig.types()).toEqual(["set", "set", "remove", "remove"]);
    expect([rig.bfd.status("tor"), rig.bfd.status("other")]).toEqual([null, null]);
  });

  it("leaves a session alone whose peer is no longer to be watched, and says AdminDown", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    rig.bfd.follow([bgpPeer("tor", {})]);
    expect([rig.types(), rig.bfd.status("tor"), rig.down]).toEqual([["set", "remove"], null, []]);
  });

  it("keeps a deleted profile in force for those that use it", () => {
    const rig = new Rig();
    rig.profile({ receiveInterval: 70 });
    rig.bfd.note({ type: "delete", ref: { kind: "BFDProfile", namespace: "herald-system", name: "fast" }, resourceVersion: "" });
    rig.watch(watched("tor"));
    expect(rig.posted).toMatchObject([{ target: { settings: { requiredMinRxMillis: 70 } } }]);
  });

  it("says once what stands in the way, and begins anew when the thread ends", () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    const key = rig.posted[0]?.type === "set" ? rig.posted[0].key : "";
    for (let n = 0; n < 3; n++) rig.say({ type: "fault", key, why: "UDP port 3784 is taken" });
    expect(rig.logged.filter(({ event }) => event === "bfd.fault").length).toBe(1);
    expect(rig.bfd.status("tor")?.fault).toBe("UDP port 3784 is taken");
    rig.fail("out of memory");
    rig.fail("the BFD thread ended");
    expect([rig.started, rig.later.length, rig.down]).toEqual([1, 1, []]);
    for (const act of rig.later) act();
    expect([rig.started, rig.posted.filter(({ type }) => type === "set").length]).toEqual([2, 2]);
  });

  it("ends with the thread's word that every peer was told", async () => {
    const rig = new Rig();
    rig.profile();
    rig.watch(watched("tor"));
    // Nothing that is waited for keeps the process alive.
    await rig.ends("tor");
    expect(rig.later.length).toBe(1);
    const stopped = rig.bfd.stop();
    expect(rig.later).toEqual([]);
    expect(rig.posted.at(-1)).toEqual({ type: "stop" });
    rig.say({ type: "stopped" });
    await stopped;
  });
});
