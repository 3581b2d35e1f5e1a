import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import type { RouteAttributes } from "../../src/bgp/rib/route.ts";
import { PLAIN_ATTRIBUTES } from "../../src/bgp/rib/route.ts";
import { addressFromOctets } from "../../src/ip/address.ts";
import { hostPrefix } from "../../src/ip/prefix.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { KEEPALIVE, message, RawPeer, TYPE, update } from "../support/raw-peer.ts";
import { bgpPeer, Cleanup, eventually, type Rig, shown, startListening } from "../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function call(rig: Rig, options: Parameters<typeof RawPeer.dial>[1] = {}): Promise<RawPeer> {
  return cleanup.add(await RawPeer.dial(rig.port, options), (peer) => peer.destroy());
}

/** Wishes that take far more octets than all buffers between the two ends hold: every prefix has long attributes of its own. */
function wantMuch(rig: Rig, name: string, count: number): void {
  const peer = rig.speaker.peers.get(name);
  if (peer === undefined) throw new Error(`no peer ${name}`);
  for (let n = 0; n < count; n++) {
    const communities = Array.from({ length: 60 }, (_, i) => n * 64 + i);
    const attributes: RouteAttributes = { ...PLAIN_ATTRIBUTES, communities };
    peer.want(hostPrefix(addressFromOctets(Uint8Array.of(10, n >>> 16, n >>> 8, n))), attributes);
  }
  peer.flush();
}

const MUCH = 60_000; // about 17 MB

/** Resolves when the kernel takes nothing any more: no change for many turns of the loop. */
async function stuck(rig: Rig): Promise<number> {
  let [pending, quiet] = [-1, 0];
  await eventually("the kernel to refuse more", () => {
    const now = shown(rig).pending;
    quiet = now === pending ? quiet + 1 : 0;
    pending = now;
    return now > 0 && quiet > 2000;
  });
  return pending;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a router that does not read (RFC 9687)", () => {
  it("costs one buffer, holds nobody else up, and gets KEEPALIVEs ahead of what waits", async () => {
    const rig = await startListening(cleanup, { spec: { holdTime: "3s" } });
    rig.source.set(bgpPeer("other", { passive: true, peerAddress: "127.0.0.3" }));
    const slow = await call(rig);
    await slow.establish({ holdTime: 3 });
    const other = await call(rig, { localAddress: "127.0.0.3" });
    await other.establish();
    await other.message(TYPE.update, 1);
    slow.socket.pause();
    cleanup.add(
      setInterval(() => slow.send(KEEPALIVE), 500),
      clearInterval,
    );
    wantMuch(rig, "tor", MUCH);
    const pending = await stuck(rig);
    rig.speaker.commands.refreshPeer("other");
    await other.message(TYPE.update, 2);
    expect(shown(rig).pending).toBe(pending);
    // The hold time of three seconds brings a KEEPALIVE within one.
    const before = shown(rig).sent.keepalives;
    await eventually("a KEEPALIVE", () => shown(rig).sent.keepalives > before);
    slow.socket.resume();
    await eventually("everything to be sent", () => shown(rig).pending === 0, 30_000);
    await slow.until("the last message", () => slow.count(TYPE.update) >= MUCH, 30_000);
    const keepalives = slow.messages.flatMap(({ type }, n) => (type === TYPE.keepalive ? [n] : []));
    expect(keepalives.some((n) => n > 2 && n < slow.messages.length - 1000)).toBe(true);
    expect(slow.count(TYPE.notification)).toBe(0);
  });

  it("is given up after eight minutes, although it goes on sending KEEPALIVEs", async () => {
    const clock = new FakeClock();
    const rig = await startListening(cleanup, { clock });
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    peer.socket.pause();
    wantMuch(rig, "tor", MUCH);
    await stuck(rig);
    let heard = shown(rig).received.keepalives;
    for (let seconds = 0; seconds < 470; seconds += 10) {
      peer.send(KEEPALIVE);
      heard++;
      await eventually("the KEEPALIVE", () => shown(rig).received.keepalives === heard);
      clock.advance(10_000);
      await turns(5);
    }
    expect(shown(rig).state).toBe("Established");
    peer.send(KEEPALIVE);
    await eventually("the KEEPALIVE", () => shown(rig).received.keepalives === heard + 1);
    clock.advance(15_000);
    await turns(5);
    expect(shown(rig)).toMatchObject({ flaps: 1, lastError: { direction: "sent", code: 8, name: "Send Hold Timer Expired" } });
    // Its socket goes too, although nothing can be flushed.
    clock.advance(1_100);
    await turns(5);
    peer.socket.resume();
    await peer.end();
  });

  it("still gets its NOTIFICATION when it has sent more than we read: no RST eats it", async () => {
    const rig = await startListening(cleanup);
    const peer = await call(rig);
    await peer.establish();
    await peer.message(TYPE.update, 1);
    peer.socket.pause();
    const junk = update({ attributes: "40010100 4002060201 0000fde8 400304 0a000002", nlri: "20c0000202".repeat(700) });
    // Half a megabyte behind the message that ends the session.
    peer.send(message(9), ...Array.from({ length: 140 }, () => junk));
    await eventually("the end of the session", () => shown(rig).state !== "Established");
    peer.socket.resume();
    expect(await peer.notification()).toBe("1/3 09");
    expect(peer.error).toBe("");
  });
});

describe("a router that sends far too much", () => {
  it("may send millions of prefixes without end: memory stays flat and KEEPALIVEs leave on time", async () => {
    const rig = await startListening(cleanup, { spec: { holdTime: "3s" } });
    const peer = await call(rig);
    await peer.establish({ holdTime: 3 });
    await peer.message(TYPE.update, 1);
    const prefixes = 800;
    const messages = 1250;
    const million = Buffer.concat(
      Array.from({ length: messages }, (_, n) =>
        update({
          attributes: "40010100 4002060201 0000fde8 400304 0a000002",
          nlri: Array.from({ length: prefixes }, (_, i) => `20${(0x0b000000 + n * prefixes + i).toString(16).padStart(8, "0")}`).join(""),
        }),
      ),
    );
    let sent = 0;
    const keepalives = () => peer.messages.flatMap(({ type, at }) => (type === TYPE.keepalive ? [at] : []));
    // For as long as it takes to hear KEEPALIVEs: the hold time of 3 s brings one each second.
    const flood = async (until: number): Promise<void> => {
      while (keepalives().length < until) {
        await new Promise<void>((resolve) => peer.socket.write(million, () => resolve()));
        sent += messages * prefixes;
        await eventually("a million prefixes", () => shown(rig).received.prefixes === sent, 60_000);
      }
    };
    // The heap takes what the collector lets it: only what is left after a collection can be seen to be flat.
    await flood(4);
    collectGarbage();
    const [before, sentBefore] = [process.memoryUsage().rss, sent];
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await flood(8);
    delay.disable();
    collectGarbage();
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
    const at = keepalives();
    const widest = Math.max(...at.slice(1).map((time, n) => time - (at[n] ?? 0)));
    const figures = `${(sent - sentBefore) / 1e6}M prefixes, rss ${grown.toFixed(0)} MiB more, widest KEEPALIVE gap ${widest.toFixed(0)} ms, loop delay max ${(delay.max / 1e6).toFixed(0)} ms`;
    process.stderr.write(`${figures}\n`);
    expect(sent - sentBefore).toBeGreaterThan(1_000_000);
    expect(grown).toBeLessThan(100);
    expect(shown(rig)).toMatchObject({ state: "Established", flaps: 0 });
    // A router that holds us to our hold time keeps the session.
    expect(widest).toBeLessThan(3000);
  });

  it("may come and go a thousand times: no timer, socket or listener is left behind", async () => {
    const rig = await startListening(cleanup);
    const peerOf = rig.speaker.peers.get("tor");
    const flap = async (n: number): Promise<void> => {
      const peer = await RawPeer.dial(rig.port);
      await peer.establish();
      if (n % 3 === 0) peer.socket.resetAndDestroy();
      else if (n % 3 === 1) peer.destroy();
      else {
        peer.send(message(TYPE.notification, "0604"));
        await peer.end();
        peer.destroy();
      }
      await eventually("the end of the session", () => shown(rig).flaps === n + 1 && shown(rig).state !== "Established");
    };
    for (let n = 0; n < 10; n++) await flap(n);
    await eventually("calm", () => (peerOf?.resources ?? 99) <= 1);
    const before = process.getActiveResourcesInfo();
    for (let n = 10; n < 1000; n++) await flap(n);
    await eventually("calm", () => (peerOf?.resources ?? 99) <= 1);
    const after = process.getActiveResourcesInfo();
    for (const kind of ["Timeout", "TCPSocketWrap", "TCPServerWrap", "Immediate"]) {
      expect([kind, after.filter((name) => name === kind).length - before.filter((name) => name === kind).length <= 1]).toEqual([
        kind,
        true,
      ]);
    }
    expect(shown(rig).flaps).toBe(1000);
  });
});

/** At once and whole: what the process holds after it, it holds on to. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
