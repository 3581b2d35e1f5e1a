import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capabilityCode } from "../../../../src/bgp/wire/capabilities.ts";
import { decodeMessage, encodeMessage, INITIAL_CONTEXT } from "../../../../src/bgp/wire/codec.ts";
import { EXTENDED_MAXIMUM, Framer } from "../../../../src/bgp/wire/framer.ts";
import type { Frame, Message, PathAttributes, UpdateContext } from "../../../../src/bgp/wire/messages.ts";
import { decodeUpdate, encodeUpdate } from "../../../../src/bgp/wire/update.ts";
import { IBGP } from "../../../support/update-octets.ts";
import { toHex } from "../../../support/vector.ts";
import { controlMessage, updateContent } from "../../../support/wire-arbitraries.ts";

const CONTEXT: UpdateContext = { ...IBGP, extendedNextHop: true };

/** The one frame in these octets, pushed in two pieces. */
function frameOf(octets: Uint8Array, cut: number): Frame {
  const framer = new Framer();
  framer.setMaximum(EXTENDED_MAXIMUM);
  framer.push(octets.slice(0, cut % octets.length));
  expect(framer.next()).toBeNull();
  framer.push(octets.slice(cut % octets.length));
  const frame = framer.next();
  if (frame === null) throw new Error("no frame came out");
  expect(framer.buffered).toBe(0);
  return frame;
}

/** The same message with its capabilities as they are sent, in ascending order of codes. */
function canonical(message: Message): Message {
  if (message.name !== "open") return message;
  return { ...message, capabilities: message.capabilities.toSorted((a, b) => capabilityCode(a) - capabilityCode(b)) };
}

/** Neighbouring sequences read back as they were written, but a path that came through AS4_PATH has them joined. */
function flat(attributes: PathAttributes): string[] {
  return (attributes.asPath ?? []).flatMap(({ type, asns }) => (type === "set" ? [`{${asns}}`] : asns.map(String)));
}

describe("what is encoded is decoded again", () => {
  it("OPEN, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH, however the stream is cut", () => {
    const trips = fc.property(controlMessage, fc.nat(), (message, cut) => {
      const read = decodeMessage(frameOf(encodeMessage(message), cut), INITIAL_CONTEXT);
      expect(read).toEqual(canonical(message));
    });
    fc.assert(trips, { seed: 11, numRuns: 1000 });
  });

  it("UPDATE, with every attribute and next hop", () => {
    const trips = fc.property(updateContent, fc.nat(), (content, cut) => {
      const octets = encodeUpdate(content, CONTEXT);
      const read = decodeUpdate(frameOf(octets, cut).body, CONTEXT);
      expect(read).toMatchObject({ name: "update", action: "accept", faults: [], ignoredFamilies: 0 });
      switch (content.name) {
        case "announce": {
          const { nextHop, ...others } = read.attributes;
          expect(others).toEqual(content.attributes);
          expect(nextHop).toEqual(content.block.multiprotocol ? undefined : content.block.nextHop.address);
          expect(read.announced).toEqual([content.block]);
          break;
        }
        case "withdraw":
          expect(read.withdrawn).toEqual([content.block]);
          break;
        case "endOfRib":
          expect(read.endOfRib).toBe(content.family);
          break;
      }
    });
    fc.assert(trips, { seed: 12, numRuns: 1500 });
  });

  it("UPDATE through two-octet speakers: AS_PATH and AGGREGATOR keep their real numbers", () => {
    const old: UpdateContext = { ...CONTEXT, asn4: false };
    let announcements = 0;
    const trips = fc.property(updateContent, (content) => {
      if (content.name !== "announce") return;
      const read = decodeUpdate(encodeUpdate(content, old).subarray(19), old);
      expect(read.action).toBe("accept");
      const { aggregator } = content.attributes;
      expect(read.attributes.aggregator).toEqual(aggregator);
      // An aggregator of two octets says that it knew nothing of AS4_PATH (RFC 6793 §4.2.3).
      if (aggregator === undefined || aggregator.asn > 0xffff) expect(flat(read.attributes)).toEqual(flat(content.attributes));
      announcements += 1;
    });
    fc.assert(trips, { seed: 13, numRuns: 800 });
    expect(announcements).toBeGreaterThan(200);
  });

  it("octets that were read without a fault are written again to the letter", () => {
    const trips = fc.property(updateContent, (content) => {
      const octets = encodeUpdate(content, CONTEXT);
      const read = decodeUpdate(octets.slice(19), CONTEXT);
      const [block] = read.announced;
      if (block === undefined) return;
      expect(toHex(encodeUpdate({ name: "announce", block, attributes: read.attributes }, CONTEXT))).toBe(toHex(octets));
    });
    fc.assert(trips, { seed: 14, numRuns: 500 });
  });
});
