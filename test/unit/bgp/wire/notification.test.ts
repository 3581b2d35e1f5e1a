import { describe, expect, it } from "vitest";
import { CEASE, HEADER_ERROR } from "../../../../src/bgp/wire/iana.ts";
import type { NotificationMessage } from "../../../../src/bgp/wire/messages.ts";
import {
  asHardReset,
  ceaseOf,
  decodeNotification,
  describeNotification,
  encodeNotification,
  hardResetInner,
  notificationOf,
  shutdownText,
} from "../../../../src/bgp/wire/notification.ts";
import { WireError } from "../../../../src/errors.ts";
import { hex, message, toHex, vector } from "../../../support/vector.ts";

const codec = { decode: decodeNotification, encode: (value: NotificationMessage) => encodeNotification(value).subarray(19) };
/** Every length is a NOTIFICATION of some kind: reading one never throws. */
const never = { refusesAt: () => false };

function notification(code: number, subcode: number, data = ""): NotificationMessage {
  return { name: "notification", code, subcode, data: hex(data) };
}

describe("NOTIFICATION (RFC 4271 §4.5)", () => {
  vector("hold timer expired", "0400", notification(4, 0), codec, never);
  vector("a bad length with the length", "0102 1001", notification(1, 2, "1001"), codec, never);

  it("reads one without code or subcode as a close without a reason", () => {
    expect(decodeNotification(hex(""))).toEqual(notification(0, 0));
    expect(decodeNotification(hex("06"))).toEqual(notification(0, 0));
  });

  it("cuts data to what fits into 4096 octets", () => {
    const octets = encodeNotification({ ...notification(3, 5), data: new Uint8Array(5000) });
    expect(toHex(octets.subarray(16, 19))).toBe("100003");
    expect(octets.length).toBe(4096);
  });

  it("answers a broken message with what its error holds", () => {
    const error = new WireError(HEADER_ERROR.badType, "unknown type", { data: hex("09") });
    expect(toHex(encodeNotification(notificationOf(error)).subarray(16))).toBe("001603010309");
  });
});

describe("words in a Cease (RFC 9003 §2)", () => {
  it("go out as golden bytes", () => {
    const octets = encodeNotification(ceaseOf(CEASE.administrativeShutdown.subcode, "node drain"));
    expect(toHex(octets)).toBe(toHex(message("002003 06 02 0A 6E6F646520647261696E")));
  });

  it("go with Administrative Shutdown and Reset only", () => {
    for (let subcode = 0; subcode <= 10; subcode++) {
      const expected = subcode === 2 || subcode === 4 ? "words" : "";
      expect(shutdownText(ceaseOf(subcode, "words"))).toBe(expected);
      expect(ceaseOf(subcode, "words").data.length).toBe(expected === "" ? 0 : 6);
    }
  });

  it("are cut to 255 octets between characters", () => {
    const { data } = ceaseOf(2, `${"a".repeat(254)}é`);
    expect(data.length).toBe(255);
    expect(data[0]).toBe(254);
    expect(ceaseOf(2, "a".repeat(300)).data.length).toBe(256);
    expect(shutdownText(ceaseOf(2, "é".repeat(200)))).toBe("é".repeat(127));
  });

  const received: readonly (readonly [string, string, string])[] = [
    ["nothing", "", ""],
    ["an empty text", "00", ""],
    ["a length beyond the data", "ff 6869", "hi"],
    ["data beyond the length", "02 68696a", "hi"],
    ["invalid UTF-8", "03 ff6869", "\ufffdhi"],
    ["a cut character", "02 68c3", "h\ufffd"],
    ["line breaks and escapes", "05 61 0a 1b 0d 62", "a   b"],
    ["marks that turn the direction of text", "05 61 e280ae 62", "a b"],
  ];
  it.each(received)("read as plain text for %s", (_title, data, expected) => {
    expect(shutdownText(notification(6, 2, data))).toBe(expected);
  });

  it("never throw, whatever octets they are", () => {
    for (let octet = 0; octet < 256; octet++) {
      const data = Uint8Array.of(octet, ...new Uint8Array(255).fill(octet));
      expect(shutdownText({ ...notification(6, 4), data })).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe("Hard Reset (RFC 8538 §3)", () => {
  it("wraps a Cease as golden bytes", () => {
    const octets = encodeNotification(asHardReset(ceaseOf(2, "node drain")));
    expect(toHex(octets)).toBe(toHex(message("002203 06 09 06 02 0A 6E6F646520647261696E")));
  });

  it("gives back what it wrapped, words included", () => {
    const wrapped = decodeNotification(hex("0609 0602 02 6869"));
    expect(hardResetInner(wrapped)).toEqual(notification(6, 2, "02 6869"));
    expect(shutdownText(wrapped)).toBe("hi");
    expect(describeNotification(wrapped)).toBe('Cease/Hard Reset of Cease/Administrative Shutdown "hi"');
  });

  it("does not wrap itself", () => {
    const once = asHardReset(notification(6, 3));
    expect(asHardReset(once)).toBe(once);
  });

  it("is taken without content", () => {
    expect(hardResetInner(notification(6, 9))).toBeNull();
    expect(hardResetInner(notification(6, 9, "06"))).toBeNull();
    expect(describeNotification(notification(6, 9, "06"))).toBe("Cease/Hard Reset");
  });

  it("is no other notification", () => {
    expect(hardResetInner(notification(6, 2, "0602"))).toBeNull();
    expect(hardResetInner(notification(5, 9, "0602"))).toBeNull();
  });
});

describe("names of errors", () => {
  const names: readonly (readonly [number, number, string])[] = [
    [4, 0, "Hold Timer Expired"],
    [6, 7, "Cease/Connection Collision Resolution"],
    [6, 99, "Cease/99"],
    [2, 11, "OPEN Message Error/Role Mismatch"],
    [8, 0, "Send Hold Timer Expired"],
    [42, 3, "error 42/3"],
  ];
  it.each(names)("calls %i/%i %s", (code, subcode, name) => {
    expect(describeNotification(notification(code, subcode))).toBe(name);
  });
});
