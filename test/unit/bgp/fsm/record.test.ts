import { describe, expect, it } from "vitest";
import { parseRecordLine, plain, recordHeader, recordStep, revived } from "../../../../src/bgp/fsm/record.ts";
import type { PeerEvent } from "../../../../src/bgp/fsm/session.ts";
import { decodeUpdate } from "../../../../src/bgp/wire/update.ts";
import { WireError } from "../../../../src/errors.ts";
import { addressFromOctets } from "../../../../src/ip/address.ts";
import { END_OF_RIB, GRACEFUL, KEEPALIVE, notification, OUR_SETTINGS, refreshOf, routerOpen } from "../../../support/fsm-driver.ts";

const UPDATE_HEX = "0000001b4001010040020602 01fa56ea014003040a000005c00804fde8000120c000020120c0000202";
const UPDATE = decodeUpdate(Uint8Array.from(Buffer.from(UPDATE_HEX.replace(" ", ""), "hex")), {
  asn4: true,
  ibgp: false,
  families: ["IPv4"],
  extendedNextHop: false,
});

const EVENTS: readonly PeerEvent[] = [
  { name: "start" },
  { name: "stop", cause: { reason: "adminShutdown", text: "node drain" } },
  { name: "configure", settings: { ...OUR_SETTINGS, gracefulRestart: GRACEFUL, role: "customer" } },
  { name: "tcpConnected", slot: "incoming" },
  { name: "tcpFailed", slot: "outgoing", why: "connection refused" },
  { name: "tcpClosed", slot: "incoming", why: "closed" },
  { name: "message", slot: "outgoing", message: routerOpen({ gracefulRestart: GRACEFUL }) },
  {
    name: "message",
    slot: "outgoing",
    message: routerOpen({}, { capabilities: [{ name: "unknown", code: 66, value: Uint8Array.of(1, 2), malformed: false }] }),
  },
  { name: "message", slot: "outgoing", message: KEEPALIVE },
  { name: "message", slot: "outgoing", message: END_OF_RIB },
  { name: "message", slot: "outgoing", message: UPDATE },
  { name: "message", slot: "outgoing", message: notification(6, 2, [1, 0x41]) },
  { name: "message", slot: "outgoing", message: refreshOf(2) },
  { name: "wireError", slot: "outgoing", error: new WireError({ code: 1, subcode: 2 }, "length 18", { data: Uint8Array.of(0, 18) }) },
  { name: "timer", slot: null, timer: "idleHold" },
  { name: "timer", slot: "incoming", timer: "sendHold" },
  { name: "updatesSent", slot: "outgoing" },
  { name: "sendProgress", slot: "outgoing" },
];

describe("record of a session", () => {
  it.each(EVENTS.map((event, index) => ({ index, title: event.name, event })))("reads back what it wrote: $title ($index)", ({ event }) => {
    const line = parseRecordLine(recordStep(1250.5, event, [], "tor-1"));
    expect(line).toEqual({ kind: "step", peer: "tor-1", at: 1250.5, event, actions: [] });
  });

  it("has every event of a session in its test", () => {
    expect(new Set(EVENTS.map(({ name }) => name)).size).toBe(11);
  });

  it("keeps the header", () => {
    expect(parseRecordLine(recordHeader(OUR_SETTINGS, 7, "tor-1"))).toEqual({
      kind: "header",
      peer: "tor-1",
      seed: 7,
      settings: OUR_SETTINGS,
    });
  });

  it("writes octets, addresses and errors so that JSON can carry them", () => {
    const value = {
      octets: Uint8Array.of(1, 255),
      address: addressFromOctets(Uint8Array.of(10, 0, 0, 1)),
      absent: undefined,
      list: [null, 1.5, "x", true],
    };
    expect(plain(value)).toEqual({ octets: { $octets: "01ff" }, address: { $address: "0a000001" }, list: [null, 1.5, "x", true] });
    expect(revived(plain(value))).toEqual({ octets: value.octets, address: value.address, list: value.list });
  });

  it.each([
    "",
    "[]",
    "null",
    "{}",
    '{"record":"other","version":1}',
    '{"record":"herald-session","version":2,"peer":"a","seed":1,"settings":{}}',
    '{"record":"herald-session","version":1,"peer":"a","seed":1,"settings":{}}',
    '{"at":1,"event":{"name":"explode"},"actions":[]}',
    '{"at":1,"event":{"name":"toString"},"actions":[]}',
    '{"at":1,"event":{"name":"stop"},"actions":[]}',
    '{"at":1,"event":{"name":"timer","slot":null,"timer":"hold"},"actions":[]}',
    '{"at":1,"event":{"name":"message","slot":"outgoing","message":{"name":"open"}},"actions":[]}',
    '{"at":1,"event":{"name":"message","slot":"outgoing","message":{"name":"notification","code":1,"subcode":1,"data":{"$octets":"0"}}},"actions":[]}',
    '{"at":1,"event":{"name":"wireError","slot":"outgoing","error":{"$wireError":{"code":1}}},"actions":[]}',
    '{"event":{"name":"start"},"actions":[]}',
    '{"at":1,"event":{"name":"start"}}',
  ])("refuses a line that is none of a record: %s", (line) => {
    expect(() => parseRecordLine(line)).toThrow(expect.objectContaining({ code: "UNREADABLE" }));
  });
});
