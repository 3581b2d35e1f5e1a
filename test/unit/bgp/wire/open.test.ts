import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, INITIAL_CONTEXT } from "../../../../src/bgp/wire/codec.ts";
import { Framer } from "../../../../src/bgp/wire/framer.ts";
import type { Capability, OpenMessage } from "../../../../src/bgp/wire/messages.ts";
import { decodeOpen, encodeOpen } from "../../../../src/bgp/wire/open.ts";
import { answerTo, attempt, hex, toHex, vector } from "../../../support/vector.ts";

const IPV4 = { afi: 1, safi: 1 };
const IPV6 = { afi: 2, safi: 1 };
/** Version 4, AS_TRANS, hold 90, 10.0.0.5. */
const FIXED = "04 5ba0 005a 0a000005";

const codec = { decode: decodeOpen, encode: (value: OpenMessage) => encodeOpen(value).subarray(19) };

function openWith(...capabilities: readonly Capability[]): OpenMessage {
  return { name: "open", version: 4, myAs: 23456, holdTimeSeconds: 90, bgpIdentifier: 0x0a000005, capabilities };
}

/** Capabilities of an OPEN whose optional parameters are this hex behind the length octet(s). */
function capabilitiesOf(parameters: string): readonly Capability[] {
  return decodeOpen(hex(FIXED + parameters)).capabilities;
}

/** The only capability of an OPEN, from its TLV. */
function capability(tlv: string): Capability | undefined {
  const length = hex(tlv).length;
  const [only, ...others] = capabilitiesOf(toHex(Uint8Array.of(length + 2, 2, length)) + tlv);
  expect(others).toEqual([]);
  return only;
}

describe("OPEN (RFC 4271 §4.2)", () => {
  vector("one without optional parameters", `${FIXED} 00`, openWith(), codec);

  vector(
    "what we send by default, to the letter",
    `${FIXED} 22 0220 010400010001 010400020001 0200 400ac078 00010180 00020180 4104fa56ea01`,
    openWith(
      { name: "multiprotocol", ...IPV4 },
      { name: "multiprotocol", ...IPV6 },
      { name: "routeRefresh" },
      {
        name: "gracefulRestart",
        restarting: true,
        notification: true,
        restartTimeSeconds: 120,
        families: [
          { ...IPV4, forwarding: true },
          { ...IPV6, forwarding: true },
        ],
      },
      { name: "fourOctetAs", asn: 4200000001 },
    ),
    codec,
  );

  it("reads golden bytes whose capabilities come in another order, whole through the framer", () => {
    const framer = new Framer();
    framer.push(hex(`${"ff".repeat(16)} 003f01 ${FIXED} 22 0220 010400010001 010400020001 0200 4104fa56ea01 400ac078 00010180 00020180`));
    const frame = framer.next();
    const message = frame && decodeMessage(frame, INITIAL_CONTEXT);
    expect(message?.name).toBe("open");
    expect(framer.next()).toBeNull();
    if (message?.name !== "open") return;
    expect(message.capabilities.map(({ name }) => name)).toEqual([
      "multiprotocol",
      "multiprotocol",
      "routeRefresh",
      "fourOctetAs",
      "gracefulRestart",
    ]);
    expect(encodeMessage(message).length).toBe(0x3f);
  });

  it("answers another version with 2/1 and ours", () => {
    for (const version of [0, 3, 5, 255]) {
      const error = attempt(() => decodeOpen(hex(`${toHex(Uint8Array.of(version))} fde8 005a 0a000005 00`)));
      expect(error && `${error.code}/${error.subcode} ${toHex(error.data)}`).toBe("2/1 0004");
    }
  });

  it("leaves hold time, AS number and identifier to negotiation", () => {
    expect(decodeOpen(hex("04 0000 0001 00000000 00"))).toMatchObject({ myAs: 0, holdTimeSeconds: 1, bgpIdentifier: 0 });
    expect(decodeOpen(hex("04 ffff ffff ffffffff 00"))).toMatchObject({ myAs: 65535, holdTimeSeconds: 65535, bgpIdentifier: 0xffffffff });
  });
});

describe("optional parameters (RFC 5492 §4)", () => {
  it("takes capabilities spread over many parameters, empty ones among them", () => {
    const split = capabilitiesOf("12 0206 010400010001 0200 0202 0200 0202 4600");
    expect(split).toEqual([{ name: "multiprotocol", ...IPV4 }, { name: "routeRefresh" }, { name: "enhancedRouteRefresh" }]);
  });

  it("takes repeated capabilities and keeps each", () => {
    expect(capabilitiesOf("0e 020c 010400010001 010400010001")).toHaveLength(2);
  });

  it("answers a parameter other than capabilities with 2/4", () => {
    for (const type of ["00", "01", "03", "fe"]) expect(answerTo(() => capabilitiesOf(`03 ${type}01 00`))).toBe("2/4");
  });

  it("answers lengths that do not add up with 2/0", () => {
    const broken = ["01", "02 0202", "03 0202 02", "04 0202 0201", "04 0203 0200 00", "00 0200", "08 0206 010400010001 00", "02 02"];
    for (const parameters of broken)
      expect(
        answerTo(() => capabilitiesOf(parameters)),
        parameters,
      ).toBe("2/0");
    expect(broken).toHaveLength(8);
  });
});

describe("extended optional parameters (RFC 9072 §2)", () => {
  const long = (octets: number): Capability => ({ name: "unknown", code: 66, value: new Uint8Array(octets).fill(7), malformed: false });

  it("are written only where the short form cannot hold them", () => {
    expect(encodeOpen(openWith(long(251)))[28]).toBe(255);
    expect(encodeOpen(openWith(long(251)))[29]).toBe(2);
    const extended = encodeOpen(openWith(long(252)));
    expect(toHex(extended.subarray(28, 35))).toBe("ffff0101" + "0200fe");
    expect(decodeOpen(extended.subarray(19)).capabilities).toEqual([long(252)]);
  });

  it("mirror several hundred octets, and refuse every truncation", () => {
    const message = openWith(long(200), long(200), long(255), { name: "fourOctetAs", asn: 70000 });
    const octets = encodeOpen(message).subarray(19);
    expect(decodeOpen(octets).capabilities).toEqual([message.capabilities[3], long(200), long(200), long(255)]);
    for (let length = 0; length < octets.length; length++) expect(attempt(() => decodeOpen(octets.slice(0, length)))).toBeDefined();
    expect(octets.length).toBeGreaterThan(600);
  });

  it("are read for short contents and whatever the short length says, if it is not zero", () => {
    for (const short of ["ff", "01", "07"]) expect(capabilitiesOf(`${short} ff 0005 02 0002 0200`)).toEqual([{ name: "routeRefresh" }]);
    expect(answerTo(() => capabilitiesOf("00 ff 0005 02 0002 0200"))).toBe("2/0");
  });

  it("are not assumed for a short length of exactly 255", () => {
    const value = "07".repeat(251);
    expect(capabilitiesOf(`ff 02 fd 42 fb ${value}`)).toEqual([long(251)]);
  });

  it("survive the truncations that crashed others (CVE-2022-40302, -40318, -43681)", () => {
    const broken = [
      "ff",
      "ff ff",
      "ff ff 00",
      "ff ff 0000 02",
      "ff ff 0003 02",
      "ff ff 0003 02 0001",
      "ff ff ffff 02 0002 0200",
      "ff ff 0004 02 0001 41",
    ];
    for (const parameters of broken)
      expect(
        answerTo(() => capabilitiesOf(parameters)),
        parameters,
      ).toBe("2/0");
    expect(answerTo(() => decodeOpen(hex(FIXED)))).toBe("1/2");
    expect(broken).toHaveLength(8);
  });
});

describe("capabilities (RFC 5492)", () => {
  const known: readonly (readonly [string, string, Capability])[] = [
    ["1, multiprotocol (RFC 4760 §8)", "0104 0002 00 01", { name: "multiprotocol", ...IPV6 }],
    ["2, route refresh (RFC 2918 §2)", "0200", { name: "routeRefresh" }],
    [
      "5, extended next hop with a two-octet SAFI (RFC 8950 §4)",
      "050c 0001 0001 0002 0001 0080 0002",
      {
        name: "extendedNextHop",
        entries: [
          { afi: 1, safi: 1, nextHopAfi: 2 },
          { afi: 1, safi: 128, nextHopAfi: 2 },
        ],
      },
    ],
    ["6, extended message (RFC 8654 §2)", "0600", { name: "extendedMessage" }],
    ["9, role (RFC 9234 §4.1)", "0901 03", { name: "role", role: "customer", code: 3 }],
    ["9, a role without a name", "0901 05", { name: "role", role: null, code: 5 }],
    [
      "64, graceful restart without families (RFC 4724 §3)",
      "4002 0fff",
      { name: "gracefulRestart", restarting: false, notification: false, restartTimeSeconds: 4095, families: [] },
    ],
    ["65, four-octet AS number (RFC 6793 §3)", "4104 00000000", { name: "fourOctetAs", asn: 0 }],
    ["70, enhanced route refresh (RFC 7313 §3.1)", "4600", { name: "enhancedRouteRefresh" }],
    [
      "71, long-lived graceful restart (RFC 9494 §3.1)",
      "4707 0001 01 80 015180",
      { name: "longLivedGracefulRestart", families: [{ ...IPV4, forwarding: true, staleSeconds: 86400 }] },
    ],
    ["73, host name", "4909 04 746f7231 03 6c6162", { name: "fqdn", hostname: "tor1", domain: "lab" }],
    ["75, software version", "4b06 05 4652522f38", { name: "softwareVersion", version: "FRR/8" }],
    ["66, which nobody knows", "4202 abcd", { name: "unknown", code: 66, value: hex("abcd"), malformed: false }],
  ];
  it.each(known)("reads and writes %s", (_title, tlv, expected) => {
    expect(capability(tlv)).toEqual(expected);
    expect(toHex(encodeOpen(openWith(expected)).subarray(31))).toBe(toHex(hex(tlv)));
  });

  it("ignores every code without a meaning, empty or full (RFC 5492 §3)", () => {
    const codes = [0, 66, ...Array.from({ length: 128 }, (_, i) => i + 128)];
    for (const code of codes) {
      const octet = toHex(Uint8Array.of(code));
      expect(capability(`${octet}00`)).toMatchObject({ name: "unknown", code, malformed: false });
      expect(capability(`${octet}03 010203`)).toMatchObject({ name: "unknown", code, malformed: false });
    }
    expect(codes).toHaveLength(130);
  });

  // CVE-2022-36440, CVE-2023-31489 and their like: inner lengths that lie.
  const malformed = [
    "0103 000100",
    "0105 0001000100",
    "0201 00",
    "0505 0001000100",
    "0601 00",
    "0900",
    "0902 0000",
    "4000",
    "4001 00",
    "4003 000000",
    "4005 0078000101",
    "4601 00",
    "4706 000101800000",
    "4708 0001018000000000",
    "4900",
    "4901 00",
    "4902 ff00",
    "4903 00ff00",
    "4903 000000",
    "4b00",
    "4b01 ff",
    "4b02 0000",
    "4b02 0200",
  ];
  it.each(malformed)("keeps malformed %s as not advertised, and the session", (tlv) => {
    expect(capability(tlv)).toMatchObject({ name: "unknown", code: hex(tlv)[0], malformed: true });
  });

  it("answers a four-octet AS capability of another length with 2/0, for no AS_PATH could be read after it", () => {
    for (const tlv of ["4100", "4103 000001", "4105 0000000100"]) expect(answerTo(() => capability(tlv))).toBe("2/0");
  });

  it("sends them in ascending order, whatever order they were asked in", () => {
    const message = openWith(
      { name: "fourOctetAs", asn: 1 },
      { name: "unknown", code: 66, value: hex(""), malformed: false },
      { name: "routeRefresh" },
    );
    expect(toHex(encodeOpen(message).subarray(28))).toBe("0c020a0200" + "410400000001" + "4200");
  });

  it("makes received names safe to print", () => {
    expect(capability("490a 08 61 1b5b33316d ff 62 00")).toEqual({ name: "fqdn", hostname: "a [31m\ufffdb", domain: "" });
  });

  it("holds no octet of the chunk it came in", () => {
    const octets = hex(`${FIXED} 06 0204 4202 abcd`);
    const [kept] = decodeOpen(octets).capabilities;
    octets.fill(0);
    expect(kept).toMatchObject({ value: hex("abcd") });
  });
});
