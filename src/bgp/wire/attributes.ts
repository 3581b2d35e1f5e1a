/**
 * The path attributes field: a walk over the list that never loses its place (RFC 7606 §4), applying one row of `attribute-rules.ts`
 * each, and the same list written. Errors milder than a reset are collected; `update.ts` decides what they add up to.
 */
import { WireError } from "../../errors.ts";
import { as4PathFor, encodeAsPath, mergeAs4Path } from "./as-path.ts";
import { type AttributeDraft, ruleOf } from "./attribute-rules.ts";
import {
  encodeAggregator,
  encodeExtendedCommunities,
  encodeLargeCommunities,
  encodeNumber,
  encodeNumbers,
  encodeOrigin,
} from "./attribute-values.ts";
import { AS_TRANS, ATTRIBUTE, attributeName, FLAG, UPDATE_ERROR } from "./iana.ts";
import type { AnnouncedBlock, OpaqueAttribute, PathAttributes, UpdateContext, WithdrawnBlock } from "./messages.ts";
import { attributeHeaderOctets, writeAttributeHeader } from "./update-frames.ts";

/** An error in one attribute (code 0: in the list itself), of severity withdraw or discard. */
export interface AttributeFault {
  readonly attribute: number;
  readonly error: WireError;
}

/** What the attributes field of one UPDATE holds. */
export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  /** MP_REACH_NLRI and MP_UNREACH_NLRI of a negotiated family. */
  readonly reach: AnnouncedBlock | null;
  readonly unreach: WithdrawnBlock | null;
  readonly ignoredFamilies: number;
  /** MP_REACH_NLRI was there, of whatever family. */
  readonly hasReach: boolean;
  /** Attributes besides MP_UNREACH_NLRI were there. */
  readonly hasOthers: boolean;
  readonly faults: readonly AttributeFault[];
}

/** @throws {WireError} of severity reset only: MP attributes broken or twice, an unknown well-known attribute. */
export function decodeAttributes(octets: Uint8Array, context: UpdateContext): DecodedAttributes {
  const draft: AttributeDraft = { attributes: {}, as4Path: null, as4Aggregator: null, reach: null, unreach: null, ignoredFamilies: 0 };
  const opaque: OpaqueAttribute[] = [];
  const faults: AttributeFault[] = [];
  const seen = new Set<number>();
  let position = 0;
  while (position < octets.length) {
    const flags = octets[position] ?? 0;
    const code = octets[position + 1] ?? 0;
    const extended = (flags & FLAG.extendedLength) !== 0;
    const start = position + (extended ? 4 : 3);
    const low = octets[start - 1] ?? 0;
    const end = start + (extended ? (octets[start - 2] ?? 0) * 256 + low : low);
    if (start > octets.length || end > octets.length) {
      faults.push({ attribute: 0, error: overrun(start > octets.length ? 0 : code, octets.length - position) });
      break;
    }
    const attribute = { flags, code, value: octets.subarray(start, end) };
    try {
      decodeOne(attribute, context, draft, opaque, seen);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const detailed = describe(error, code, octets.subarray(position, end));
      if (detailed.severity === "reset") throw detailed;
      faults.push({ attribute: code, error: detailed });
    }
    position = end;
  }
  applyAs4(draft);
  if (opaque.length > 0) draft.attributes.opaque = opaque;
  const hasReach = seen.has(ATTRIBUTE.mpReach);
  const hasOthers = seen.size > (seen.has(ATTRIBUTE.mpUnreach) ? 1 : 0) || faults.length > 0;
  const { attributes, reach, unreach, ignoredFamilies } = draft;
  return { attributes, reach, unreach, ignoredFamilies, hasReach, hasOthers, faults };
}

/**
 * The attributes in ascending order of codes, without any MP attribute: for an UPDATE with MP_REACH_NLRI leave `nextHop` out. Towards a
 * two-octet speaker the numbers that need four go into AS4_PATH and AS4_AGGREGATOR (RFC 6793 §4.2.2).
 */
export function encodeAttributes(attributes: PathAttributes, context: { readonly asn4: boolean }): Uint8Array {
  const list = attributeList(attributes, context.asn4).sort((a, b) => a.code - b.code);
  const octets = new Uint8Array(list.reduce((sum, { value }) => sum + attributeHeaderOctets(value.length) + value.length, 0));
  let position = 0;
  for (const { flags, code, value } of list) {
    position = writeAttributeHeader(octets, position, flags, code, value.length);
    octets.set(value, position);
    position += value.length;
  }
  return octets;
}

function decodeOne(
  { flags, code, value }: OpaqueAttribute,
  context: UpdateContext,
  draft: AttributeDraft,
  opaque: OpaqueAttribute[],
  seen: Set<number>,
): void {
  // Code 0 is reserved and carries nothing; others drop it too, and no RFC asks to punish it.
  if (code === 0) return;
  if (seen.has(code)) {
    const multiprotocol = code === ATTRIBUTE.mpReach || code === ATTRIBUTE.mpUnreach;
    // RFC 7606 §3 g: the first one stands.
    throw new WireError(UPDATE_ERROR.malformedAttributeList, "twice", { severity: multiprotocol ? "reset" : "discard" });
  }
  seen.add(code);
  const rule = ruleOf(code);
  if (rule === undefined) {
    if ((flags & FLAG.optional) === 0) throw new WireError(UPDATE_ERROR.unrecognizedWellKnown, "well-known but unknown");
    // RFC 4271 §5: non-transitive ones are quietly ignored.
    if ((flags & FLAG.transitive) !== 0) opaque.push({ flags: flags & ~FLAG.extendedLength, code, value });
    return;
  }
  if (((flags ^ rule.flags) & (FLAG.optional | FLAG.transitive)) !== 0) {
    throw new WireError(UPDATE_ERROR.attributeFlags, `flags 0x${flags.toString(16).padStart(2, "0")}`, { severity: rule.flagsSeverity });
  }
  rule.decode(value, context, draft);
  if (rule.opaque) opaque.push({ flags: flags & ~FLAG.extendedLength, code, value });
}

/**
 * Fewer octets left than an attribute header (code 0), or than its length says: withdrawal, for Total Attribute Length still tells where
 * the classic NLRI is (RFC 7606 §4). @throws {WireError} where it is an MP attribute: its prefixes are lost (RFC 7606 §3 j).
 */
function overrun(code: number, left: number): WireError {
  if (code === ATTRIBUTE.mpReach) throw new WireError(UPDATE_ERROR.malformedAttributeList, "MP_REACH_NLRI runs past the end");
  if (code === ATTRIBUTE.mpUnreach) throw new WireError(UPDATE_ERROR.optionalAttribute, "MP_UNREACH_NLRI runs past the end");
  const message = `an attribute runs past the end, ${left} octets are left`;
  return new WireError(UPDATE_ERROR.malformedAttributeList, message, { severity: "withdraw" });
}

/** A NOTIFICATION of at most 4096 octets may quote this much. */
const MOST_QUOTED = 4096 - 21;
/** Subcodes whose data is the attribute with type and length (RFC 4271 §6.3). */
const QUOTING: ReadonlySet<number> = new Set([
  UPDATE_ERROR.unrecognizedWellKnown.subcode,
  UPDATE_ERROR.attributeFlags.subcode,
  UPDATE_ERROR.attributeLength.subcode,
  UPDATE_ERROR.invalidOrigin.subcode,
  UPDATE_ERROR.invalidNextHop.subcode,
  UPDATE_ERROR.optionalAttribute.subcode,
]);

function describe(error: WireError, code: number, attribute: Uint8Array): WireError {
  const name = attributeName(code);
  const message = error.message.startsWith(name) ? error.message : `${name}: ${error.message}`;
  const data = QUOTING.has(error.subcode) ? attribute.slice(0, MOST_QUOTED) : error.data;
  return new WireError(error, message, { data, severity: error.severity, cause: error.cause });
}

/** What a two-octet speaker carried along for four-octet ones (RFC 6793 §4.2.3). */
function applyAs4({ attributes, as4Path, as4Aggregator }: AttributeDraft): void {
  const { aggregator, asPath } = attributes;
  // A speaker that aggregated anew without knowing AS4 attributes left its own number there: the AS4 ones are older, hence wrong.
  if (as4Aggregator !== null && aggregator !== undefined) {
    if (aggregator.asn !== AS_TRANS) return;
    attributes.aggregator = as4Aggregator;
  }
  if (as4Path !== null && asPath !== undefined) attributes.asPath = mergeAs4Path(asPath, as4Path);
}

const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;

function attributeList(attributes: PathAttributes, asn4: boolean): OpaqueAttribute[] {
  const list: OpaqueAttribute[] = [...(attributes.opaque ?? [])];
  const add = (flags: number, code: number, value: Uint8Array) => list.push({ flags, code, value });
  const { origin, asPath, nextHop, med, localPref, aggregator, communities, originatorId, clusterList, otc } = attributes;
  if (origin !== undefined) add(FLAG.transitive, ATTRIBUTE.origin, encodeOrigin(origin));
  if (asPath !== undefined) {
    add(FLAG.transitive, ATTRIBUTE.asPath, encodeAsPath(asPath, asn4));
    const as4Path = asn4 ? null : as4PathFor(asPath);
    if (as4Path !== null) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.as4Path, encodeAsPath(as4Path, true));
  }
  if (nextHop !== undefined) add(FLAG.transitive, ATTRIBUTE.nextHop, nextHop.octets);
  if (med !== undefined) add(FLAG.optional, ATTRIBUTE.med, encodeNumber(med));
  if (localPref !== undefined) add(FLAG.transitive, ATTRIBUTE.localPref, encodeNumber(localPref));
  if (attributes.atomicAggregate === true) add(FLAG.transitive, ATTRIBUTE.atomicAggregate, new Uint8Array(0));
  if (aggregator !== undefined) {
    add(OPTIONAL_TRANSITIVE, ATTRIBUTE.aggregator, encodeAggregator(aggregator, asn4));
    if (!asn4 && aggregator.asn > 0xffff) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.as4Aggregator, encodeAggregator(aggregator, true));
  }
  if (originatorId !== undefined) add(FLAG.optional, ATTRIBUTE.originatorId, encodeNumber(originatorId));
  if (otc !== undefined) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.otc, encodeNumber(otc));
  // An empty list is not sent: on the wire it would be malformed.
  if (communities?.length) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.communities, encodeNumbers(communities));
  if (clusterList?.length) add(FLAG.optional, ATTRIBUTE.clusterList, encodeNumbers(clusterList));
  const { extendedCommunities, largeCommunities } = attributes;
  if (extendedCommunities?.length) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.extendedCommunities, encodeExtendedCommunities(extendedCommunities));
  if (largeCommunities?.length) add(OPTIONAL_TRANSITIVE, ATTRIBUTE.largeCommunities, encodeLargeCommunities(largeCommunities));
  return list;
}
