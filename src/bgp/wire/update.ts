/**
 * UPDATE (RFC 4271 §4.3) with the error handling of RFC 7606. One decoder decides what the errors of a message add up to:
 * a reset is thrown, treat-as-withdraw turns announced blocks into withdrawn ones, discarded attributes are simply missing.
 */
import { WireError } from "../../errors.ts";
import type { Family } from "../../ip/address.ts";
import { isUsableNextHop } from "./attribute-values.ts";
import { type AttributeFault, type DecodedAttributes, decodeAttributes, encodeAttributes } from "./attributes.ts";
import { ATTRIBUTE, attributeName, UPDATE_ERROR } from "./iana.ts";
import type { AnnouncedBlock, UpdateAction, UpdateContent, UpdateContext, UpdateMessage, WithdrawnBlock } from "./messages.ts";
import { encodeNextHopField } from "./mp-attributes.ts";
import { countNlri } from "./nlri.ts";
import { Reader } from "./reader.ts";
import {
  announceLength,
  endOfRibLength,
  frameAnnounce,
  frameMpAnnounce,
  frameMpWithdraw,
  frameWithdraw,
  mpAnnounceLength,
  mpWithdrawLength,
  withdrawLength,
  writeEndOfRib,
} from "./update-frames.ts";

/**
 * Body of an UPDATE. The blocks and opaque values of the result are views of the body.
 * @throws {WireError} severity reset only: lengths that do not add up (3/1), bad classic prefixes (3/10), MP attributes broken (3/1, 3/9)
 * or twice (3/1), an unknown well-known attribute (3/2), and errors that ask for withdrawal where nothing reachable is encoded
 * (RFC 7606 §5.2).
 */
export function decodeUpdate(body: Uint8Array, context: UpdateContext): UpdateMessage {
  const overrun = () => new WireError(UPDATE_ERROR.malformedAttributeList, "the UPDATE's lengths exceed the message");
  const reader = new Reader(body, overrun);
  const withdrawnField = reader.take(reader.u16());
  const attributesField = reader.take(reader.u16());
  const nlriField = reader.take(reader.remaining);
  const withdrawnCount = countClassic(withdrawnField, "withdrawn routes");
  const nlriCount = countClassic(nlriField, "NLRI");
  if (body.length === 4) return endOfRib("IPv4", context);

  const decoded = decodeAttributes(attributesField, context);
  if (decoded.unreach?.count === 0 && !decoded.hasOthers && withdrawnField.length === 0 && nlriField.length === 0) {
    return endOfRib(decoded.unreach.family, context);
  }
  const classic = context.families.includes("IPv4");
  let { ignoredFamilies } = decoded;
  if (!classic && withdrawnCount + nlriCount > 0) ignoredFamilies += 1;

  const faults = [...decoded.faults, ...mandatoryFaults(decoded, nlriCount > 0)];
  const nextHop = decoded.attributes.nextHop;
  const announced: AnnouncedBlock[] = [];
  const withdrawn: WithdrawnBlock[] = [];
  if (classic && withdrawnCount > 0) {
    withdrawn.push({ family: "IPv4", octets: withdrawnField, count: withdrawnCount, multiprotocol: false });
  }
  if (decoded.unreach !== null && decoded.unreach.count > 0) withdrawn.push(decoded.unreach);
  if (decoded.reach !== null && decoded.reach.count > 0) announced.push(decoded.reach);
  if (classic && nlriCount > 0 && nextHop !== undefined) {
    const classicNextHop = { address: nextHop, linkLocal: null };
    announced.push({ family: "IPv4", octets: nlriField, count: nlriCount, nextHop: classicNextHop, multiprotocol: false });
  }
  for (const block of announced) if (!isUsableNextHop(block.nextHop.address)) faults.push(unusableNextHop(block));

  const action = actionOf(faults);
  if (action === "withdraw") {
    resetWhereNothingIsReachable(decoded, nlriCount, faults);
    if (classic && nlriCount > 0 && nextHop === undefined) {
      withdrawn.push({ family: "IPv4", octets: nlriField, count: nlriCount, multiprotocol: false });
    }
    for (const { family, octets, count, multiprotocol } of announced) withdrawn.push({ family, octets, count, multiprotocol });
  }
  return {
    name: "update",
    announced: action === "withdraw" ? [] : announced,
    withdrawn,
    attributes: decoded.attributes,
    endOfRib: null,
    faults: faults.map(({ attribute, error }) => ({
      attribute,
      severity: error.severity === "discard" ? "discard" : "withdraw",
      message: error.message,
    })),
    action,
    ignoredFamilies,
  };
}

/** A whole UPDATE that says one thing (RFC 7606 §5.1), in a buffer of its own. The caller keeps it within the negotiated length. */
export function encodeUpdate(content: UpdateContent, context: { readonly asn4: boolean }): Uint8Array {
  switch (content.name) {
    case "announce": {
      const { block, attributes } = content;
      if (block.multiprotocol) return encodeMpAnnounce(content, context);
      return encodeAnnounce(block, encodeAttributes({ ...attributes, nextHop: block.nextHop.address }, context));
    }
    case "withdraw": {
      const { family, octets, multiprotocol } = content.block;
      const message = new Uint8Array(multiprotocol ? mpWithdrawLength(octets.length) : withdrawLength(octets.length));
      message.set(octets, multiprotocol ? frameMpWithdraw(message, 0, family, octets.length) : frameWithdraw(message, 0, octets.length));
      return message;
    }
    case "endOfRib": {
      const message = new Uint8Array(endOfRibLength(content.family));
      writeEndOfRib(message, 0, content.family);
      return message;
    }
  }
}

function encodeAnnounce({ octets }: AnnouncedBlock, attributes: Uint8Array): Uint8Array {
  const message = new Uint8Array(announceLength(attributes.length, octets.length));
  message.set(octets, frameAnnounce(message, 0, attributes, octets.length));
  return message;
}

function encodeMpAnnounce({ block, attributes }: UpdateContent & { name: "announce" }, context: { readonly asn4: boolean }): Uint8Array {
  const { family, octets, nextHop } = block;
  const nextHopField = encodeNextHopField(nextHop);
  const list = encodeAttributes({ ...attributes, nextHop: undefined }, context);
  const message = new Uint8Array(mpAnnounceLength(nextHopField.length, list.length, octets.length));
  message.set(octets, frameMpAnnounce(message, 0, family, nextHopField, list, octets.length));
  return message;
}

function countClassic(octets: Uint8Array, what: string): number {
  const count = countNlri(octets, "IPv4");
  if (count < 0) throw new WireError(UPDATE_ERROR.invalidNetworkField, `bad prefix in the ${what}`);
  return count;
}

/** For a family that was not negotiated it means nothing. */
function endOfRib(family: Family, context: UpdateContext): UpdateMessage {
  const known = context.families.includes(family);
  return {
    name: "update",
    announced: [],
    withdrawn: [],
    attributes: {},
    endOfRib: known ? family : null,
    faults: [],
    action: "accept",
    ignoredFamilies: known ? 0 : 1,
  };
}

/** ORIGIN and AS_PATH with every reachable prefix, NEXT_HOP with classic ones (RFC 4271 §5, RFC 7606 §3 d). */
function mandatoryFaults({ attributes, reach }: DecodedAttributes, classicNlri: boolean): AttributeFault[] {
  if (!classicNlri && (reach === null || reach.count === 0)) return [];
  const missing: number[] = [];
  if (attributes.origin === undefined) missing.push(ATTRIBUTE.origin);
  if (attributes.asPath === undefined) missing.push(ATTRIBUTE.asPath);
  if (classicNlri && attributes.nextHop === undefined) missing.push(ATTRIBUTE.nextHop);
  return missing.map((attribute) => ({
    attribute,
    error: new WireError(UPDATE_ERROR.missingWellKnown, `${attributeName(attribute)} is missing`, {
      data: Uint8Array.of(attribute),
      severity: "withdraw",
    }),
  }));
}

/** The route is ignored, the session stays (RFC 4271 §6.3). */
function unusableNextHop({ multiprotocol }: AnnouncedBlock): AttributeFault {
  const attribute = multiprotocol ? ATTRIBUTE.mpReach : ATTRIBUTE.nextHop;
  return { attribute, error: new WireError(UPDATE_ERROR.invalidNextHop, "the next hop is no host's address", { severity: "withdraw" }) };
}

/** The strongest asked for by any error (RFC 7606 §3 h). */
function actionOf(faults: readonly AttributeFault[]): UpdateAction {
  if (faults.some(({ error }) => error.severity === "withdraw")) return "withdraw";
  return faults.length > 0 ? "discard-attributes" : "accept";
}

/** RFC 7606 §5.2: without reachable prefixes there is no telling whether all prefixes were found, so nothing may be withdrawn by guess. */
function resetWhereNothingIsReachable({ hasReach, reach }: DecodedAttributes, nlriCount: number, faults: readonly AttributeFault[]): void {
  if (nlriCount > 0 || (hasReach && reach?.count !== 0)) return;
  const worst = faults.find(({ error }) => error.severity === "withdraw")?.error;
  if (worst === undefined) return;
  throw new WireError(worst, `${worst.message}, and no reachable prefixes are encoded`, { data: worst.data, cause: worst });
}
