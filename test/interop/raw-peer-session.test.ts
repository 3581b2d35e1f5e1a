import { afterEach, describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { hex, KEEPALIVE, message, openMessage, RawPeer, RawRouter, TYPE, update } from "../support/raw-peer.ts";
import {
  advertisement,
  bgpPeer,
  Cleanup,
  decided,
  eventually,
  node,
  type Rig,
  service,
  shown,
  startListening,
  startSpeaker,
} from "../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const END_OF_RIB = "00000000";
const ROUTE = "00000014400101004002060201" + "0000fde9" + "4003040a000001" + "20c0000201";

async function call(rig: Rig, options: Parameters<typeof RawPeer.dial>[1] = {}): Promise<RawPeer> {
  return cleanup.add(await RawPeer.dial(rig.port, options), (peer) => peer.destroy());
}

async function router(host?: string): Promise<RawRouter> {
  return cleanup.add(await RawRouter.listen(host), (made) => made.close());
}

/** Moves the clock once what is on its way has been read. */
async function advance(clock: FakeClock, millis: number): Promise<void> {
  clock.advance(millis);
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a session from its OPEN to its last word (RFC 4271 §8)", () => {
  it("dials, announces a Service's address, then says End-of-RIB once", async () => {
    const tor = await router();
    const rig = cleanup.add(await startSpeaker(), ({ speaker }) => speaker.stop());
    rig.source.set(node(), bgpPeer("tor", { peerPort: tor.port }), advertisement(), ...service("web", "192.0.2.1"));
    await decided(rig);
    const peer = await tor.peer();
    await peer.establish();
    expect((await peer.message(TYPE.update, 0)).body.toString("hex")).toBe(ROUTE);
    expect((await peer.message(TYPE.update, 1)).body.toString("hex")).toBe(END_OF_RIB);
    expect(peer.messages.map(({ type }) => type)).toEqual([TYPE.open, TYPE.keepalive, TYPE.update, TYPE.update]);
    expect(shown(rig)).toMatchObject({
      state: "Established",
      peerASN: 65000,
      routerID: "192.0.2.1",
      announced: { IPv4: 1, IPv6: 0 },
      pending: 0,
      flaps: 0,
    });
  });

  it("sends nothing but its OPEN before the router's, and no route before the session is up", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.message(TYPE.open);
    peer.send(openMessage());
    await peer.message(TYPE.keepalive);
    expect(peer.messages.map(({ type }) => type)).toEqual([TYPE.open, TYPE.keepalive]);
    peer.send(KEEPALIVE);
    await peer.message(TYPE.update, 1);
    expect(peer.messages.map(({ type }) => type)).toEqual([TYPE.open, TYPE.keepalive, TYPE.update, TYPE.update]);
  });

  it("announces nothing and says no End-of-RIB before the source is synced", async () => {
    const rig = cleanup.add(await startSpeaker({ listen: ["127.0.0.1"] }), ({ speaker }) => speaker.stop());
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement(), ...service("web", "192.0.2.1"));
    expect(rig.speaker.view.ready()).toBe(false);
    expect(rig.speaker.view.waitingFor()).toContain("Service");
    expect(rig.speaker.view.peers().items).toEqual([]);
    await decided(rig);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
  });

  it("says End-of-RIB also when there is nothing to announce, once per negotiated family", async () => {
    const rig = await startListening(cleanup, { ips: [], spec: { families: ["IPv4", "IPv6"] } });
    const peer = await call(rig);
    await peer.establish({ capabilities: "0104 0001 0001 0104 0002 0001 4104 0000fde8" });
    await peer.message(TYPE.update, 1);
    expect(peer.messages.filter(({ type }) => type === TYPE.update).map(({ body }) => body.toString("hex"))).toEqual([
      END_OF_RIB,
      "00000006800f03000201",
    ]);
  });

  it("takes messages byte by byte, and three in one segment", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.message(TYPE.open);
    for (const octet of openMessage()) {
      peer.send(Buffer.of(octet));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await peer.message(TYPE.keepalive);
    peer.send(KEEPALIVE, KEEPALIVE, KEEPALIVE);
    await peer.message(TYPE.update, 1);
    await eventually("three keepalives", () => shown(rig).received.keepalives === 3);
  });

  it("withdraws, and announces what comes later, on the session that is up", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    const web = service("web", "192.0.2.1");
    rig.source.delete(...web);
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe("000520c00002010000");
    rig.source.set(...web);
    expect((await peer.message(TYPE.update, 3)).body.toString("hex")).toBe(ROUTE);
    expect(await rig.metrics.text()).toContain('herald_convergence_seconds_count{peer="tor"} 2');
    const events = rig.speaker.view.events({ service: "default/web", sinceEpochMillis: null }).items;
    expect(events.at(-1)?.text).toMatch(/handed to the kernel for tor after [\d.]+ ms/);
  });

  it("sends everything again on ROUTE-REFRESH, and takes a storm of them for one or two", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    const refresh = message(TYPE.refresh, "00010001");
    peer.send(refresh);
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe(ROUTE);
    peer.send(...Array.from({ length: 100 }, () => refresh), message(TYPE.notification, "0602"));
    await peer.end();
    expect(peer.count(TYPE.update)).toBeLessThanOrEqual(103);
  });

  it("keeps the session without any timer when hold time 0 is agreed on", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock, spec: { holdTime: "0s" } });
    const peer = await call(rig);
    await peer.establish({ holdTime: 0 });
    await peer.message(TYPE.update, 1);
    const before = peer.count(TYPE.keepalive);
    await advance(clock, 24 * 3_600_000);
    peer.send(KEEPALIVE);
    await eventually("the router's second KEEPALIVE", () => shown(rig).received.keepalives === 2);
    expect(shown(rig)).toMatchObject({ state: "Established", holdTimeSeconds: 0 });
    expect(peer.count(TYPE.keepalive)).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it("ends a session that is silent for the hold time with 4/0, and not before", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock });
    const peer = await call(rig);
    await peer.establish({ holdTime: 9 });
    await peer.message(TYPE.update, 1);
    await advance(clock, 8_900);
    expect(shown(rig).state).toBe("Established");
    expect(peer.count(TYPE.keepalive)).toBeGreaterThanOrEqual(3);
    await advance(clock, 200);
    expect(await peer.notification()).toBe("4/0");
    expect(shown(rig)).toMatchObject({ state: "Idle", lastError: { direction: "sent", code: 4, name: "Hold Timer Expired" }, flaps: 1 });
  });

  it("reads what is in the socket before it believes that the hold time is over", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock });
    const peer = await call(rig);
    await peer.establish({ holdTime: 9 });
    await peer.message(TYPE.update, 1);
    await new Promise<void>((resolve) => peer.socket.write(KEEPALIVE, () => resolve()));
    // The KEEPALIVE is in the kernel and no turn of the loop has read it: the process was stopped for ten seconds.
    clock.advance(10_000);
    await eventually("the KEEPALIVE", () => shown(rig).received.keepalives === 2);
    await advance(clock, 100);
    expect(shown(rig).state).toBe("Established");
    expect(peer.count(TYPE.notification)).toBe(0);
  });

  it("ends a handshake that goes nowhere after the hold time, and the next one after twice that", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock });
    const first = await call(rig);
    await first.message(TYPE.open);
    await advance(clock, 89_000);
    expect(first.count(TYPE.notification)).toBe(0);
    await advance(clock, 1_100);
    expect(await first.notification()).toBe("4/0");
    await first.end();
    const peer = await call(rig);
    await peer.message(TYPE.open);
    await advance(clock, 179_000);
    expect(peer.count(TYPE.notification)).toBe(0);
    await advance(clock, 1_100);
    expect(await peer.notification()).toBe("4/0");
  });
});

describe("how a session ends", () => {
  it("withdraws and says Cease/2 with its text when the process stops, within two seconds", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    const start = performance.now();
    const stopped = rig.speaker.stop();
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe("000520c00002010000");
    expect(await peer.notification()).toBe(`6/2 17${Buffer.from("herald is shutting down").toString("hex")}`);
    await peer.end();
    peer.socket.end();
    await stopped;
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it("stops within two seconds also when the router never closes its side", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    const start = performance.now();
    await rig.speaker.stop();
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it("withdraws and says Cease/3 to a peer that is removed", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    rig.source.delete(bgpPeer("tor", {}));
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe("000520c00002010000");
    expect(await peer.notification()).toBe("6/3");
    expect(rig.speaker.view.peers().items).toEqual([]);
  });

  it("says Cease/6 where the OPEN has to change, and nothing where it has not", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    rig.source.set(bgpPeer("tor", { passive: true, nextHop: { ipv4: "10.0.0.9" }, connectTime: "9s" }));
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe(ROUTE.replace("0a000001", "0a000009"));
    expect(shown(rig).state).toBe("Established");
    rig.source.set(bgpPeer("tor", { passive: true, nextHop: { ipv4: "10.0.0.9" }, holdTime: "30s" }));
    expect(await peer.notification()).toBe("6/6");
    const next = await call(rig);
    await next.establish();
    expect((await next.message(TYPE.open)).body.readUInt16BE(3)).toBe(30);
    await next.message(TYPE.update, 1);
  });

  it("spreads resets over the nodes: this one waits for its turn", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock, yaml: "" });
    rig.speaker.reload({ ...rig.config, resetSpreadMillis: 30_000 });
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    rig.source.set(bgpPeer("tor", { passive: true, holdTime: "30s" }));
    expect(shown(rig).state).toBe("Established");
    await advance(clock, 30_000);
    expect(await peer.notification()).toBe("6/6");
  });

  it("says Cease/2 with the reason when a person shuts the peer down, and comes back", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    rig.source.set(bgpPeer("tor", { passive: true, adminDown: { reason: "rack move" } }));
    expect(await peer.notification()).toBe(`6/2 09${Buffer.from("rack move").toString("hex")}`);
    expect(shown(rig)).toMatchObject({ state: "Idle", lastError: { direction: "local", text: "adminDown: rack move" } });
    const refused = await call(rig);
    await refused.end();
    expect(refused.received).toBe(0);
    rig.source.set(bgpPeer("tor", { passive: true }));
    const next = await call(rig);
    await next.establish();
    expect(shown(rig).state).toBe("Established");
  });

  it("resets with Cease/4 and refreshes when the admin API asks", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    rig.speaker.commands.refreshPeer("tor");
    expect((await peer.message(TYPE.update, 2)).body.toString("hex")).toBe(ROUTE);
    rig.speaker.commands.resetPeer("tor");
    expect(await peer.notification()).toMatch(/^6\/4 /);
    expect(() => rig.speaker.commands.resetPeer("nobody")).toThrow("there is no peer nobody on this node");
  });

  it("shows the router's NOTIFICATION, and reads the UPDATE that came before it in the same segment", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    const route = update({ attributes: "40010100 4002060201 0000fde8 400304 0a000002", nlri: "20 c0000202 18 c00003" });
    peer.socket.end(Buffer.concat([route, message(TYPE.notification, `0602 05${Buffer.from("maint").toString("hex")}`)]));
    await peer.end();
    const { received, lastError } = shown(rig);
    expect(received).toMatchObject({ updates: 1, prefixes: 2 });
    expect(lastError).toMatchObject({ direction: "received", code: 6, subcode: 2, name: "Cease/Administrative Shutdown" });
    expect(lastError?.text).toContain("maint");
    expect(peer.count(TYPE.notification)).toBe(0);
  });

  it("starts anew from nothing after a reset in the middle: the new session gets the whole table", async () => {
    const rig = await startListening(cleanup);
    for (let round = 0; round < 3; round++) {
      const peer = await call(rig);
      await peer.establish();
      expect((await peer.message(TYPE.update, 0)).body.toString("hex")).toBe(ROUTE);
      peer.socket.resetAndDestroy();
      await eventually("the end of the session", () => shown(rig).flaps === round + 1);
    }
  });
});

describe("who may call (docs/sessions.md)", () => {
  it("closes unknown callers at once without a word, and logs the first of them", async () => {
    const rig = await startListening(cleanup);
    for (let n = 0; n < 3; n++) {
      const stranger = await call(rig, { localAddress: "127.0.0.77" });
      await stranger.end();
      expect(stranger.received).toBe(0);
    }
    expect(rig.logged.filter(({ event }) => event === "listener.unknownCaller")).toEqual([
      expect.objectContaining({ address: "127.0.0.77", why: "no BGPPeer of this node has that peerAddress" }),
    ]);
  });

  it("tells two peers on one address apart by the port they call from", async () => {
    const [one, two] = [await router("127.0.0.1"), await router("127.0.0.1")];
    const rig = cleanup.add(await startSpeaker({ listen: ["127.0.0.1"] }), ({ speaker }) => speaker.stop());
    rig.source.set(
      node(),
      bgpPeer("one", { passive: true, peerPort: one.port, peerASN: 65001 + 1 }),
      bgpPeer("two", { passive: true, peerPort: two.port, peerASN: 65001 + 2 }),
      advertisement(),
    );
    await decided(rig);
    for (const { port, name, asn } of [
      { port: two.port, name: "two", asn: 65003 },
      { port: one.port, name: "one", asn: 65002 },
    ]) {
      // Port reuse: the listener of that port is closed first, then the call comes from it.
      (port === one.port ? one : two).close();
      const peer = await call(rig, { localAddress: "127.0.0.1", localPort: port });
      await peer.establish({ asn });
      await eventually(`${name} to be up`, () => shown(rig, name).state === "Established");
    }
  });

  it("tells two peers on one address apart by the address they call", async () => {
    const rig = cleanup.add(await startSpeaker({ listen: ["127.0.0.1", "127.0.0.2"] }), ({ speaker }) => speaker.stop());
    rig.source.set(
      node(),
      bgpPeer("a", { passive: true, sourceAddress: "127.0.0.1" }),
      bgpPeer("b", { passive: true, sourceAddress: "127.0.0.2" }),
    );
    await decided(rig);
    const port = rig.speaker.listening[1]?.port ?? 0;
    const peer = cleanup.add(await RawPeer.dial(port, { host: "127.0.0.2", localAddress: "127.0.0.1" }), (made) => made.destroy());
    await peer.establish();
    await eventually("b to be up", () => shown(rig, "b").state === "Established");
    expect(shown(rig, "a").state).toBe("Active");
  });

  it("refuses a second connection while a session is up: the one that works is kept", async () => {
    const rig = await startListening(cleanup);
    const first = await call(rig);
    await first.establish();
    await first.message(TYPE.update, 1);
    const second = await call(rig);
    await second.end();
    expect(second.received).toBe(0);
    first.send(message(TYPE.refresh, "00010001"));
    await first.message(TYPE.update, 2);
  });

  it("takes the new connection of a restarted router that offered Graceful Restart, tells it everything again, and ends the old one without a word", async () => {
    const rig = await startListening(cleanup);
    const open = { capabilities: "0104 0001 0001 4006 8078 0001 0180 4104 0000fde8" };
    const first = await call(rig);
    await first.establish(open);
    await first.message(TYPE.update, 1);
    expect(shown(rig).gracefulRestart).toEqual({ enabled: true, negotiated: true, restartTimeSeconds: 120, families: ["IPv4"] });
    const second = await call(rig);
    await second.establish(open);
    const bodies = [await second.message(TYPE.update, 0), await second.message(TYPE.update, 1)].map(({ body }) => body.toString("hex"));
    expect(bodies).toEqual([expect.stringContaining("20c0000201"), "00000000"]);
    await first.end();
    expect(first.count(TYPE.notification)).toBe(0);
  });

  it("offers no Graceful Restart where it is switched off, and keeps the first connection of a router that does", async () => {
    const rig = await startListening(cleanup, { spec: { gracefulRestart: { enabled: false } } });
    const first = await call(rig);
    await first.establish({ capabilities: "0104 0001 0001 4006 0078 0001 0180 4104 0000fde8" });
    await first.message(TYPE.update, 1);
    expect(shown(rig).gracefulRestart).toEqual({ enabled: false, negotiated: false, restartTimeSeconds: 0, families: [] });
    expect((await first.message(TYPE.open)).body.toString("hex")).not.toContain("4006");
  });

  it("never dials a peer whose password it cannot set, and says so", async () => {
    const tor = await router();
    const loadSystemCalls = () => ({ ok: false, why: "this test has none" }) as const;
    const rig = cleanup.add(await startSpeaker({ loadSystemCalls }), ({ speaker }) => speaker.stop());
    rig.source.set(
      node(),
      bgpPeer("tor", { peerPort: tor.port, password: "secret" }),
      bgpPeer("far", { peerPort: tor.port, ttlSecurityHops: 1 }),
    );
    await decided(rig);
    for (const [name, field] of [
      ["tor", "password"],
      ["far", "ttlSecurityHops"],
    ] as const) {
      expect(shown(rig, name)).toMatchObject({
        state: "Idle",
        lastError: {
          direction: "local",
          text: `held down: ${field} needs socket options: this test has none; it does not connect without`,
        },
      });
    }
    expect(rig.logged.filter(({ event }) => event === "peer.held")).toHaveLength(2);
    rig.source.set(bgpPeer("tor", { peerPort: tor.port }));
    const peer = await tor.peer();
    await peer.establish();
    expect(tor.peers).toHaveLength(1);
  });
});

describe("octets no router should send, on the session's way up (RFC 4271 §6.2)", () => {
  const four = "0104 0001 0001";
  const cases: readonly (readonly [string, Buffer, string | RegExp])[] = [
    ["version 3", openMessage({ version: 3 }), "2/1 0004"],
    ["another AS number", openMessage({ asn: 65099 }), /^2\/2/],
    ["AS 0 in capability 65", openMessage({ capabilities: `${four} 4104 00000000` }), /^2\/2/],
    ["AS_TRANS without capability 65", openMessage({ asn: 4200000001, capabilities: four }), /^2\/2/],
    ["BGP identifier 0", openMessage({ routerId: "0.0.0.0" }), /^2\/3/],
    ["hold time 1", openMessage({ holdTime: 1 }), /^2\/6/],
    ["hold time 2", openMessage({ holdTime: 2 }), /^2\/6/],
    ["an unknown optional parameter", openMessage({ parameters: "03 01 01 00" }), /^2\/4/],
    ["a parameter beyond the message", openMessage({ parameters: "04 02 0a 0200" }), /^2\/0/],
    ["a capability beyond its parameter", openMessage({ parameters: "04 02 02 02 05" }), /^2\/0/],
    ["extended parameters cut after their mark", openMessage({ parameters: "ff ff" }), /^2\/0/],
    ["extended parameters with one octet of length", openMessage({ parameters: "ff ff 00" }), /^2\/0/],
    ["capability 65 of three octets", openMessage({ capabilities: `${four} 4103 00fde8` }), /^2\/0/],
    ["a KEEPALIVE instead of an OPEN", KEEPALIVE, "5/1 04"],
    ["an UPDATE instead of an OPEN", update({}), "5/1 02"],
    ["a ROUTE-REFRESH instead of an OPEN", message(TYPE.refresh, "00010001"), "5/1 05"],
    ["message type 9", message(9), "1/3 09"],
    ["a marker with a zero bit", Buffer.concat([hex("fffffffffffffffe"), openMessage().subarray(8)]), "1/1"],
    ["length 18", message(TYPE.open, "", 18), "1/2 0012"],
    ["length 4097", message(TYPE.open, "", 4097), "1/2 1001"],
    ["an OPEN of 28 octets", message(TYPE.open, "04fde8005ac0000201"), "1/2 001c"],
    ["a KEEPALIVE of 20 octets", message(TYPE.keepalive, "00"), "1/2 0014"],
  ];

  it.each(cases)("answers %s with the right NOTIFICATION and closes", async (_what, octets, answer) => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.message(TYPE.open);
    peer.send(octets);
    const notification = await peer.notification();
    if (typeof answer === "string") expect(notification).toBe(answer);
    else expect(notification).toMatch(answer);
    await peer.end();
    expect(peer.messages.at(-1)?.type).toBe(TYPE.notification);
    expect(shown(rig).lastError).toMatchObject({ direction: "sent", code: Number(notification.split("/")[0]) });
  });

  it("takes capabilities it does not know, malformed ones, repeated and split ones", async () => {
    const accepted = [
      openMessage({ parameters: "14 0206 0104 0001 0001 0202 0200 0206 4104 0000fde8" }),
      openMessage({ capabilities: `${four} ${four} 4200 8000 8203 010203 fe00 ff00 4104 0000fde8` }),
      openMessage({ capabilities: `${four} 4001 00 4703 000000 4900 4101 00 4104 0000fde8`.replace("4101 00 ", "") }),
      openMessage({ parameters: "ff ff 000f 02 000c 0104 0001 0001 4104 0000fde8" }),
      openMessage({ parameters: "00" }),
    ];
    expect(accepted).toHaveLength(5);
    for (const open of accepted) {
      const rig = await startListening(cleanup);
      const peer = await call(rig);
      await peer.message(TYPE.open);
      peer.send(open, KEEPALIVE);
      await peer.message(TYPE.update, 1);
      expect(shown(rig).state).toBe("Established");
    }
  });

  it("answers messages out of place in OpenConfirm and Established with the state's subcode", async () => {
    let ran = 0;
    for (const [octets, inConfirm, inEstablished] of [
      [openMessage(), "5/2 01", "5/3 01"],
      [update({}), "5/2 02", null],
      [message(TYPE.refresh, "00010001"), "5/2 05", null],
      [message(9), "1/3 09", "1/3 09"],
    ] as const) {
      const rig = await startListening(cleanup);
      const confirming = await call(rig);
      await confirming.message(TYPE.open);
      confirming.send(openMessage(), octets);
      expect(await confirming.notification()).toBe(inConfirm);
      ran++;
      if (inEstablished === null) continue;
      const up = await call(rig);
      await up.establish();
      await up.message(TYPE.update, 1);
      up.send(octets);
      expect(await up.notification()).toBe(inEstablished);
    }
    expect(ran).toBe(4);
  });
});
