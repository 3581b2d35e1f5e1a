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
  readonly bfd = new Bfd({
    log: (event) => this.logged.push(event),
    later: (_millis, act) => this.later.push(act),
    down: (peer, why) => this.down.push(`${peer}: ${why}`),
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
    rig.bfd.follow([bgpPeer("tor", {}), watched("other", { bfdProfile: "missing" })]);
    expect(rig.started).toBe(0);
    expect([rig.bfd.status("tor"), rig.bfd.status("other")]).toEqual([null, null]);
  });

  it("watches a peer as its profile says, and again when the profile changes", () => {
    const rig = new Rig();
    rig.bfd.follow([watched("tor", { sourceAddress: "192.0.2.9" })]);
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
    rig.bfd.follow([watched("tor")]);
    rig.moves("Init", "Up", "neighborUp");
    expect(rig.bfd.status("tor")).toEqual({ state: "Up", detections: 0, fault: "" });
    rig.moves("Up", "Down", cause);
    expect(rig.down.length).toBe(ended);
    expect(rig.bfd.status("tor")).toEqual({ state: "Down", detections: ended, fault: "" });
  });

  it("does not end a session because BFD never came up", () => {
    const rig = new Rig();
    rig.profile();
    rig.bfd.follow([watched("tor")]);
    rig.moves("Init", "Down", "detectionTimeExpired");
    expect(rig.down).toEqual([]);
  });

  it("has one session for peers that share their ends, and one for each way of them", () => {
    const rig = new Rig();
    rig.profile();
    rig.bfd.follow([watched("a"), watched("b", { peerPort: 1790 }), watched("c", { ebgpMultiHop: true })]);
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

  it("lets go of a peer that is held down or gone", () => {
    const rig = new Rig();
    rig.profile();
    rig.bfd.follow([watched("tor")]);
    rig.bfd.follow([]);
    expect(rig.posted.at(-1)).toMatchObject({ type: "remove" });
    expect(rig.bfd.status("tor")).toBeNull();
  });

  it("keeps a deleted profile in force for those that use it", () => {
    const rig = new Rig();
    rig.profile({ receiveInterval: 70 });
    rig.bfd.note({ type: "delete", ref: { kind: "BFDProfile", namespace: "herald-system", name: "fast" }, resourceVersion: "" });
    rig.bfd.follow([watched("tor")]);
    expect(rig.posted).toMatchObject([{ target: { settings: { requiredMinRxMillis: 70 } } }]);
  });

  it("says once what stands in the way, and begins anew when the thread ends", () => {
    const rig = new Rig();
    rig.profile();
    rig.bfd.follow([watched("tor")]);
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
    rig.bfd.follow([watched("tor")]);
    const stopped = rig.bfd.stop();
    expect(rig.posted.at(-1)).toEqual({ type: "stop" });
    rig.say({ type: "stopped" });
    await stopped;
  });
});
