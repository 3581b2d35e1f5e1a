import { describe, expect, it } from "vitest";
import {
  ATTRIBUTE,
  afiSafiName,
  attributeName,
  CAPABILITY,
  CEASE,
  capabilityName,
  familyOf,
  MESSAGE_TYPE,
  messageTypeName,
  notificationName,
  OPEN_ERROR,
  UPDATE_ERROR,
} from "../../../../src/bgp/wire/iana.ts";

describe("names of assigned numbers", () => {
  it("has a name for every number the code uses", () => {
    const numbers = [
      ...Object.values(MESSAGE_TYPE).map(messageTypeName),
      ...Object.values(CAPABILITY).map(capabilityName),
      ...Object.values(ATTRIBUTE).map(attributeName),
      ...[...Object.values(CEASE), ...Object.values(OPEN_ERROR), ...Object.values(UPDATE_ERROR)].map((error) =>
        notificationName(error.code, error.subcode),
      ),
    ];
    expect(numbers.filter((name) => /\d$/.test(name))).toEqual([]);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.length).toBe(5 + 11 + 24 + 11 + 8 + 11);
  });

  it("falls back to the number", () => {
    expect(messageTypeName(9)).toBe("message type 9");
    expect(messageTypeName(0)).toBe("message type 0");
    expect(capabilityName(200)).toBe("capability 200");
    expect(attributeName(99)).toBe("attribute 99");
    expect(afiSafiName(1, 1)).toBe("ipv4-unicast");
    expect(afiSafiName(99, 98)).toBe("afi99-safi98");
  });

  it("knows our two families and no third", () => {
    expect([familyOf(1, 1), familyOf(2, 1), familyOf(1, 2), familyOf(25, 70)]).toEqual(["IPv4", "IPv6", null, null]);
  });
});
