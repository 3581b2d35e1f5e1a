import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { sealed } from "../../../src/speaker/state-seal.ts";
import { RawPeer, TYPE } from "../../support/raw-peer.ts";
import { advertisement, bgpPeer, Cleanup, eventually, node, type Rig, service, startSpeaker } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** IPv4 unicast, Graceful Restart of 120 s with the family, four-octet AS number. */
const GRACEFUL = { capabilities: "0104 0001 0001 4006 0078 0001 0100 4104 0000fde8" };
const WEB = "20c0000201";
const SHOP = "20c0000202";
const END_OF_RIB = "00000000";

describe("a stop (RFC 4724 §4)", () => {
  it("is silent where shutdown says so and the router keeps routes: TCP ends without a NOTIFICATION", async () => {
    const { rig, peer, file } = await announcing({ yaml: "shutdown: gracefulRestart" });
    await rig.speaker.stop();
    await peer.end();
    expect(peer.count(TYPE.notification)).toBe(0);
    expect(updates(peer).filter((octets) => octets.startsWith("0005"))).toEqual([]);
    expect(readFileSync(file, "utf8")).toContain("192.0.2.1/32");
  });

  it("is silent while Herald's own Pod is being deleted", async () => {
    const { rig, peer } = await announcing({ ownPodDeleted: () => true });
    await rig.speaker.stop();
    await peer.end();
    expect(peer.count(TYPE.notification)).toBe(0);
  });

  it.each([
    ["without evidence that only Herald ends", {}],
    ["where shutdown says so, whatever the Pod", { yaml: "shutdown: withdraw", ownPodDeleted: () => true }],
  ])("withdraws, says Cease/2 and leaves no state %s", async (_, options) => {
    const { rig, peer, file } = await announcing(options);
    await rig.speaker.stop();
    expect(await peer.notification()).toMatch(/^6\/2 /);
    expect(updates(peer)).toContain(`0005${WEB}0000`);
    expect(existsSync(file)).toBe(false);
  });

  it("ends in order and says so where the state file cannot be removed", async () => {
    const { rig, peer, file } = await announcing({});
    rmSync(file);
    // Nobody removes a directory as a file.
    mkdirSync(file);
    await rig.speaker.stop();
    expect(await peer.notification()).toMatch(/^6\/2 /);
    expect(rig.logged.filter(({ event }) => event === "state.unremovable" || event === "speaker.stopped")).toMatchObject([
      { event: "state.unremovable" },
      { event: "speaker.stopped" },
    ]);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it("withdraws from a router that does not know Graceful Restart, although others keep the routes", async () => {
    const { rig, peer } = await announcing({ yaml: "shutdown: gracefulRestart", open: {} });
    await rig.speaker.stop();
    expect(await peer.notification()).toMatch(/^6\/2 /);
    expect(updates(peer)).toContain(`0005${WEB}0000`);
  });

  it("is a Hard Reset where both sides keep routes through NOTIFICATIONs (RFC 8538), so that these go all the same", async () => {
    const open = { capabilities: "0104 0001 0001 4006 4078 0001 0100 4104 0000fde8" };
    const { rig, peer } = await announcing({ open, spec: { gracefulRestart: { notification: true } } });
    expect(openOf(peer)).toContain("4006c07800010100");
    await rig.speaker.stop();
    expect(await peer.notification()).toMatch(/^6\/9 0602/);
  });

  it("finishes the drain under way before Cease/2, although shutdown is gracefulRestart", async () => {
    const { rig, peer } = await announcing({ yaml: "shutdown: gracefulRestart\ndrain: { gracePeriod: 300ms }" });
    await rig.speaker.commands.drain("maintenance");
    await peer.until("the graceful-shutdown community", () => updates(peer).some((octets) => octets.includes("c00804ffff0000")));
    await rig.speaker.stop();
    const told = updates(peer);
    expect(await peer.notification()).toMatch(/^6\/2 /);
    expect(told.indexOf(`0005${WEB}0000`)).toBeGreaterThan(told.findIndex((octets) => octets.includes("c00804ffff0000")));
  });

  it("is Cease/2 at once when the node is drained already", async () => {
    const { rig, peer } = await announcing({ yaml: "shutdown: gracefulRestart\ndrain: { gracePeriod: 0s }" });
    await rig.speaker.commands.drain("maintenance");
    await peer.until("the withdrawal", () => updates(peer).includes(`0005${WEB}0000`));
    await rig.speaker.stop();
    expect(await peer.notification()).toMatch(/^6\/2 /);
  });
});

describe("a graceful start", () => {
  it("announces what the file says before anything was read, with R and F, and says End-of-RIB after the differences", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart", names: ["web", "shop"] });
    await before.rig.speaker.stop();
    const { rig, peer } = await restarted(before.file);
    // R, 120 s, IPv4 unicast with F.
    expect(openOf(peer)).toContain("400680780001 0180".replace(" ", ""));
    await peer.until("both routes", () => nlri(peer).length === 2);
    expect(nlri(peer).sort()).toEqual([WEB, SHOP]);
    expect(updates(peer)).not.toContain(END_OF_RIB);
    expect([...rig.speaker.view.routes()].map(({ prefix, owners, restored }) => [prefix, owners, typeof restored])).toEqual([
      ["192.0.2.1/32", ["default/web"], "string"],
      ["192.0.2.2/32", ["default/shop"], "string"],
    ]);
    expect(rig.speaker.view.explain("default/web")).toMatchObject({
      items: [],
      restored: [{ prefix: "192.0.2.1/32", peers: ["tor"] }],
      findings: [{ code: "restored", message: expect.stringContaining("192.0.2.1/32 is restored: announced to tor as of 20") }],
    });
    expect(() => rig.speaker.view.explain("default/other")).toThrow(/nothing was announced for it before the restart/);

    // The shop is gone meanwhile.
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement(), ...service("web", "192.0.2.1"));
    rig.source.sync();
    await peer.until("End-of-RIB", () => updates(peer).includes(END_OF_RIB));
    const told = updates(peer);
    expect(told.indexOf(`0005${SHOP}0000`)).toBeGreaterThan(-1);
    expect(told.indexOf(`0005${SHOP}0000`)).toBeLessThan(told.indexOf(END_OF_RIB));
    expect(nlri(peer).filter((prefix) => prefix === WEB)).toHaveLength(1);
    expect([...rig.speaker.view.routes()].map(({ prefix, restored }) => [prefix, restored])).toEqual([["192.0.2.1/32", null]]);
  });

  it("says End-of-RIB after eorDeferral, at least 5 s, although nothing was read", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart" });
    await before.rig.speaker.stop();
    const rig = await speaker(before.file, { yaml: "eorDeferral: 1s" });
    const peer = await dial(rig);
    const at = performance.now();
    await peer.establish(GRACEFUL);
    await peer.until("End-of-RIB", () => updates(peer).includes(END_OF_RIB), 20_000);
    expect(performance.now() - at).toBeGreaterThan(4990);
    expect(nlri(peer)).toEqual([WEB]);
    expect([...rig.speaker.view.routes()].map(({ restored }) => typeof restored)).toEqual(["string"]);
  });

  it("never brings a route back that was withdrawn before the last write, also after a crash", async () => {
    const before = await announcing({ names: ["web", "shop"] });
    before.rig.source.delete(...service("shop", "192.0.2.2"));
    await eventually("the write", () => !readFileSync(before.file, "utf8").includes("192.0.2.2"));
    const copy = crashed(before.file);
    const { peer } = await restarted(copy);
    await peer.until("the route", () => nlri(peer).length === 1);
    expect(nlri(peer)).toEqual([WEB]);
  });

  it("ends a session whose peer is gone, and drops routes whose advertisement is gone, with the first decisions", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart" });
    await before.rig.speaker.stop();
    const { rig, peer } = await restarted(before.file);
    await peer.until("the route", () => nlri(peer).length === 1);
    rig.source.set(node(), advertisement(), ...service("web", "192.0.2.1"));
    rig.source.sync();
    expect(await peer.notification()).toMatch(/^6\/3/);
    expect(updates(peer)).toContain(`0005${WEB}0000`);
    expect(rig.speaker.view.peers().items).toEqual([]);
  });

  it("that finds the node drained announces less, then nothing, and does not announce what is new", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart" });
    await before.rig.speaker.stop();
    const { rig, peer } = await restarted(before.file, { yaml: "drain: { gracePeriod: 300ms }" });
    await peer.until("the route", () => nlri(peer).length === 1);
    await rig.speaker.commands.drain("maintenance");
    rig.source.set(
      node(),
      bgpPeer("tor", { passive: true }),
      advertisement(),
      ...service("web", "192.0.2.1"),
      ...service("shop", "192.0.2.2"),
    );
    rig.source.sync();
    await peer.until("the withdrawal", () => updates(peer).includes(`0005${WEB}0000`));
    expect(updates(peer).filter((octets) => octets.includes("c00804ffff0000"))).toHaveLength(1);
    expect(nlri(peer)).not.toContain(SHOP);
  });

  it("of a machine that was started anew announces nothing before everything was read, and its OPEN says that forwarding was lost", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart" });
    await before.rig.speaker.stop();
    const rig = await speaker(before.file, { readBootId: () => "boot-2" });
    expect(rig.logged).toContainEqual(expect.objectContaining({ event: "state.ignored", why: expect.stringContaining("started anew") }));
    expect([...rig.speaker.view.routes()]).toEqual([]);
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement());
    rig.source.sync();
    await eventually("the first decisions", () => rig.speaker.view.ready());
    const peer = await dial(rig);
    // R and not F: the router forgets at once what it kept.
    expect(openOf(peer)).toContain("4006807800010100");
  });

  it("of a damaged file is like any other start, and the file is kept aside", async () => {
    const before = await announcing({ yaml: "shutdown: gracefulRestart" });
    await before.rig.speaker.stop();
    const whole = readFileSync(before.file, "utf8");
    writeFileSync(before.file, whole.replace("192.0.2.1/32", "192.0.2.9/32"));
    const rig = await speaker(before.file);
    expect(rig.logged).toContainEqual(expect.objectContaining({ event: "state.ignored", aside: `${before.file}.damaged` }));
    expect([...rig.speaker.view.routes()]).toEqual([]);
  });

  it("clears R once the router was Established, and keeps F: a reconnect of a living process leaves forwarding alone", async () => {
    const { rig, peer } = await announcing({});
    peer.destroy();
    await eventually("the end of the session", () => rig.speaker.view.peers().items[0]?.state !== "Established");
    expect(openOf(await dial(rig))).toContain("4006007800010180");
  });

  it("of a second process after one that was killed while its router's routes were still stale goes on as well", async () => {
    const before = await announcing({});
    const first = await restarted(crashed(before.file));
    await first.peer.until("the route", () => nlri(first.peer).length === 1);
    const second = await restarted(crashed(first.file));
    await second.peer.until("the route", () => nlri(second.peer).length === 1);
    expect(nlri(second.peer)).toEqual([WEB]);
  });
});

describe("a drain through the admin API", () => {
  const drainFileOf = (file: string): string => `${file}.drain`;

  it("is on disk before it is answered, outlives a crash with its reason and time, and nothing is announced until it ends", async () => {
    const before = await announcing({ yaml: "drain: { gracePeriod: 0s }" });
    const answer = await before.rig.speaker.commands.drain("new kernel");
    expect(answer).toMatchObject({ drained: true, reason: "new kernel", kept: true, note: "" });
    const copy = `${before.file}.copy`;
    writeFileSync(copy, readFileSync(before.file));
    writeFileSync(drainFileOf(copy), readFileSync(drainFileOf(before.file)));

    const rig = await speaker(copy);
    expect(rig.logged).toContainEqual(expect.objectContaining({ event: "drain.restored", reason: "new kernel", since: answer.since }));
    rig.source.set(node(), bgpPeer("tor", { passive: true }), advertisement(), ...service("web", "192.0.2.1"));
    rig.source.sync();
    await eventually("the first decisions", () => rig.speaker.view.ready());
    const peer = await dial(rig);
    await peer.establish(GRACEFUL);
    // R and not F, although the state file may still say what was announced before the drain.
    expect(openOf(peer)).toContain("4006807800010100");
    await peer.until("End-of-RIB", () => updates(peer).includes(END_OF_RIB));
    expect(nlri(peer)).toEqual([]);
    expect(rig.speaker.view.drain()).toEqual({
      phase: "drained",
      cause: "command",
      text: `drained on this node since ${answer.since}: new kernel`,
    });
    const explained = rig.speaker.view.explain("default/web").items.find(({ address }) => address === "192.0.2.1");
    expect(explained?.reason).toBe("nodeDrained");
    expect(await rig.metrics.text()).toContain('herald_drained{cause="command"} 1');

    expect(await rig.speaker.commands.undrain()).toEqual({ drained: false, note: "" });
    expect(existsSync(drainFileOf(copy))).toBe(false);
    await peer.until("the route", () => nlri(peer).length === 1);
    expect(await rig.metrics.text()).toContain('herald_drained{cause="command"} 0');
  });

  it("outlives a polite stop, which leaves no state file, and another start of the machine: it is a wish, and nobody took it back", async () => {
    const before = await announcing({ yaml: "drain: { gracePeriod: 0s }" });
    await before.rig.speaker.commands.drain("new kernel");
    await before.rig.speaker.stop();
    expect([existsSync(before.file), existsSync(drainFileOf(before.file))]).toEqual([false, true]);
    const rig = await speaker(before.file, { readBootId: () => "boot-2" });
    rig.source.set(node(), advertisement(), ...service("web", "192.0.2.1"));
    rig.source.sync();
    await eventually("the first decisions", () => rig.speaker.view.ready());
    expect([[...rig.speaker.view.routes()], rig.speaker.view.drain().phase]).toEqual([[], "drained"]);
  });

  it("that ended does not come back", async () => {
    const before = await announcing({ yaml: "drain: { gracePeriod: 0s }" });
    const answers = [before.rig.speaker.commands.drain("one"), before.rig.speaker.commands.undrain()];
    await Promise.all(answers);
    await before.rig.speaker.stop();
    const rig = await speaker(before.file);
    rig.source.sync();
    await eventually("the first decisions", () => rig.speaker.view.ready());
    expect(rig.speaker.view.drain()).toEqual({ phase: "none", cause: null, text: "" });
  });

  it("keeps its time when it is asked for again, with the newer reason", async () => {
    const { rig } = await announcing({});
    const first = await rig.speaker.commands.drain("one");
    expect(await rig.speaker.commands.drain("two")).toEqual({ ...first, reason: "two" });
  });

  it("says in its answer that it lasts as long as the process where there is no state file", async () => {
    const rig = cleanup.add(await startSpeaker({}), (made) => made.speaker.stop());
    expect(await rig.speaker.commands.drain("new kernel")).toMatchObject({
      kept: false,
      note: "no state file is kept: the drain lasts as long as this process",
    });
    expect(await rig.speaker.commands.undrain()).toEqual({ drained: false, note: "" });
  });

  it.each([
    ["damaged", (text: string) => text.replace("new kernel", "old kernel"), "checksum", true],
    ["of another node", (text: string) => resealed(text.replace('"node":"node-a"', '"node":"node-b"')), "was written for node", false],
    ["of another version of herald", (text: string) => resealed(text.replace('"version":1', '"version":2')), "has format 2", false],
    [
      "right in its checksum and not herald's",
      (text: string) => resealed(text.replace('"reason"', '"raison"')),
      "not what herald writes",
      true,
    ],
  ])("whose file is %s is not believed, and the log says why", async (_, edit, why, isKeptAside) => {
    const before = await announcing({});
    await before.rig.speaker.commands.drain("new kernel");
    await before.rig.speaker.stop();
    const file = drainFileOf(before.file);
    writeFileSync(file, edit(readFileSync(file, "utf8")));
    const rig = await speaker(before.file);
    expect(rig.logged).toContainEqual({
      event: "state.ignored",
      file,
      why: expect.stringContaining(why),
      aside: isKeptAside ? `${file}.damaged` : "",
    });
    rig.source.sync();
    await eventually("the first decisions", () => rig.speaker.view.ready());
    expect(rig.speaker.view.drain().phase).toBe("none");
  });
});

/** The same with the right checksum. */
function resealed(text: string): string {
  const [, body = ""] = /^\{"state":(.*),"checksum"/s.exec(text) ?? [];
  return [...sealed([body])].join("");
}

interface Options {
  readonly yaml?: string;
  readonly ownPodDeleted?: () => boolean;
  readonly readBootId?: () => string;
}

/** A speaker with a passive peer on 127.0.0.1 and its state in the file. */
async function speaker(file: string, { yaml = "", ...rest }: Options = {}): Promise<Rig> {
  const rig = await startSpeaker({ listen: ["127.0.0.1"], stateFile: file, yaml, ...rest });
  return cleanup.add(rig, (made) => made.speaker.stop());
}

/** One that announces Services to a router, and has written that down. */
async function announcing({
  names = ["web"],
  open = GRACEFUL,
  spec = {},
  ...options
}: Options & {
  readonly names?: readonly string[];
  readonly open?: Parameters<RawPeer["establish"]>[0];
  readonly spec?: Readonly<Record<string, unknown>>;
}) {
  const directory = cleanup.add(mkdtempSync(join(tmpdir(), "herald-test-restart-")), (made) =>
    rmSync(made, { recursive: true, force: true }),
  );
  const file = join(directory, "state.json");
  const rig = await speaker(file, options);
  const services = names.flatMap((name, i) => service(name, `192.0.2.${i + 1}`));
  rig.source.set(node(), bgpPeer("tor", { passive: true, ...spec }), advertisement(), ...services);
  rig.source.sync();
  await eventually("the first decisions", () => rig.speaker.view.ready());
  const peer = await dial(rig);
  await peer.establish(open);
  await peer.until("the routes", () => nlri(peer).length === names.length && updates(peer).includes(END_OF_RIB));
  await eventually("the state file", () => existsSync(file) && readFileSync(file, "utf8").includes("192.0.2.1/32"));
  return { rig, peer, file };
}

/** The next process on the file, whose source has said nothing yet, and the router that is back. */
async function restarted(file: string, options: Options = {}) {
  const rig = await speaker(file, options);
  const peer = await dial(rig);
  await peer.establish(GRACEFUL);
  return { rig, peer, file };
}

/** What is on the disk when a process ends without a word: the file as it is now, free for another. */
function crashed(file: string): string {
  const copy = `${file}.copy`;
  writeFileSync(copy, readFileSync(file));
  return copy;
}

async function dial(rig: Rig): Promise<RawPeer> {
  const peer = cleanup.add(await RawPeer.dial(rig.port), (made) => made.destroy());
  await peer.message(TYPE.open);
  return peer;
}

function openOf({ messages }: RawPeer): string {
  return messages.find(({ type }) => type === TYPE.open)?.body.toString("hex") ?? "";
}

/** Bodies of the UPDATEs in order. */
function updates({ messages }: RawPeer): string[] {
  return messages.filter(({ type }) => type === TYPE.update).map(({ body }) => body.toString("hex"));
}

/** Host prefixes announced, one by one, in order: all are 5 octets. */
function nlri({ messages }: RawPeer): string[] {
  return messages
    .filter(({ type }) => type === TYPE.update)
    .flatMap(({ body }) => {
      const withdrawn = body.readUInt16BE(0);
      const attributes = body.readUInt16BE(2 + withdrawn);
      return (
        body
          .subarray(4 + withdrawn + attributes)
          .toString("hex")
          .match(/.{10}/g) ?? []
      );
    });
}
