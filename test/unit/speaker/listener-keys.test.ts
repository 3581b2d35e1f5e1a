import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/ip/parse.ts";
import type { Admission } from "../../../src/speaker/listener.ts";
import { ListenerKeys } from "../../../src/speaker/listener-keys.ts";
import { SystemCallError, type SystemCalls } from "../../../src/speaker/sockopt/system-calls.ts";
import type { AoKey } from "../../../src/speaker/sockopt/tcp-ao.ts";

const ONE: AoKey = { sendId: 1, receiveId: 1, algorithm: "hmac(sha1)", secret: "one" };
const TWO: AoKey = { sendId: 2, receiveId: 2, algorithm: "hmac(sha1)", secret: "two" };

function caller(text: string, aoKeys: readonly AoKey[], md5Key: string | null = null): Admission {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return { address: parsed.value, md5Key, aoKeys, minimumTtl: null };
}

/** A listener whose kernel writes down options and KeyIDs, and has room for so many keys. */
function listener(room = 100) {
  const asked: string[] = [];
  const refused: string[] = [];
  const setsockopt = (_fd: number, _level: number, option: number, value: Uint8Array): void => {
    if (asked.length >= room) throw new SystemCallError("setsockopt", "ENOMEM");
    const id = option === 38 ? value[203] : option === 39 ? value[139] : "";
    asked.push(`${{ 14: "md5", 38: "add", 39: "delete" }[option]} ${value[7]} ${id}`.trim());
  };
  const calls: SystemCalls = {
    setsockopt,
    socket: () => 5,
    bind: () => {},
    attachFilter: () => {},
    send: () => {},
    receive: () => 0,
    close: () => {},
  };
  const keys = new ListenerKeys(calls, 3, "IPv4", (address, error) => refused.push(`${address.key} ${String(error)}`));
  return { keys, asked, refused };
}

describe("what a listening socket asks of callers with TCP-AO", () => {
  it("has the keys of every caller, and lets go of those whose caller or key goes", () => {
    const { keys, asked } = listener();
    keys.replace([caller("192.0.2.1", [ONE]), caller("192.0.2.2", [ONE, TWO]), caller("2001:db8::1", [ONE])]);
    expect(asked.splice(0)).toEqual(["add 1 1", "add 2 1", "add 2 2"]);
    keys.replace([caller("192.0.2.2", [TWO])]);
    expect(asked.splice(0)).toEqual(["delete 1 1", "delete 2 1"]);
    keys.replace([caller("192.0.2.2", [TWO])]);
    expect(asked).toEqual([]);
  });

  it("takes a key that is another under its ID in place of the old one", () => {
    const { keys, asked } = listener();
    keys.replace([caller("192.0.2.1", [ONE])]);
    keys.replace([caller("192.0.2.1", [{ ...ONE, secret: "another" }])]);
    expect(asked).toEqual(["add 1 1", "delete 1 1", "add 1 1"]);
  });

  it("is asked for none by callers with a password of TCP-MD5", () => {
    const { keys, asked } = listener();
    keys.replace([caller("192.0.2.1", [], "secret")]);
    expect(asked).toEqual(["md5 1"]);
  });

  it("names the caller for whose key the kernel has no room, and tries again", () => {
    const { keys, asked, refused } = listener(1);
    keys.replace([caller("192.0.2.1", [ONE]), caller("192.0.2.2", [ONE])]);
    expect([asked.length, refused.length]).toEqual([1, 1]);
    keys.replace([caller("192.0.2.1", [ONE]), caller("192.0.2.2", [ONE])]);
    expect([asked.length, refused.length]).toEqual([1, 2]);
  });
});
