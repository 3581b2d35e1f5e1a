import { describe, expect, it } from "vitest";
import { EXTENDED_MAXIMUM, Framer } from "../../../../src/bgp/wire/framer.ts";
import { answerTo, attempt, hex, message, toHex } from "../../../support/vector.ts";

const KEEPALIVE = message("0013 04");
const REFRESH = message("0017 05 0001 00 01");
const CEASE = message("0015 03 06 02");
const EOR = message("0017 02 0000 0000");

function joined(...messages: readonly Uint8Array[]): Uint8Array {
  return hex(messages.map(toHex).join(""));
}

/** Types and bodies of all frames that come out when the stream arrives in pieces of `size` octets. */
function framesOf(stream: Uint8Array, size: number, framer = new Framer()): string[] {
  const frames: string[] = [];
  for (let at = 0; at < stream.length; at += size) {
    framer.push(stream.slice(at, at + size));
    for (let frame = framer.next(); frame !== null; frame = framer.next()) frames.push(`${frame.type}:${toHex(frame.body)}`);
  }
  return frames;
}

function refusal(stream: Uint8Array, framer = new Framer()) {
  const error = attempt(() => framesOf(stream, stream.length, framer));
  return error && `${error.code}/${error.subcode} ${toHex(error.data)}`;
}

/** A header with this length and type, and as much body as the length asks for. */
function sized(length: number, type: number): Uint8Array {
  const octets = new Uint8Array(Math.max(19, length)).fill(0);
  octets.fill(0xff, 0, 16);
  octets.set([length >>> 8, length & 0xff, type], 16);
  return octets;
}

describe("the framer (RFC 4271 §4.1)", () => {
  const stream = joined(KEEPALIVE, REFRESH, EOR, KEEPALIVE, CEASE);
  const expected = ["4:", "5:00010001", "2:00000000", "4:", "3:0602"];

  it("gives the same messages however the stream was cut", () => {
    for (let size = 1; size <= stream.length; size++) expect(framesOf(stream, size)).toEqual(expected);
    expect(stream.length).toBeGreaterThan(90);
  });

  it("gives the same messages for every cut into two", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new Framer();
      const first = framesOf(stream.slice(0, cut), stream.length, framer);
      expect([...first, ...framesOf(stream.slice(cut), stream.length, framer)]).toEqual(expected);
    }
  });

  it("keeps octets behind the last whole message for later", () => {
    const framer = new Framer();
    expect(framesOf(joined(KEEPALIVE, REFRESH.slice(0, 20)), 1000, framer)).toEqual(["4:"]);
    expect(framer.buffered).toBe(20);
    expect(framesOf(REFRESH.slice(20), 1000, framer)).toEqual(["5:00010001"]);
    expect(framer.buffered).toBe(0);
  });

  it("takes a chunk before the last one was read to its end", () => {
    const framer = new Framer();
    framer.push(joined(KEEPALIVE, REFRESH));
    framer.push(EOR);
    expect(framesOf(KEEPALIVE, 1000, framer)).toEqual(["4:", "5:00010001", "2:00000000", "4:"]);
  });

  it("hands out views of a chunk that holds the whole message, and no octet of others", () => {
    const chunk = joined(KEEPALIVE, REFRESH);
    const framer = new Framer();
    framer.push(chunk);
    framer.next();
    const frame = framer.next();
    expect(frame?.body.buffer).toBe(chunk.buffer);
    expect(frame?.body.length).toBe(4);
  });

  it("does not overwrite a message that spanned chunks when the next one does", () => {
    const framer = new Framer();
    framer.push(REFRESH.slice(0, 21));
    expect(framer.next()).toBeNull();
    framer.push(joined(REFRESH.slice(21), EOR.slice(0, 21)));
    const first = framer.next();
    expect(framer.next()).toBeNull();
    framer.push(EOR.slice(21));
    expect(framer.next()?.type).toBe(2);
    expect(toHex(first?.body ?? new Uint8Array())).toBe("00010001");
  });

  it("hands out plain octets for a socket's Buffer, so that copies are copies", () => {
    const framer = new Framer();
    const chunk = Buffer.from(REFRESH);
    framer.push(chunk);
    const body = framer.next()?.body ?? new Uint8Array();
    const copy = body.slice();
    chunk.fill(0);
    expect(Buffer.isBuffer(body)).toBe(false);
    expect([toHex(body), toHex(copy)]).toEqual(["00000000", "00010001"]);
  });

  it("passes three messages in a segment, then a megabyte of them", () => {
    const burst = joined(...Array.from({ length: 200 }, () => EOR));
    const framer = new Framer();
    let frames = 0;
    for (let sent = 0; sent < 1_000_000; sent += burst.length) frames += framesOf(burst, 65536, framer).length;
    expect(frames).toBe(Math.ceil(1_000_000 / burst.length) * 200);
  });
});

describe("message header errors (RFC 4271 §6.1)", () => {
  it("answers a marker that is not all ones with 1/1, also in the second of three messages", () => {
    for (let i = 0; i < 16; i++) {
      const broken = KEEPALIVE.slice();
      broken[i] = 0xfe;
      expect(refusal(joined(KEEPALIVE, broken, KEEPALIVE))).toBe("1/1 ");
    }
  });

  const lengths: readonly (readonly [string, number, number, boolean])[] = [
    ["OPEN of 28", 28, 1, false],
    ["OPEN of 29", 29, 1, true],
    ["UPDATE of 22", 22, 2, false],
    ["UPDATE of 23", 23, 2, true],
    ["UPDATE of 4096", 4096, 2, true],
    ["UPDATE of 4097", 4097, 2, false],
    ["UPDATE of 65535", 65535, 2, false],
    ["KEEPALIVE of 18", 18, 4, false],
    ["KEEPALIVE of 19", 19, 4, true],
    ["KEEPALIVE of 20", 20, 4, false],
    ["KEEPALIVE of 0", 0, 4, false],
    ["ROUTE-REFRESH of 18", 18, 5, false],
    ["ROUTE-REFRESH of 4096", 4096, 5, true],
    ["message type 9 of 18", 18, 9, false],
  ];
  it.each(lengths)("judges %s octets, answering 1/2 with the length", (_title, length, type, fits) => {
    const octets = sized(length, type);
    if (fits) expect(framesOf(octets, octets.length)).toHaveLength(1);
    else expect(refusal(octets)).toBe(`1/2 ${length.toString(16).padStart(4, "0")}`);
  });

  it("answers every unknown type with 1/3 and that type", () => {
    let tried = 0;
    for (const type of [0, ...Array.from({ length: 250 }, (_, i) => i + 6)]) {
      expect(refusal(sized(23, type))).toBe(`1/3 ${type.toString(16).padStart(2, "0")}`);
      tried += 1;
    }
    expect(tried).toBe(251);
  });

  it("refuses as soon as the header is there, without waiting for the body", () => {
    expect(answerTo(() => framesOf(sized(60000, 2).slice(0, 19), 1))).toBe("1/2");
  });

  it("never answers a NOTIFICATION, however broken: it reads as a close", () => {
    for (const length of [0, 18, 19, 20, 4097, 65535]) expect(framesOf(joined(sized(length, 3).slice(0, 19)), 7)).toEqual(["3:"]);
  });

  it("gives nothing more after an error", () => {
    const framer = new Framer();
    expect(answerTo(() => framesOf(joined(sized(18, 4), KEEPALIVE), 1000, framer))).toBe("1/2");
    expect(framesOf(KEEPALIVE, 1000, framer)).toEqual([]);
    expect(framer.buffered).toBe(0);
  });
});

describe("extended messages (RFC 8654 §4)", () => {
  const extended = () => {
    const framer = new Framer();
    framer.setMaximum(EXTENDED_MAXIMUM);
    return framer;
  };

  it("are taken up to 65535 octets once negotiated", () => {
    for (const type of [2, 3, 5]) expect(framesOf(sized(65535, type), 1000, extended())).toHaveLength(1);
  });

  it("leave OPEN at 4096 and KEEPALIVE at 19", () => {
    expect(framesOf(sized(4096, 1), 4096, extended())).toHaveLength(1);
    expect(refusal(sized(4097, 1), extended())).toBe("1/2 1001");
    expect(refusal(sized(4096, 4), extended())).toBe("1/2 1000");
  });
});

describe("memory of the framer", () => {
  it("never holds more than one message, whatever length a header claims", () => {
    const framer = new Framer();
    framer.setMaximum(EXTENDED_MAXIMUM);
    const unfinished = sized(65535, 2).slice(0, 65534);
    expect(framesOf(unfinished, 1, framer)).toEqual([]);
    expect(framer.buffered).toBe(65534);
    expect(framesOf(Uint8Array.of(0), 1, framer)).toHaveLength(1);
    expect(framer.buffered).toBe(0);
  });
});
