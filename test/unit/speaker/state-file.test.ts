import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PLAIN_ATTRIBUTES } from "../../../src/bgp/rib/route.ts";
import { parseAddress, parsePrefix } from "../../../src/ip/parse.ts";
import type { LogEvent } from "../../../src/log.ts";
import { loadState } from "../../../src/speaker/restoration.ts";
import { readState, renderRoute, renderState, type SavedState, type StateReader } from "../../../src/speaker/state-file.ts";
import { StateStore } from "../../../src/speaker/state-store.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

const directory = mkdtempSync(join(tmpdir(), "herald-test-state-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const AT = Date.parse("2026-03-01T12:00:00.000Z");
const READER: StateReader = {
  node: "node-a",
  bootId: "boot-1",
  nowEpochMillis: AT + 1000,
  maxAgeMillis: 3_600_000,
  heraldNamespace: "herald-system",
};

describe("the state file", () => {
  it("says the same when it is read again: routes with all attributes, owners, peers and their next hops", () => {
    expect(readState(text(STATE), READER)).toEqual({ result: "valid", state: STATE });
  });

  it("holds no password: a peer that has one in its object is left out, and waits for the objects", () => {
    const secret = { peer: bgpPeer("tor-c", { password: "do not tell" }), nextHop: { IPv4: "session", IPv6: null } } as const;
    const written = text({ ...STATE, peers: [...STATE.peers, secret] });
    expect(written).not.toContain("do not tell");
    expect(readState(written, READER)).toEqual({ result: "valid", state: STATE });
  });

  it("says until when the node leaves, where it was drained when the file was written", () => {
    const leaving = { ...STATE, leavesAtEpochMillis: AT + 3000 };
    expect(text(leaving)).toContain('"leavesAt":"2026-03-01T12:00:03.000Z"');
    expect(readState(text(leaving), READER)).toEqual({ result: "valid", state: leaving });
    expect(text(STATE)).not.toContain("leavesAt");
  });

  it("is JSON that a person can read", () => {
    const written: unknown = JSON.parse(text(STATE));
    expect(written).toMatchObject({ state: { version: 1, node: "node-a", bootId: "boot-1", agreedAt: "2026-03-01T12:00:00.000Z" } });
  });

  it("says the same whatever the number of routes, and lets the event loop turn while it is written", () => {
    const routes = Array.from({ length: 8000 }, (_, i) => route(`10.${i >> 8}.${i & 255}.1/32`, ["default/web"]));
    const pieces = [...renderState(STATE, routes.map(renderRoute))];
    expect(pieces.filter((piece) => piece === null).length).toBeGreaterThan(2);
    expect(readState(pieces.join(""), READER)).toEqual({ result: "valid", state: { ...STATE, routes } });
  });

  it("is not believed when one octet is missing at the end, wherever it was cut off", () => {
    const whole = text(STATE);
    let tried = 0;
    for (let length = 0; length < whole.length; length++, tried++) expect(readState(whole.slice(0, length), READER).result).toBe("damaged");
    expect(tried).toBe(whole.length);
  });

  it("is not believed when any one octet changed", () => {
    const whole = text(STATE);
    let tried = 0;
    for (let at = 0; at < whole.length; at++, tried++) {
      const changed = whole[at] === "1" ? "2" : "1";
      expect(readState(`${whole.slice(0, at)}${changed}${whole.slice(at + 1)}`, READER).result).toBe("damaged");
    }
    expect(tried).toBe(whole.length);
  });

  it.each([
    ["was written on another node", { node: "node-b" }, "foreign", /node-a.*node-b/],
    ["was written before a reboot", { bootId: "boot-2" }, "foreign", /started anew/],
    ["meets a system that does not name its boots", { bootId: "" }, "foreign", /started anew/],
    ["is older than stateMaxAge", { nowEpochMillis: AT + 3_600_001 }, "stale", /older than stateMaxAge/],
    ["is dated in the future", { nowEpochMillis: AT - 60_000 }, "stale", /future/],
    ["was written before the clock was set back a little", { nowEpochMillis: AT - 1000 }, "valid", /^$/],
    ["is as old as it may be", { nowEpochMillis: AT + 3_600_000 }, "valid", /^$/],
  ] as const)("is judged by its age and origin: %s", (_, reader, result, why) => {
    const verdict = readState(text(STATE), { ...READER, ...reader });
    expect(verdict.result).toBe(result);
    expect("why" in verdict ? verdict.why : "").toMatch(why);
  });

  it("is not read where another version of herald wrote it otherwise", () => {
    const other = text(STATE).replace('"version":1', '"version":2');
    const [, body = ""] = /^\{"state":(.*),"checksum"/s.exec(other) ?? [];
    expect(readState(sealed(body), READER)).toMatchObject({ result: "foreign", why: expect.stringContaining("format 2") });
  });

  it("is damaged when its checksum is right and its content is not herald's", () => {
    expect(
      readState(sealed('{"version":1,"node":"node-a","bootId":"boot-1","agreedAt":"2026-03-01T12:00:00Z","peers":7}'), READER).result,
    ).toBe("damaged");
  });
});

describe("the state file on disk", () => {
  it("keeps the old content whatever octet the writing of the new one stopped at", async () => {
    const path = join(directory, "crash.json");
    const store = new StateStore(path);
    await store.write([text(STATE)]);
    const fresh = text({ ...STATE, routes: [] });
    let tried = 0;
    for (let length = 0; length <= fresh.length; length++, tried++) {
      // What a process leaves that is killed after so many octets, before the rename.
      writeFileSync(`${path}.new`, fresh.slice(0, length));
      expect(readState(store.read() ?? "", READER)).toEqual({ result: "valid", state: STATE });
    }
    expect(tried).toBe(fresh.length + 1);
    await store.write([fresh]);
    expect(readState(store.read() ?? "", READER)).toMatchObject({ result: "valid", state: { routes: [] } });
  });

  it("keeps the old content when what is to be written cannot be made", async () => {
    const path = join(directory, "thrown.json");
    const store = new StateStore(path);
    await store.write([text(STATE)]);
    const broken = function* (): Generator<string> {
      yield "{";
      throw new Error("no more");
    };
    await expect(store.write(broken())).rejects.toThrow("no more");
    expect(readState(store.read() ?? "", READER).result).toBe("valid");
  });

  it("does not come back with a write that was under way when it was discarded", async () => {
    const path = join(directory, "discarded.json");
    let tried = 0;
    for (const at of ["before the first octet", "between two", "behind the last"]) {
      const store = new StateStore(path);
      await store.write([text(STATE)]);
      const discards: Promise<void>[] = [];
      const discarding = function* () {
        if (at === "before the first octet") discards.push(store.discard());
        yield text(STATE).slice(0, 50);
        if (at === "between two") discards.push(store.discard());
        yield text(STATE).slice(50);
        if (at === "behind the last") discards.push(store.discard());
      };
      await store.write(discarding());
      await Promise.all(discards);
      expect([at, readdirSync(directory).filter((name) => name.startsWith("discarded"))]).toEqual([at, []]);
      tried++;
    }
    expect(tried).toBe(3);
  });

  it("is for nobody else to read", async () => {
    const path = join(directory, "mode.json");
    await new StateStore(path).write([text(STATE)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is kept aside when it is damaged, and the log says so", () => {
    const path = join(directory, "damaged.json");
    writeFileSync(path, text(STATE).slice(0, -5));
    const logged: LogEvent[] = [];
    expect(loadState(new StateStore(path), path, READER, (event) => logged.push(event))).toBeNull();
    expect(logged).toMatchObject([
      { event: "state.ignored", file: path, aside: `${path}.damaged`, why: expect.stringContaining("checksum") },
    ]);
    expect(readdirSync(directory).filter((name) => name.startsWith("damaged"))).toEqual(["damaged.json.damaged"]);
    expect(readFileSync(`${path}.damaged`, "utf8")).toBe(text(STATE).slice(0, -5));
  });

  it("is no word in the log when there is none", () => {
    const logged: LogEvent[] = [];
    const path = join(directory, "none.json");
    expect(loadState(new StateStore(path), path, READER, (event) => logged.push(event))).toBeNull();
    expect(logged).toEqual([]);
  });

  it("is ignored with the reason when it cannot be read", () => {
    const logged: LogEvent[] = [];
    expect(loadState(new StateStore(directory), directory, READER, (event) => logged.push(event))).toBeNull();
    expect(logged).toMatchObject([{ event: "state.ignored", why: expect.stringContaining("EISDIR") }]);
  });
});

function text(state: SavedState): string {
  return [...renderState(state, state.routes.map(renderRoute))].join("");
}

/** A file around a body, with the right checksum. */
function sealed(body: string): string {
  return `{"state":${body},"checksum":"${createHash("sha256").update(body).digest("hex")}"}\n`;
}

function prefix(written: string) {
  const parsed = parsePrefix(written, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function address(written: string) {
  const parsed = parseAddress(written);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function route(written: string, owners: readonly string[]): SavedState["routes"][number] {
  return { prefix: prefix(written), owners, to: [{ peer: "tor", attributes: PLAIN_ATTRIBUTES }] };
}

const STATE: SavedState = {
  node: "node-a",
  bootId: "boot-1",
  agreedAtEpochMillis: AT,
  routerId: 0x0a00_0001,
  leavesAtEpochMillis: null,
  peers: [{ peer: bgpPeer("tor", { passwordSecret: { name: "tor" } }), nextHop: { IPv4: "session", IPv6: address("fd00::1") } }],
  routes: [
    route("192.0.2.1/32", ["default/web"]),
    {
      prefix: prefix("2001:db8::/64"),
      owners: ["default/a", "default/b"],
      to: [
        { peer: "tor", attributes: { ...PLAIN_ATTRIBUTES, localPref: 0, med: 0 } },
        {
          peer: "tor-b",
          attributes: {
            communities: [4259840001],
            largeCommunities: [[1, 2, 3]],
            extendedCommunities: ["0002fde800000001"],
            localPref: 200,
            med: 5,
            asPathPrepend: 2,
            linkBandwidth: { bytesPerSecond: 125000000, transitive: true },
          },
        },
      ],
    },
  ],
};
