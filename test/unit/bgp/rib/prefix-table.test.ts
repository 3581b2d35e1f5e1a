import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familyOfId, PrefixTable } from "../../../../src/bgp/rib/prefix-table.ts";
import { host4, host6, prefix4 } from "../../../support/rib-session.ts";

describe("the table of prefixes", () => {
  it("gives equal prefixes one number and different ones different numbers, in both families", () => {
    const table = new PrefixTable();
    const ids = [prefix4("10.0.0.0/8"), prefix4("10.0.0.0/24"), prefix4("0.0.0.0/0"), host4(1), host6(1)].map((prefix) =>
      table.intern(prefix),
    );
    expect(new Set(ids).size).toBe(5);
    expect(table.intern(prefix4("10.0.0.0/24"))).toBe(ids[1]);
    expect(ids.map(familyOfId)).toEqual(["IPv4", "IPv4", "IPv4", "IPv4", "IPv6"]);
    expect(ids.every((id) => id > 1)).toBe(true);
    expect(table.size).toBe(5);
  });

  it("gives back the prefix it was given", () => {
    const table = new PrefixTable();
    for (const prefix of [prefix4("10.1.2.0/23"), prefix4("0.0.0.0/0"), host4(77), host6(77)]) {
      expect(table.prefix(table.intern(prefix))).toEqual(prefix);
    }
  });

  it("ignores host bits in raw octets", () => {
    const table = new PrefixTable();
    const id = table.internOctets("IPv4", Uint8Array.of(99, 10, 1, 2, 3), 1, 20);
    expect(table.find(prefix4("10.1.0.0/20"))).toBe(id);
    expect(table.internOctets("IPv4", Uint8Array.of(10, 1), 0, 16)).toBe(table.intern(prefix4("10.1.0.0/16")));
  });

  it("forgets a prefix with its last reference, and refuses to forget it twice", () => {
    const table = new PrefixTable();
    const id = table.intern(host4(1));
    table.retain(id);
    table.release(id);
    expect(table.find(host4(1))).toBe(id);
    table.release(id);
    expect(table.find(host4(1))).toBe(0);
    expect(() => table.release(id)).toThrow("released more often");
  });

  it("stays as large as its largest day, however often prefixes come and go", () => {
    const table = new PrefixTable();
    for (let round = 0; round < 1000; round++) {
      const ids = Array.from({ length: 100 }, (_, i) => table.intern(i % 2 === 0 ? host4(round * 100 + i) : host6(round * 100 + i)));
      for (const id of ids) table.release(id);
    }
    expect(table.size).toBe(0);
    expect(table.capacity).toBe(2048);
  });

  it("agrees with a Map over random histories", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(300), fc.constantFrom(8, 24, 31, 32)), { maxLength: 2000 }), (history) => {
        const table = new PrefixTable();
        const model = new Map<string, { id: number; references: number }>();
        for (const [add, n, length] of history) {
          const prefix = prefix4(`10.${n & 3}.0.${n >> 2}/${length}`);
          const held = model.get(prefix.key);
          if (add) {
            const id = table.intern(prefix);
            if (held !== undefined) expect(id).toBe(held.id);
            model.set(prefix.key, { id, references: (held?.references ?? 0) + 1 });
          } else if (held !== undefined) {
            table.release(held.id);
            if (held.references === 1) model.delete(prefix.key);
            else model.set(prefix.key, { ...held, references: held.references - 1 });
          }
          expect(table.find(prefix)).toBe(model.get(prefix.key)?.id ?? 0);
        }
        expect(table.size).toBe(model.size);
        for (const { id } of model.values()) expect(table.find(table.prefix(id))).toBe(id);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it("finds each of 200,000 prefixes again", () => {
    const table = new PrefixTable();
    const octets = new Uint8Array(4);
    const view = new DataView(octets.buffer);
    for (let n = 0; n < 200_000; n++) {
      view.setUint32(0, 0x0a00_0000 + n);
      table.internOctets("IPv4", octets, 0, 32);
    }
    expect(table.size).toBe(200_000);
    let found = 0;
    for (let n = 0; n < 200_000; n++) if (table.find(host4(n)) !== 0) found++;
    expect(found).toBe(200_000);
    expect(table.find(host4(200_000))).toBe(0);
  });
});
