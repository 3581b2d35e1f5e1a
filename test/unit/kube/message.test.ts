import { describe, expect, it } from "vitest";
import { Message } from "../../../src/kube/message.ts";
import { delimited } from "../../support/kube-messages.ts";

/** Octets of a field whose value is a varint, by hand. */
function whole(number: number, ...varint: readonly number[]): Buffer {
  return Buffer.from([number * 8, ...varint]);
}

/** Numbers of the fields, in order. */
function fieldsOf(octets: Buffer): readonly number[] {
  const message = new Message(octets);
  const fields: number[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) fields.push(field);
  return fields;
}

describe("a protobuf message of an API server", () => {
  it("has numbers, truths and texts, and ends", () => {
    const message = new Message(Buffer.concat([whole(1, 0xac, 0x02), whole(2, 1), delimited(3, Buffer.from("ü"))]));
    expect(message.next()).toBe(1);
    expect(message.number()).toBe(300);
    expect(message.next()).toBe(2);
    expect(message.boolean()).toBe(true);
    expect(message.next()).toBe(3);
    expect(message.text()).toBe("ü");
    expect(message.next()).toBe(0);
    expect(message.next()).toBe(0);
  });

  it("has fields that nobody knows, of every size, between those that are read", () => {
    const fixed = Buffer.concat([Buffer.from([(4 << 3) | 1]), Buffer.alloc(8, 0xff), Buffer.from([(5 << 3) | 5]), Buffer.alloc(4, 0xff)]);
    const far = Buffer.from([0xfa, 0x01, 0x01, 0x2a]);
    expect(fieldsOf(Buffer.concat([whole(1, 0xff, 0x7f), fixed, far, delimited(17, Buffer.alloc(200)), whole(2, 0)]))).toEqual([
      1, 4, 5, 31, 17, 2,
    ]);
  });

  it("has numbers below zero, in ten octets", () => {
    const ones = new Array<number>(8).fill(0xff);
    const message = new Message(
      Buffer.concat([whole(1, 0xff, ...ones, 0x01), whole(2, 0xfe, ...ones, 0x01), whole(3, 0xff, ...ones.slice(2), 0x0f)]),
    );
    const numbers: number[] = [];
    while (message.next() !== 0) numbers.push(message.number());
    expect(numbers).toEqual([-1, -2, 2 ** 53 - 1]);
  });

  it("has entries of a mapping, whatever their keys", () => {
    const entry = (key: string, value: string) =>
      delimited(1, Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, Buffer.from(value))]));
    const message = new Message(Buffer.concat([entry("app", "web"), entry("__proto__", "x"), delimited(1, Buffer.alloc(0))]));
    const map: Record<string, string> = {};
    while (message.next() !== 0) message.entry(map);
    expect(Object.entries(map)).toEqual([
      ["app", "web"],
      ["__proto__", "x"],
      ["", ""],
    ]);
  });

  it("has messages inside, and goes on behind them however much of them was read", () => {
    const inner = Buffer.concat([whole(1, 7), delimited(2, Buffer.from("rest"))]);
    const message = new Message(Buffer.concat([delimited(1, inner), whole(2, 9)]));
    message.next();
    const seen = message.within((inside) => [inside.next(), inside.number()]);
    expect(seen).toEqual([1, 7]);
    expect(message.next()).toBe(2);
    expect(message.number()).toBe(9);
  });

  it("has words that come again: equal ones are read alike, and different ones never as another", () => {
    // More than are remembered, so that some take the place of others; beyond ASCII, and longer than any word.
    const texts = Array.from(
      { length: 30_000 },
      (_, index) => `${index % 3 === 0 ? "ü" : "node-"}${index % 20_000}${index % 1000 === 0 ? "x".repeat(80) : ""}`,
    );
    let read = 0;
    for (const text of texts) {
      const message = new Message(delimited(1, Buffer.from(text)));
      message.next();
      expect(message.word() === text, text).toBe(true);
      read++;
    }
    expect(read).toBe(30_000);
  });

  it("has words whose characters are the octets of another one, which is read as it is", () => {
    // Equal in length and hash too, so that both have the same place among the words that are remembered.
    const words = ["cjm\u00c3\u00a9", "cjm\u00e9"];
    for (const text of [...words, ...words]) {
      const message = new Message(delimited(1, Buffer.from(text)));
      message.next();
      expect(message.word()).toBe(text);
    }
    expect(words.map((word) => Buffer.from(word).toString("latin1"))).toContain(words[0]);
  });

  it("that is cut off anywhere is refused, and never read as less", () => {
    const message = Buffer.concat([whole(1, 0xac, 0x02), delimited(2, Buffer.from("text"))]);
    const ends = Array.from(message, (_, end) => end);
    // Between fields nobody can tell.
    for (const end of ends.filter((one) => one !== 0 && one !== 3))
      expect(() => fieldsOf(message.subarray(0, end)), `${end}`).toThrow(SyntaxError);
    expect(ends.length).toBe(9);
  });

  it("that is none is refused: unknown sizes, the field 0, numbers without an end, and a text that is a number", () => {
    const bad = [Buffer.from([0x0b]), Buffer.from([0x00, 0x00]), Buffer.from([0x08, ...Buffer.alloc(11, 0x80)])];
    for (const octets of bad) expect(() => fieldsOf(octets)).toThrow(SyntaxError);
    expect(bad.length).toBe(3);
    const message = new Message(whole(1, 5));
    message.next();
    expect(() => message.text()).toThrow(SyntaxError);
    expect(() => message.word()).toThrow(SyntaxError);
    expect(() => message.within(() => null)).toThrow(SyntaxError);
  });
});
