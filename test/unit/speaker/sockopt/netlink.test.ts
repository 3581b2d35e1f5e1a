import { endianness } from "node:os";
import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../../src/ip/format.ts";
import { type Neighbour, readNeighbours, takeMessages } from "../../../../src/speaker/sockopt/netlink.ts";
import { loadSystemCalls, SystemCallError } from "../../../../src/speaker/sockopt/system-calls.ts";

const LITTLE = endianness() === "LE";

/** RTM_NEWNEIGH with NDA_DST, as the kernel writes it (linux/neighbour.h). */
function neighbour(index: number, state: number, flags: number, last: number): Uint8Array {
  const octets = new Uint8Array(48);
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, LITTLE);
  view.setUint16(4, 28, LITTLE);
  octets[16] = 10;
  view.setInt32(20, index, LITTLE);
  view.setUint16(24, state, LITTLE);
  octets[26] = flags;
  view.setUint16(28, 20, LITTLE);
  view.setUint16(30, 1, LITTLE);
  octets.set([0xfe, 0x80], 32);
  octets[47] = last;
  return octets;
}

function message(type: number, body: Uint8Array): Uint8Array {
  const octets = new Uint8Array(16 + body.length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, LITTLE);
  view.setUint16(4, type, LITTLE);
  octets.set(body, 16);
  return octets;
}

function texts(neighbours: readonly Neighbour[]): readonly string[] {
  return neighbours.map(({ address, isRouter, isReachable }) => `${formatAddress(address)} router ${isRouter} reachable ${isReachable}`);
}

describe("the kernel's neighbours (rtnetlink)", () => {
  it("are read with their router flag and whether they answered, those of other interfaces left out", () => {
    const into: Neighbour[] = [];
    const parts = [neighbour(2, 0x04, 0x80, 1), neighbour(3, 0x02, 0x80, 2), neighbour(2, 0x20, 0x80, 3), neighbour(2, 0x02, 0, 4)];
    expect(takeMessages(Buffer.concat(parts), 2, into)).toBe(true);
    expect(takeMessages(message(3, new Uint8Array(4)), 2, into)).toBe(false);
    expect(texts(into)).toEqual([
      "fe80::1 router true reachable true",
      "fe80::3 router true reachable false",
      "fe80::4 router false reachable true",
    ]);
  });

  it("are not taken for none when the kernel answers with an error", () => {
    const error = new Uint8Array(20);
    new DataView(error.buffer).setInt32(0, -1, LITTLE);
    expect(() => takeMessages(message(2, error), 2, [])).toThrow(SystemCallError);
  });

  it("end where a datagram is cut off, whatever its length", () => {
    const whole = neighbour(2, 0x04, 0x80, 1);
    let cuts = 0;
    for (let length = 16; length < whole.length; length++, cuts++) {
      const into: Neighbour[] = [];
      expect(takeMessages(whole.subarray(0, length), 2, into)).toBe(false);
      expect(into).toEqual([]);
    }
    expect(cuts).toBe(32);
  });

  const loaded = loadSystemCalls();
  it.runIf(loaded.ok)("are asked of the real kernel without a privilege: the loopback interface has none", () => {
    if (loaded.ok) expect(readNeighbours(loaded.calls, 1).filter(({ isRouter }) => isRouter)).toEqual([]);
  });
});
