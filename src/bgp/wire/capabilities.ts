/**
 * Capabilities (RFC 5492): one case per code we know, in both directions. A value of the wrong shape is kept as `unknown` and counts as
 * not advertised; only capability 65 decides how every later message is read, so there it is an error of the OPEN.
 */
import { assertNever, WireError } from "../../errors.ts";
import { CAPABILITY, OPEN_ERROR, ROLES } from "./iana.ts";
import type { Capability } from "./messages.ts";
import { Reader } from "./reader.ts";
import { receivedText, textOctets } from "./received-text.ts";
import { Writer } from "./writer.ts";

/**
 * Value of one capability. The result holds no view of the octets.
 * @throws {WireError} 2/0 where capability 65 is not four octets.
 */
export function decodeCapability(code: number, value: Uint8Array): Capability {
  try {
    const capability = decodeKnown(code, new Reader(value, malformedValue), value.length);
    return capability ?? { name: "unknown", code, value: value.slice(), malformed: false };
  } catch (error) {
    if (!(error instanceof WireError) || error.severity === "reset") throw error;
    return { name: "unknown", code, value: value.slice(), malformed: true };
  }
}

/** Capability TLVs in ascending order of codes, those of one code in the order given. */
export function encodeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  const writer = new Writer();
  const sorted = capabilities.map((capability) => ({ code: capabilityCode(capability), capability })).sort((a, b) => a.code - b.code);
  for (const { code, capability } of sorted) {
    const value = encodeValue(capability);
    if (value.length > 255) throw new Error(`capability ${code} has ${value.length} octets, more than its length octet can say`);
    writer.u8(code).u8(value.length).octets(value);
  }
  return writer.finish();
}

export function capabilityCode(capability: Capability): number {
  return capability.name === "unknown" ? capability.code : CAPABILITY[capability.name];
}

/** Never leaves this file. */
function malformedValue(): WireError {
  return new WireError(OPEN_ERROR.unspecific, "malformed capability", { severity: "discard" });
}

function decodeKnown(code: number, reader: Reader, length: number): Capability | null {
  const requireLength = (fits: boolean) => {
    if (!fits) throw malformedValue();
  };
  switch (code) {
    case CAPABILITY.multiprotocol:
      requireLength(length === 4);
      return { name: "multiprotocol", ...readFamily(reader, true) };
    case CAPABILITY.routeRefresh:
      requireLength(length === 0);
      return { name: "routeRefresh" };
    case CAPABILITY.extendedNextHop:
      requireLength(length % 6 === 0);
      // SAFI has two octets here, unlike anywhere else (RFC 8950 §4).
      return {
        name: "extendedNextHop",
        entries: list(reader, () => ({ afi: reader.u16(), safi: reader.u16(), nextHopAfi: reader.u16() })),
      };
    case CAPABILITY.extendedMessage:
      requireLength(length === 0);
      return { name: "extendedMessage" };
    case CAPABILITY.role: {
      requireLength(length === 1);
      const role = reader.u8();
      return { name: "role", role: ROLES[role] ?? null, code: role };
    }
    case CAPABILITY.gracefulRestart: {
      requireLength(length % 4 === 2);
      const first = reader.u16();
      return {
        name: "gracefulRestart",
        restarting: (first & 0x8000) !== 0,
        notification: (first & 0x4000) !== 0,
        restartTimeSeconds: first & 0x0fff,
        families: list(reader, () => ({ ...readFamily(reader, false), forwarding: (reader.u8() & 0x80) !== 0 })),
      };
    }
    case CAPABILITY.fourOctetAs:
      if (length !== 4) throw new WireError(OPEN_ERROR.unspecific, `the four-octet AS capability has ${length} octets`);
      return { name: "fourOctetAs", asn: reader.u32() };
    case CAPABILITY.enhancedRouteRefresh:
      requireLength(length === 0);
      return { name: "enhancedRouteRefresh" };
    case CAPABILITY.longLivedGracefulRestart:
      requireLength(length % 7 === 0);
      return {
        name: "longLivedGracefulRestart",
        families: list(reader, () => ({
          ...readFamily(reader, false),
          forwarding: (reader.u8() & 0x80) !== 0,
          staleSeconds: reader.u8() * 0x1_0000 + reader.u16(),
        })),
      };
    case CAPABILITY.fqdn: {
      const hostname = readText(reader);
      const domain = readText(reader);
      requireLength(reader.remaining === 0);
      return { name: "fqdn", hostname, domain };
    }
    case CAPABILITY.softwareVersion: {
      const version = readText(reader);
      requireLength(reader.remaining === 0);
      return { name: "softwareVersion", version };
    }
    default:
      return null;
  }
}

function readFamily(reader: Reader, reserved: boolean): { afi: number; safi: number } {
  const afi = reader.u16();
  if (reserved) reader.u8();
  return { afi, safi: reader.u8() };
}

function readText(reader: Reader): string {
  return receivedText(reader.take(reader.u8()));
}

function list<T>(reader: Reader, read: () => T): T[] {
  const items: T[] = [];
  while (reader.remaining > 0) items.push(read());
  return items;
}

function encodeValue(capability: Capability): Uint8Array {
  const writer = new Writer();
  switch (capability.name) {
    case "multiprotocol":
      writer.u16(capability.afi).u8(0).u8(capability.safi);
      break;
    case "extendedNextHop":
      for (const { afi, safi, nextHopAfi } of capability.entries) writer.u16(afi).u16(safi).u16(nextHopAfi);
      break;
    case "role":
      writer.u8(capability.code);
      break;
    case "gracefulRestart":
      writer.u16((capability.restarting ? 0x8000 : 0) | (capability.notification ? 0x4000 : 0) | (capability.restartTimeSeconds & 0x0fff));
      for (const { afi, safi, forwarding } of capability.families)
        writer
          .u16(afi)
          .u8(safi)
          .u8(forwarding ? 0x80 : 0);
      break;
    case "fourOctetAs":
      writer.u32(capability.asn);
      break;
    case "longLivedGracefulRestart":
      for (const { afi, safi, forwarding, staleSeconds } of capability.families) {
        writer
          .u16(afi)
          .u8(safi)
          .u8(forwarding ? 0x80 : 0)
          .u8(staleSeconds >>> 16)
          .u16(staleSeconds);
      }
      break;
    case "fqdn":
      // Both names have to fit into the 255 octets of a capability.
      writeText(writer, capability.hostname, 126);
      writeText(writer, capability.domain, 126);
      break;
    case "softwareVersion":
      writeText(writer, capability.version, 254);
      break;
    case "unknown":
      writer.octets(capability.value);
      break;
    case "routeRefresh":
    case "extendedMessage":
    case "enhancedRouteRefresh":
      break;
    default:
      assertNever(capability);
  }
  return writer.finish();
}

function writeText(writer: Writer, text: string, limit: number): void {
  const octets = textOctets(text, limit);
  writer.u8(octets.length).octets(octets);
}
