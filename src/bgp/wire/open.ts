import { WireError } from "../../errors.ts";
import { decodeCapability, encodeCapabilities } from "./capabilities.ts";
import { HEADER_ERROR, MESSAGE_TYPE, OPEN_ERROR } from "./iana.ts";
import type { Capability, OpenMessage } from "./messages.ts";
import { Reader } from "./reader.ts";
import { HEADER_OCTETS, writeHeader } from "./update-frames.ts";
import { Writer } from "./writer.ts";

const VERSION = 4;
const FIXED_OCTETS = 10;
const PARAMETER_CAPABILITIES = 2;
/** As first parameter type: lengths have two octets from here on (RFC 9072 §2). */
const EXTENDED_MARK = 255;

/**
 * Body of an OPEN (RFC 4271 §4.2), with short or extended optional parameters (RFC 9072 §2). AS number, hold time, identifier and what is
 * missing are for negotiation to judge.
 * @throws {WireError} 2/1 for another version, 2/4 for a parameter that is not capabilities, 2/0 where lengths do not add up.
 */
export function decodeOpen(body: Uint8Array): OpenMessage {
  const fixed = new Reader(body, () => new WireError(HEADER_ERROR.badLength, "OPEN is too short", { data: lengthField(body) }));
  const version = fixed.u8();
  if (version !== VERSION) {
    throw new WireError(OPEN_ERROR.unsupportedVersion, `BGP version ${version}`, { data: Uint8Array.of(0, VERSION) });
  }
  const myAs = fixed.u16();
  const holdTimeSeconds = fixed.u16();
  const bgpIdentifier = fixed.u32();
  const parametersLength = fixed.u8();
  const capabilities = decodeParameters(parametersLength, body.subarray(FIXED_OCTETS));
  return { name: "open", version, myAs, holdTimeSeconds, bgpIdentifier, capabilities };
}

/** A whole OPEN: all capabilities in one parameter, extended only where the short form cannot hold them (RFC 9072 §2). */
export function encodeOpen(message: OpenMessage): Uint8Array {
  const capabilities = encodeCapabilities(message.capabilities);
  const writer = new Writer();
  writer.u8(message.version).u16(message.myAs).u16(message.holdTimeSeconds).u32(message.bgpIdentifier);
  if (capabilities.length === 0) {
    writer.u8(0);
  } else if (capabilities.length + 2 <= 255) {
    writer
      .u8(capabilities.length + 2)
      .u8(PARAMETER_CAPABILITIES)
      .u8(capabilities.length)
      .octets(capabilities);
  } else {
    writer
      .u8(EXTENDED_MARK)
      .u8(EXTENDED_MARK)
      .u16(capabilities.length + 3);
    writer.u8(PARAMETER_CAPABILITIES).u16(capabilities.length).octets(capabilities);
  }
  const body = writer.finish();
  if (body.length > 4096 - HEADER_OCTETS) throw new Error(`an OPEN of ${body.length} octets cannot be sent`);
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  octets.set(body, writeHeader(octets, 0, octets.length, MESSAGE_TYPE.open));
  return octets;
}

function lengthField(body: Uint8Array): Uint8Array {
  const length = HEADER_OCTETS + body.length;
  return Uint8Array.of(length >>> 8, length);
}

function unbalanced(): WireError {
  return new WireError(OPEN_ERROR.unspecific, "the lengths in the OPEN's optional parameters do not add up");
}

function decodeParameters(shortLength: number, octets: Uint8Array): Capability[] {
  const reader = new Reader(octets, unbalanced);
  // The short length says nothing once the mark stands behind it, unless it denies that there are parameters (RFC 9072 §2).
  const extended = shortLength !== 0 && reader.peek() === EXTENDED_MARK;
  if (extended) reader.u8();
  const length = extended ? reader.u16() : shortLength;
  if (length !== reader.remaining) throw unbalanced();

  const capabilities: Capability[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const parameter = reader.take(extended ? reader.u16() : reader.u8());
    if (type !== PARAMETER_CAPABILITIES) {
      throw new WireError(OPEN_ERROR.unsupportedOptionalParameter, `optional parameter ${type}`);
    }
    const values = new Reader(parameter, unbalanced);
    while (values.remaining > 0) {
      const code = values.u8();
      capabilities.push(decodeCapability(code, values.take(values.u8())));
    }
  }
  return capabilities;
}
