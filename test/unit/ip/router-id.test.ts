import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/ip/parse.ts";
import { deriveRouterId, formatRouterId, parseRouterId } from "../../../src/ip/router-id.ts";

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

describe("router IDs (RFC 6286)", () => {
  it("are written like IPv4 addresses and never zero", () => {
    expect(parseRouterId("10.0.0.5")).toEqual({ ok: true, value: 0x0a000005 });
    expect(parseRouterId("255.0.0.1")).toEqual({ ok: true, value: 0xff000001 });
    expect(formatRouterId(0xff000001)).toBe("255.0.0.1");
    expect(parseRouterId("0.0.0.0")).toEqual({ ok: false, why: "router ID 0.0.0.0 is not allowed (RFC 6286)" });
    expect(parseRouterId("::ffff:10.0.0.5").ok).toBe(false);
    expect(parseRouterId("2001:db8::1").ok).toBe(false);
  });

  it("come from the node's IPv4 address, else stay the same for the same name", () => {
    expect(deriveRouterId([address("2001:db8::1"), address("10.0.0.5")], "a")).toBe(0x0a000005);
    expect(deriveRouterId([address("0.0.0.0")], "a")).toBe(0xe40c292c); // FNV-1a of "a"
    expect(deriveRouterId([], "node-1")).toBe(deriveRouterId([address("2001:db8::1")], "node-1"));
    expect(deriveRouterId([], "node-1")).not.toBe(deriveRouterId([], "node-2"));
  });
});
