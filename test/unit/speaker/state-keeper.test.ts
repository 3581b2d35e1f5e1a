import { describe, expect, it } from "vitest";
import { PLAIN_ATTRIBUTES } from "../../../src/bgp/rib/route.ts";
import { parsePrefix } from "../../../src/ip/parse.ts";
import type { Prefix } from "../../../src/ip/prefix.ts";
import type { LogEvent } from "../../../src/log.ts";
import type { SavedRoute } from "../../../src/speaker/state-file.ts";
import { StateKeeper } from "../../../src/speaker/state-keeper.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("when the state file is written", () => {
  it("is at once after the first decisions, also where they announce nothing: the next start is to be a graceful one", async () => {
    const { keeper, written, tick } = rig();
    keeper.settled();
    await tick(0);
    expect(written).toEqual([{ at: 0, prefixes: [] }]);
  });

  it("is within a second of the first unsaved change, however many follow", async () => {
    const { announce, written, tick } = rig();
    announce("192.0.2.1/32");
    await tick(0);
    for (let i = 0; i < 20; i++) {
      announce(`192.0.2.${i + 2}/32`);
      await tick(100);
    }
    const times = written.map(({ at }) => at);
    expect(times.length).toBeGreaterThan(2);
    expect(Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? 0)))).toBeLessThanOrEqual(1000);
    // A throttle: it does not write for every change either.
    expect(times.length).toBeLessThan(10);
  });

  it("is sooner where something was withdrawn", async () => {
    const { announce, withdraw, written, tick } = rig();
    announce("192.0.2.1/32");
    await tick(0);
    withdraw("192.0.2.1/32");
    await tick(100);
    expect(written).toEqual([
      { at: 0, prefixes: ["192.0.2.1/32"] },
      { at: 100, prefixes: [] },
    ]);
  });

  it("never has an announcement without a withdrawal from before it, also where both happen while the routes are being looked at", async () => {
    const { announce, withdraw, written, tick, pause } = rig();
    announce("192.0.2.1/32");
    pause(() => {
      withdraw("192.0.2.1/32");
      announce("192.0.2.2/32");
    });
    await tick(0);
    expect(written[0]?.prefixes).toEqual(["192.0.2.2/32"]);
  });

  it("is again at a quarter of its greatest age when nothing changes", async () => {
    const { announce, written, tick } = rig();
    announce("192.0.2.1/32");
    await tick(0);
    await tick(899_000);
    expect(written).toHaveLength(1);
    await tick(1000);
    expect(written).toHaveLength(2);
    await tick(900_000);
    expect(written).toHaveLength(3);
  });

  it("is at the end what was not saved yet, and then never again", async () => {
    const { keeper, announce, written, tick, clock } = rig();
    announce("192.0.2.1/32");
    await tick(0);
    announce("192.0.2.2/32");
    await keeper.finish(500);
    expect(written.at(-1)?.prefixes).toEqual(["192.0.2.1/32", "192.0.2.2/32"]);
    announce("192.0.2.3/32");
    expect(clock.pending).toBe(0);
    await tick(3_600_000);
    expect(written).toHaveLength(2);
  });

  it("says once that the disk takes nothing, tries again, and says when it does", async () => {
    const { announce, logged, written, tick, fail } = rig();
    fail("no space left on device");
    announce("192.0.2.1/32");
    await tick(0);
    await tick(5000);
    expect(logged).toEqual([{ event: "state.unwritable", why: "no space left on device" }]);
    fail(null);
    await tick(5000);
    expect(logged.at(-1)).toEqual({ event: "state.written" });
    expect(written.at(-1)?.prefixes).toEqual(["192.0.2.1/32"]);
  });
});

function rig() {
  const clock = new FakeClock();
  const logged: LogEvent[] = [];
  const routes = new Map<string, SavedRoute>();
  const written: { readonly at: number; readonly prefixes: readonly string[] }[] = [];
  let trouble: string | null = null;
  let meanwhile: (() => void) | null = null;
  const keeper = new StateKeeper({
    clock,
    log: (event) => logged.push(event),
    maxAgeMillis: () => 3_600_000,
    header: () => ({ node: "node-a", bootId: "boot-1", agreedAtEpochMillis: 0, routerId: 1, leavesAtEpochMillis: null, peers: [] }),
    *routes() {
      yield* [...routes.values()];
      meanwhile?.();
      meanwhile = null;
      yield null;
    },
    route: (prefix) => routes.get(prefix.key) ?? null,
    write: (pieces) => {
      const text = [...pieces].filter((piece) => piece !== null).join("");
      if (trouble !== null) return Promise.reject(new Error(trouble));
      written.push({ at: clock.now(), prefixes: [...text.matchAll(/"prefix":"([^"]+)"/g)].map(([, prefix = ""]) => prefix) });
      return Promise.resolve();
    },
  });
  const announce = (text: string): void => {
    const prefix = prefixOf(text);
    routes.set(prefix.key, { prefix, owners: [], to: [{ peer: "tor", attributes: PLAIN_ATTRIBUTES }] });
    keeper.changed(prefix, false);
    keeper.settled();
  };
  const withdraw = (text: string): void => {
    const prefix = prefixOf(text);
    routes.delete(prefix.key);
    keeper.changed(prefix, true);
    keeper.settled();
  };
  /** Time passes, and what it started comes to its end. */
  const tick = async (millis: number): Promise<void> => {
    clock.advance(millis);
    for (let turn = 0; turn < 3; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await keeper.idle();
    }
  };
  const pause = (then: () => void): void => {
    meanwhile = then;
  };
  const fail = (why: string | null): void => {
    trouble = why;
  };
  return { clock, keeper, logged, written, announce, withdraw, tick, pause, fail };
}

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}
