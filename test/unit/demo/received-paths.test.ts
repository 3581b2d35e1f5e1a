import { describe, expect, it } from "vitest";
import { ReceivedPaths } from "../../../src/demo/received-paths.ts";
import { parsePrefix } from "../../../src/ip/parse.ts";
import type { Prefix } from "../../../src/ip/prefix.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const BOTH = ["IPv4", "IPv6"] as const;

describe("what the built-in router keeps of a speaker (RFC 4724 §4.2)", () => {
  it("is nothing when the session ends with a NOTIFICATION, or without Graceful Restart", () => {
    const { paths, announce, held } = rig();
    announce("192.0.2.1/32");
    paths.sessionDown(0);
    expect(held()).toEqual([]);
  });

  it("is everything until End-of-RIB of the family, and then what was announced again", () => {
    const { paths, announce, held } = rig();
    announce("192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128");
    paths.sessionDown(1000);
    paths.sessionUp(BOTH);
    announce("192.0.2.1/32");
    expect(held()).toEqual(["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128"]);
    paths.endOfRib("IPv4");
    expect(held()).toEqual(["192.0.2.1/32", "2001:db8::1/128"]);
    paths.endOfRib("IPv6");
    expect(held()).toEqual(["192.0.2.1/32"]);
  });

  it("is nothing of a family whose forwarding the speaker did not keep", () => {
    const { paths, announce, held } = rig();
    announce("192.0.2.1/32", "2001:db8::1/128");
    paths.sessionDown(1000);
    paths.sessionUp(["IPv6"]);
    expect(held()).toEqual(["2001:db8::1/128"]);
  });

  it("is nothing when the speaker stays away longer than it said", () => {
    const { paths, announce, held, clock, changes } = rig();
    announce("192.0.2.1/32");
    paths.sessionDown(1000);
    clock.advance(999);
    expect(held()).toEqual(["192.0.2.1/32"]);
    clock.advance(1);
    expect([held(), changes()]).toEqual([[], 1]);
  });

  it("is only what was announced since when the speaker goes again before End-of-RIB", () => {
    const { paths, announce, held } = rig();
    announce("192.0.2.1/32", "192.0.2.2/32");
    paths.sessionDown(1000);
    paths.sessionUp(BOTH);
    announce("192.0.2.1/32");
    paths.sessionDown(1000);
    expect(held()).toEqual(["192.0.2.1/32"]);
  });

  it("leaves no timer behind", () => {
    const { paths, announce, clock } = rig();
    announce("192.0.2.1/32");
    paths.sessionDown(1000);
    paths.clear();
    expect(clock.pending).toBe(0);
  });
});

function rig() {
  const clock = new FakeClock();
  let changes = 0;
  const paths = new ReceivedPaths(clock, () => {
    changes++;
  });
  const announce = (...prefixes: readonly string[]): void => {
    for (const text of prefixes)
      paths.announce(prefixOf(text), { prefix: text, nextHop: "10.0.0.1", bytesPerSecond: null, leaving: false });
  };
  const held = (): string[] => paths.all().map(({ prefix }) => prefix);
  return { paths, announce, held, clock, changes: () => changes };
}

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}
