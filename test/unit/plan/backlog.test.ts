import { describe, expect, it } from "vitest";
import { Backlog } from "../../../src/plan/backlog.ts";
import { causeFor } from "../../../src/plan/causes.ts";
import type { Cause } from "../../../src/plan/change.ts";
import type { Planned } from "../../../src/plan/ledger.ts";
import { NO_ADDRESSES, ServiceEntry } from "../../../src/plan/service-entry.ts";
import { service } from "../../support/cluster-objects.ts";

const PEER: Cause = { kind: "BGPPeer", name: "tor1", resourceVersion: "2" };
const SLICE: Cause = { kind: "EndpointSlice", name: "shop/web-1", resourceVersion: "3" };

/** Services `shop/s0` and so on, decided before. */
function rig(count: number, strangers: readonly ServiceEntry[] | null = null) {
  const entries = Array.from({ length: count }, (_, i) => new ServiceEntry("shop", `s${i}`));
  const planned = new Map(entries.map((entry) => [entry, plannedOf(entry)]));
  const backlog = new Backlog(planned, strangers);
  const log: string[] = [];
  const work = (limit = Number.POSITIVE_INFINITY) =>
    backlog.work(limit, (entry, causes, before) => {
      log.push(`${entry.name} ${causeFor(causes, null)?.kind ?? "-"}${before === undefined ? " new" : ""}`);
      planned.set(entry, plannedOf(entry));
    });
  return { backlog, entries, planned, work, log };
}

function plannedOf(entry: ServiceEntry): Planned {
  return { service: service(entry.key), epoch: 1, matching: [], list: NO_ADDRESSES, decisions: [], covering: null };
}

describe("what is to be decided again", () => {
  it("is found among all Services some at a time when a peer changes, each once", () => {
    const { backlog, work, log } = rig(100);
    backlog.markAffected((_, { name }) => (name.endsWith("7") ? PEER : false), 1);
    const sizes: number[] = [];
    for (let calls = 0; backlog.size > 0 && calls < 100; calls++) {
      const before = log.length;
      work(1);
      sizes.push(log.length - before);
    }
    expect(log).toEqual(Array.from({ length: 10 }, (_, i) => `s${i === 0 ? "" : i}7 BGPPeer`));
    expect(Math.max(...sizes)).toBe(1);
  });

  it("is looked for all the way round when something else changes meanwhile, and nothing is done twice for the first", () => {
    const { backlog, work, log } = rig(4);
    backlog.markAffected((_, { name }) => (name === "s0" || name === "s3" ? PEER : false), 1);
    work(1);
    expect(log).toEqual(["s0 BGPPeer"]);
    backlog.markAffected((_, { name }) => (name === "s0" || name === "s2" ? SLICE : false), 1);
    work();
    expect(log.slice(1)).toEqual(["s2 EndpointSlice", "s3 BGPPeer", "s0 EndpointSlice"]);
    expect(backlog.size).toBe(0);
  });

  it("comes to every Service in turn, however fast changes follow each other", () => {
    const { backlog, work, log } = rig(100);
    for (let changes = 0; changes < 100; changes++) {
      backlog.markAffected(() => PEER, 1);
      work(1);
    }
    expect(new Set(log).size).toBe(100);
    work();
    // The last change came before the hundredth.
    expect([log.length, backlog.size]).toEqual([99 + 100, 0]);
  });

  it("is found in smaller steps where each Service has to be compared with much that changed", () => {
    const { backlog, work } = rig(320);
    let looks = 0;
    const nothing = () => {
      looks++;
      return false as const;
    };
    backlog.markAffected(nothing, 100);
    work(1);
    expect(looks).toBe(1);
    work(100);
    expect(looks).toBe(33);
    for (let calls = 0; backlog.size > 0 && calls < 20; calls++) work(100);
    expect([looks, backlog.size]).toEqual([320, 0]);
  });

  it("forgets nothing where Services go and come while they are looked through", () => {
    const { backlog, entries, planned, work, log } = rig(10);
    backlog.markAffected(() => PEER, 1);
    work(4);
    backlog.markAffected(() => SLICE, 1);
    const [first, second] = entries;
    if (first === undefined || second === undefined) throw new Error("there are ten");
    planned.delete(first);
    planned.delete(second);
    planned.set(second, plannedOf(second));
    work();
    const after = new Set(log.slice(4).map((line) => line.slice(0, 2)));
    expect([...after].sort()).toEqual(["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"]);
    backlog.markAffected(() => PEER, 1);
    work(4);
    backlog.markAffected(() => SLICE, 1);
    planned.clear();
    work();
    expect(backlog.size).toBe(0);
  });

  it("begins with Services that lost an address, and decides those that changed themselves once, for what changed them", () => {
    const { backlog, entries, work, log } = rig(4);
    const [, second, third] = entries;
    if (second === undefined || third === undefined) throw new Error("there are four");
    backlog.markAffected(() => PEER, 1);
    backlog.touch(second, SLICE, false, "IPv4");
    backlog.touch(third, SLICE, true, null);
    backlog.mark(third, PEER);
    work();
    expect(log[0]).toBe("s2 EndpointSlice");
    expect(log.filter((line) => line.startsWith("s1"))).toEqual(["s1 EndpointSlice"]);
    expect(new Set(log.map((line) => line.slice(0, 2)))).toEqual(new Set(["s0", "s1", "s2", "s3"]));
    expect(backlog.size).toBe(0);
  });

  it("is at first every Service that is there already, some at a time", () => {
    const there = [new ServiceEntry("shop", "a"), new ServiceEntry("shop", "b"), new ServiceEntry("shop", "c")];
    const [, named] = there;
    if (named === undefined) throw new Error("there are three");
    const { backlog, work, log } = rig(0, there);
    backlog.mark(named, PEER);
    work(1);
    expect([log, backlog.size > 0]).toEqual([["b BGPPeer new"], true]);
    work(1);
    expect(log).toHaveLength(2);
    work();
    expect([log, backlog.size]).toEqual([["b BGPPeer new", "a - new", "c - new"], 0]);
  });

  it("forgets no Service that comes back to be decided while it is being decided", () => {
    const { backlog, entries, log } = rig(1);
    const [only] = entries;
    if (only === undefined) throw new Error("there is one");
    backlog.mark(only, PEER);
    let again = true;
    backlog.work(1, (entry) => {
      log.push(entry.name);
      if (again) backlog.mark(entry, SLICE);
      again = false;
    });
    expect(backlog.size).toBe(1);
  });
});
