import { describe, expect, it } from "vitest";
import { AttributeTable } from "../../../../src/bgp/rib/attribute-table.ts";
import { attributes } from "../../../support/rib-session.ts";

describe("the table of attribute sets", () => {
  it("gives equal wishes one number, whatever the order of their lists", () => {
    const table = new AttributeTable();
    const id = table.intern(
      attributes({
        communities: [1, 2],
        largeCommunities: [
          [1, 2, 3],
          [1, 2, 4],
        ],
        extendedCommunities: ["00", "01"],
      }),
    );
    const same = attributes({
      communities: [2, 1, 2],
      largeCommunities: [
        [1, 2, 4],
        [1, 2, 3],
      ],
      extendedCommunities: ["01", "00", "01"],
    });
    expect(table.intern(same)).toBe(id);
    expect(table.attributes(id).communities).toEqual([1, 2]);
    expect(table.size).toBe(1);
  });

  it("tells apart wishes that differ in one value", () => {
    const table = new AttributeTable();
    const wishes = [
      {},
      { communities: [1] },
      { communities: [1, 2] },
      { communities: [12] },
      { largeCommunities: [[1, 2, 3]] as const },
      { extendedCommunities: ["0004fde94cee6b28"] },
      { localPref: 0 },
      { localPref: 100 },
      { med: 0 },
      { med: 100 },
      { asPathPrepend: 1 },
      { linkBandwidth: { bytesPerSecond: 1, transitive: true } },
      { linkBandwidth: { bytesPerSecond: 1, transitive: false } },
    ];
    expect(new Set(wishes.map((wish) => table.intern(attributes(wish)))).size).toBe(wishes.length);
  });

  it("uses a number again only when nobody refers to it, and does not mistake the old object for the new set", () => {
    const table = new AttributeTable();
    const first = attributes({ med: 1 });
    const id = table.intern(first);
    table.retain(id);
    table.release(id);
    const other = table.intern(attributes({ med: 2 }));
    expect(other).not.toBe(id);
    table.release(id);
    expect(() => table.attributes(id)).toThrow("not in use");
    const third = table.intern(attributes({ med: 3 }));
    expect(third).toBe(id);
    expect(table.attributes(table.intern(first)).med).toBe(1);
    expect(table.attributes(third).med).toBe(3);
  });

  it("refuses to release more than was retained", () => {
    const table = new AttributeTable();
    const id = table.intern(attributes());
    table.release(id);
    expect(() => table.release(id)).toThrow("released more often");
    expect(() => table.release(0)).toThrow("released more often");
  });
});
