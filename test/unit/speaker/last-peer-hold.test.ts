import { afterEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../support/fake-clock.ts";
import { bgpPeer, Cleanup, eventually, node, type Rig, startSpeaker } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const PEERS = ["tor-1", "tor-2"].map((name, index) => bgpPeer(name, { passive: true, peerAddress: `127.0.0.${2 + index}` }));

async function started(clock: FakeClock): Promise<Rig> {
  const rig = cleanup.add(await startSpeaker({ clock }), ({ speaker }) => speaker.stop());
  rig.source.set(node(), ...PEERS);
  rig.source.sync();
  await eventually("the peers", () => names(rig).length === 2);
  return rig;
}

function names({ speaker }: Rig): readonly string[] {
  return speaker.view.peers().items.map(({ name }) => name);
}

function heldLines({ logged }: Rig): readonly string[] {
  return logged.flatMap((line) => ("code" in line && line.code === "lastPeerHeld" ? [line.event] : []));
}

describe("a speaker whose peers all go at once", () => {
  it("keeps one for 30 s with a warning, then lets it go", async () => {
    const clock = new FakeClock();
    const rig = await started(clock);
    rig.source.delete(...PEERS);
    await eventually("one peer", () => names(rig).length === 1);
    expect([names(rig), heldLines(rig)]).toEqual([["tor-2"], ["object.invalid"]]);
    clock.advance(29_999);
    expect(names(rig)).toEqual(["tor-2"]);
    clock.advance(1);
    await eventually("no peer", () => names(rig).length === 0);
    expect(heldLines(rig)).toEqual(["object.invalid", "object.mended"]);
  });

  it("goes on with the one it kept when the objects come back, without a reset", async () => {
    const clock = new FakeClock();
    const rig = await started(clock);
    rig.source.delete(...PEERS);
    await eventually("one peer", () => names(rig).length === 1);
    clock.advance(10_000);
    rig.source.set(...PEERS);
    await eventually("both peers", () => names(rig).length === 2);
    clock.advance(60_000);
    const removed = rig.logged.flatMap((line) => (line.event === "peer.removed" ? [line.peer] : []));
    expect([names(rig), removed, heldLines(rig)]).toEqual([["tor-1", "tor-2"], ["tor-1"], ["object.invalid", "object.mended"]]);
  });

  it("obeys a single deletion at once", async () => {
    const rig = await started(new FakeClock());
    rig.source.delete(...PEERS.slice(0, 1));
    await eventually("one peer", () => names(rig).length === 1);
    expect(heldLines(rig)).toEqual([]);
  });
});
