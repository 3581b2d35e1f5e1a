import { endianness } from "node:os";
import { describe, expect, it } from "vitest";
import type { Address } from "../../../../src/ip/address.ts";
import { parseAddress } from "../../../../src/ip/parse.ts";
import { loadSystemCalls, SystemCallError, type SystemCalls } from "../../../../src/speaker/sockopt/system-calls.ts";
import {
  type AoKey,
  addAoKeys,
  aoAdd,
  aoChoose,
  aoDelete,
  changesAoKey,
  chooseAoKey,
  replaceAoKeys,
  replaceListenerAoKeys,
  tcpAoObstacle,
} from "../../../../src/speaker/sockopt/tcp-ao.ts";

const loaded = loadSystemCalls();
const SHA: AoKey = { sendId: 7, receiveId: 9, algorithm: "hmac(sha1)", secret: "a key" };
const AES: AoKey = { sendId: 10, receiveId: 11, algorithm: "cmac(aes128)", secret: "k".repeat(80) };
const V4 = ip("192.0.2.1");
const V6 = ip("2001:db8::1");

function ip(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

/** Octets by their offset, everything else 0. */
function struct(length: number, parts: Readonly<Record<number, string>>): string {
  const octets = Buffer.alloc(length);
  for (const [at, hex] of Object.entries(parts)) Buffer.from(hex.replaceAll(" ", ""), "hex").copy(octets, Number(at));
  return octets.toString("hex");
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

// linux/tcp.h of Linux 6.7: struct tcp_ao_add { sockaddr_storage addr @0; char alg_name[64] @128; s32 ifindex @192; u32 set_current:1, set_rnext:1 @196;
// u16 reserved2 @200; u8 prefix @202, sndid, rcvid, maclen, keyflags, keylen @207, key[80] @208 }, aligned to 8: 288 octets.
describe.runIf(endianness() === "LE")("the kernel's structures of TCP-AO (linux/tcp.h)", () => {
  it("add a key for an IPv4 host, to sign with and to ask for", () => {
    expect(hex(aoAdd(V4, 32, SHA, "chosen"))).toBe(
      struct(288, {
        0: "0200 0000 c0000201",
        128: Buffer.from("hmac(sha1)").toString("hex"),
        196: "03000000",
        202: "20 07 09 0c 00 05",
        208: "61206b6579",
      }),
    );
  });

  it("add a key for an IPv6 prefix, to be accepted", () => {
    expect(hex(aoAdd(V6, 64, AES, "accepted"))).toBe(
      struct(288, {
        0: "0a00 0000 00000000 20010db8000000000000000000000001",
        128: Buffer.from("cmac(aes128)").toString("hex"),
        202: "40 0a 0b 0c 00 50",
        208: "6b".repeat(80),
      }),
    );
  });

  it("delete a key: addr @0, ifindex @128, flags @132, prefix @138, sndid, rcvid; 144 octets", () => {
    expect(hex(aoDelete(V6, 128, AES))).toBe(struct(144, { 0: "0a00 0000 00000000 20010db8000000000000000000000001", 138: "80 0a 0b" }));
  });

  it("choose a key and take nothing unsigned: flags @0, current_key @6, rnext @7; 48 octets", () => {
    expect(hex(aoChoose(SHA))).toBe(struct(48, { 0: "07000000", 6: "07 09" }));
  });
});

describe("a key of TCP-AO", () => {
  it.each(["", "k".repeat(81), "ü".repeat(41)])("has 1..80 octets: not %j", (secret) => {
    expect(() => aoAdd(V4, 32, { ...SHA, secret }, "accepted")).toThrow("1..80 octets");
  });

  it("is for a prefix that its family has", () => {
    expect(() => aoAdd(V4, 33, SHA, "accepted")).toThrow("no prefix length 33");
  });

  it("is another under an ID it had before, or it is not", () => {
    expect(changesAoKey([SHA], [AES, SHA])).toBe(false);
    expect(changesAoKey([SHA, AES], [AES])).toBe(false);
    expect(changesAoKey([SHA], [{ ...SHA, secret: "another" }])).toBe(true);
    expect(changesAoKey([SHA], [{ ...AES, receiveId: SHA.receiveId }])).toBe(true);
  });
});

/** Stands in for a kernel: writes down what it is asked, `option first-different-octets`. */
class Kernel {
  readonly asked: string[] = [];
  answer: string | null = null;
  readonly calls: SystemCalls = {
    socket: () => 5,
    bind: () => {},
    attachFilter: () => {},
    send: () => {},
    receive: () => 0,
    close: (fd) => void this.asked.push(`close ${fd}`),
    setsockopt: (_fd, level, option, value) => {
      const ids = option === 38 ? value.slice(202, 205) : option === 39 ? value.slice(138, 141) : value.slice(6, 8);
      this.asked.push(`${level}/${option} ${[...ids].join(" ")}${option === 38 && value[196] !== 0 ? " chosen" : ""}`);
      if (this.answer !== null) throw new SystemCallError("setsockopt", this.answer);
    },
  };
}

describe("sockets with TCP-AO", () => {
  it("sign with the first key, and take the others", () => {
    const kernel = new Kernel();
    addAoKeys(kernel.calls, 3, V4, [SHA, AES]);
    expect(kernel.asked).toEqual(["6/38 32 7 9 chosen", "6/38 32 10 11"]);
  });

  it("have the keys of their listener when they are accepted, and choose the first", () => {
    const kernel = new Kernel();
    replaceListenerAoKeys(kernel.calls, 3, V6, [], [SHA, AES]);
    chooseAoKey(kernel.calls, 4, SHA);
    replaceListenerAoKeys(kernel.calls, 3, V6, [SHA, AES], [{ ...SHA, secret: "another" }]);
    expect(kernel.asked).toEqual(["6/38 128 7 9", "6/38 128 10 11", "6/40 7 9", "6/39 128 7 9", "6/39 128 10 11", "6/38 128 7 9"]);
  });

  it("go over to a new key while they are up: it is there before it is chosen, and the old one goes after that", () => {
    const kernel = new Kernel();
    replaceAoKeys(kernel.calls, 3, V4, [SHA], [AES]);
    expect(kernel.asked).toEqual(["6/38 32 10 11", "6/40 10 11", "6/39 32 7 9"]);
  });

  it("keep what stays when a key is added behind the first", () => {
    const kernel = new Kernel();
    replaceAoKeys(kernel.calls, 3, V4, [SHA], [SHA, AES]);
    expect(kernel.asked).toEqual(["6/38 32 10 11", "6/40 7 9"]);
  });
});

describe("the probe for TCP-AO", () => {
  it.each([
    [null, /^$/],
    ["ENOPROTOOPT", /^needs a kernel with TCP-AO \(CONFIG_TCP_AO, Linux 6\.7 or later\), and this one has none$/],
  ])("asks once, and closes its socket: %s", (answer, expected) => {
    const kernel = new Kernel();
    kernel.answer = answer;
    const [first, second] = [tcpAoObstacle(kernel.calls), tcpAoObstacle(kernel.calls)];
    expect(first).toMatch(expected);
    expect(second).toBe(first);
    expect(kernel.asked).toEqual(["6/38 32 1 1", "close 5"]);
  });

  it("says of another refusal what it was, and asks again", () => {
    const kernel = new Kernel();
    kernel.answer = "EPERM";
    expect(tcpAoObstacle(kernel.calls)).toMatch(/^cannot be asked of this kernel \(setsockopt: EPERM\)$/);
    kernel.answer = null;
    expect(tcpAoObstacle(kernel.calls)).toBe("");
    expect(kernel.asked).toEqual(["6/38 32 1 1", "close 5", "6/38 32 1 1", "close 5"]);
  });

  it.runIf(loaded.ok)("gets an answer from this kernel, yes or no", () => {
    expect(tcpAoObstacle(loaded.ok ? loaded.calls : new Kernel().calls)).toMatch(/^$|^needs a kernel with TCP-AO/);
  });
});
