import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BFD_STATES, type BfdPacket, decodeBfdPacket, encodeBfdPacket } from "../../../../src/bgp/bfd/packet.ts";
import { hex, toHex } from "../../../support/vector.ts";

const DOWN: BfdPacket = {
  diagnostic: 0,
  state: "Down",
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 1,
  yourDiscriminator: 0,
  desiredMinTxMicros: 1_000_000,
  requiredMinRxMicros: 300_000,
  requiredMinEchoRxMicros: 0,
};
const DOWN_HEX = "20400318 00000001 00000000 000f4240 000493e0 00000000";

const arbitraryPacket: fc.Arbitrary<BfdPacket> = fc
  .record({
    diagnostic: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom(...BFD_STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    demand: fc.boolean(),
    multiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
    yourDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
    desiredMinTxMicros: fc.integer({ min: 0, max: 0xffff_ffff }),
    requiredMinRxMicros: fc.integer({ min: 0, max: 0xffff_ffff }),
    requiredMinEchoRxMicros: fc.integer({ min: 0, max: 0xffff_ffff }),
  })
  .map((packet) => ({ ...packet, final: packet.final && !packet.poll }));

describe("BFD Control packets (RFC 5880 §4.1)", () => {
  it("are the octets of the RFC, both ways", () => {
    expect(toHex(encodeBfdPacket(DOWN))).toBe(toHex(hex(DOWN_HEX)));
    expect(decodeBfdPacket(hex(DOWN_HEX))).toEqual({ ok: true, packet: DOWN });
    const answer = hex("21d0 0518 89abcdef 00000001 0000c350 0000c350 00000000");
    const decoded = decodeBfdPacket(answer);
    expect(decoded).toMatchObject({ ok: true, packet: { diagnostic: 1, state: "Up", final: true, myDiscriminator: 0x89abcdef } });
    expect(decoded.ok && toHex(encodeBfdPacket(decoded.packet))).toBe(toHex(answer));
  });

  it("mirror whatever can be said", () => {
    fc.assert(
      fc.property(arbitraryPacket, (packet) => {
        expect(decodeBfdPacket(encodeBfdPacket(packet))).toEqual({ ok: true, packet });
      }),
      { seed: 20260701, numRuns: 2000 },
    );
  });

  const refused: readonly (readonly [string, string])[] = [
    ["version 2", "40400318 00000001 00000000 000f4240 000493e0 00000000"],
    ["a length field of 23", "20400317 00000001 00000000 000f4240 000493e0 00000000"],
    ["a length field beyond the payload", "20400319 00000001 00000000 000f4240 000493e0 00000000"],
    ["detect multiplier 0", "20400018 00000001 00000000 000f4240 000493e0 00000000"],
    ["the multipoint bit", "20410318 00000001 00000000 000f4240 000493e0 00000000"],
    ["my discriminator 0", "20400318 00000000 00000000 000f4240 000493e0 00000000"],
    ["your discriminator 0 while Init", "20800318 00000001 00000000 000f4240 000493e0 00000000"],
    ["your discriminator 0 while Up", "20c00318 00000001 00000000 000f4240 000493e0 00000000"],
    ["authentication", "20440318 00000001 00000000 000f4240 000493e0 00000000"],
    ["poll and final together", "20700318 00000001 00000000 000f4240 000493e0 00000000"],
  ];
  it.each(refused)("are refused with %s (§6.8.6)", (_what, octets) => {
    expect(decodeBfdPacket(hex(octets)).ok).toBe(false);
  });

  it("are refused at every length that is too short, and read where more follows", () => {
    const whole = hex(DOWN_HEX);
    for (let length = 0; length < whole.length; length++) expect(decodeBfdPacket(whole.subarray(0, length)).ok).toBe(false);
    expect(decodeBfdPacket(Uint8Array.of(...whole, 1, 2, 3))).toEqual({ ok: true, packet: DOWN });
  });

  it("never throw, whatever octets come, and are then what they say", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 40 }), fc.boolean(), (octets, sound) => {
        const [first = 0, second = 0, third = 0] = octets;
        // Version, flags and length as they have to be; the rest as it comes.
        const head = Uint8Array.of(0x20 | (first & 31), second & 0xea, third, 24);
        const raw = sound && octets.length >= 24 ? Uint8Array.of(...head, ...octets.subarray(4)) : octets;
        const decoded = decodeBfdPacket(raw);
        if (!decoded.ok) return;
        accepted++;
        expect(decodeBfdPacket(encodeBfdPacket(decoded.packet))).toEqual(decoded);
      }),
      { seed: 20260701, numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
