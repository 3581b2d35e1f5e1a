/**
 * One row per path attribute we recognise: its flags and what to do with its value. Everything the table of RFC 7606 §7 says about single
 * attributes is in these rows and the decoders they name.
 */
import { WireError } from "../../errors.ts";
import { decodeAsPath, hasConfederation, withoutConfederation } from "./as-path.ts";
import {
  decodeAggregator,
  decodeAtomicAggregate,
  decodeExtendedCommunities,
  decodeLargeCommunities,
  decodeNextHop,
  decodeNumber,
  decodeNumbers,
  decodeOrigin,
} from "./attribute-values.ts";
import { ATTRIBUTE, FLAG, UPDATE_ERROR } from "./iana.ts";
import type { Aggregator, AnnouncedBlock, AsPath, PathAttributes, UpdateContext, WithdrawnBlock } from "./messages.ts";
import { decodeMpReach, decodeMpUnreach } from "./mp-attributes.ts";
import { checkAttrSet, checkTlvs } from "./opaque-values.ts";

/** What is being collected from one attribute list. */
export interface AttributeDraft {
  readonly attributes: { -readonly [K in keyof PathAttributes]: PathAttributes[K] };
  as4Path: AsPath | null;
  as4Aggregator: Aggregator | null;
  reach: AnnouncedBlock | null;
  unreach: WithdrawnBlock | null;
  /** MP attributes of families that were not negotiated. */
  ignoredFamilies: number;
}

export interface AttributeRule {
  /** Optional and transitive bits; the others are not compared (RFC 7606 §3 c). */
  readonly flags: number;
  /** What wrong flags do. */
  readonly flagsSeverity: "reset" | "withdraw" | "discard";
  /** Reads the value into the draft. @throws {WireError} with the severity of the attribute's row. */
  readonly decode: (value: Uint8Array, context: UpdateContext, draft: AttributeDraft) => void;
  /** True where the attribute is kept as octets once `decode` found nothing wrong. */
  readonly opaque: boolean;
}

const WELL_KNOWN = FLAG.transitive;
const OPTIONAL = FLAG.optional;
const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;

/** The row of an attribute, or undefined for one we do not recognise. */
export function ruleOf(code: number): AttributeRule | undefined {
  return RULES.get(code);
}

function row(code: number, flags: number, decode: AttributeRule["decode"]): readonly [number, AttributeRule] {
  return [code, { flags, flagsSeverity: "withdraw", decode, opaque: false }];
}

/** A multiprotocol attribute: its prefixes cannot be found again, so every error resets. */
function mpRow(code: number, decode: AttributeRule["decode"]): readonly [number, AttributeRule] {
  return [code, { flags: OPTIONAL, flagsSeverity: "reset", decode, opaque: false }];
}

/** An attribute that is none of our business but has a syntax of its own. */
function opaqueRow(
  code: number,
  flags: number,
  severity: "withdraw" | "discard",
  check: (value: Uint8Array) => void,
): readonly [number, AttributeRule] {
  return [code, { flags, flagsSeverity: severity, decode: check, opaque: true }];
}

const RULES: ReadonlyMap<number, AttributeRule> = new Map([
  row(ATTRIBUTE.origin, WELL_KNOWN, (value, _context, { attributes }) => {
    attributes.origin = decodeOrigin(value);
  }),
  row(ATTRIBUTE.asPath, WELL_KNOWN, (value, { asn4, ibgp }, { attributes }) => {
    const path = decodeAsPath(value, asn4);
    if (!ibgp && hasConfederation(path)) {
      // RFC 5065 §5: from outside a confederation such segments are malformed.
      throw new WireError(UPDATE_ERROR.malformedAsPath, "AS_PATH: a confederation segment", { severity: "withdraw" });
    }
    attributes.asPath = path;
  }),
  row(ATTRIBUTE.nextHop, WELL_KNOWN, (value, _context, { attributes }) => {
    attributes.nextHop = decodeNextHop(value);
  }),
  row(ATTRIBUTE.med, OPTIONAL, (value, _context, { attributes }) => {
    attributes.med = decodeNumber(value);
  }),
  row(ATTRIBUTE.localPref, WELL_KNOWN, (value, context, { attributes }) => {
    internalOnly(context);
    attributes.localPref = decodeNumber(value);
  }),
  row(ATTRIBUTE.atomicAggregate, WELL_KNOWN, (value, _context, { attributes }) => {
    attributes.atomicAggregate = decodeAtomicAggregate(value);
  }),
  row(ATTRIBUTE.aggregator, OPTIONAL_TRANSITIVE, (value, { asn4 }, { attributes }) => {
    attributes.aggregator = decodeAggregator(value, asn4);
  }),
  row(ATTRIBUTE.communities, OPTIONAL_TRANSITIVE, (value, _context, { attributes }) => {
    attributes.communities = decodeNumbers(value);
  }),
  row(ATTRIBUTE.originatorId, OPTIONAL, (value, context, { attributes }) => {
    internalOnly(context);
    attributes.originatorId = decodeNumber(value);
  }),
  row(ATTRIBUTE.clusterList, OPTIONAL, (value, context, { attributes }) => {
    internalOnly(context);
    attributes.clusterList = decodeNumbers(value);
  }),
  mpRow(ATTRIBUTE.mpReach, (value, context, draft) => {
    draft.reach = decodeMpReach(value, context);
    if (draft.reach === null) draft.ignoredFamilies += 1;
  }),
  mpRow(ATTRIBUTE.mpUnreach, (value, context, draft) => {
    draft.unreach = decodeMpUnreach(value, context);
    if (draft.unreach === null) draft.ignoredFamilies += 1;
  }),
  row(ATTRIBUTE.extendedCommunities, OPTIONAL_TRANSITIVE, (value, _context, { attributes }) => {
    attributes.extendedCommunities = decodeExtendedCommunities(value);
  }),
  row(ATTRIBUTE.as4Path, OPTIONAL_TRANSITIVE, (value, context, draft) => {
    oldSpeakerOnly(context);
    // RFC 6793 §6: too short for one AS number.
    if (value.length < 6) throw badLength(value, "discard");
    draft.as4Path = withoutConfederation(discardingErrors(() => decodeAsPath(value, true)));
  }),
  row(ATTRIBUTE.as4Aggregator, OPTIONAL_TRANSITIVE, (value, context, draft) => {
    oldSpeakerOnly(context);
    draft.as4Aggregator = decodeAggregator(value, true);
  }),
  opaqueRow(ATTRIBUTE.ipv6ExtendedCommunities, OPTIONAL_TRANSITIVE, "withdraw", (value) => {
    if (value.length === 0 || value.length % 20 !== 0) throw badLength(value, "withdraw");
  }),
  opaqueRow(ATTRIBUTE.aigp, OPTIONAL, "discard", (value) => checkTlvs(value, { typeOctets: 1, lengthIncludesHeader: true })),
  opaqueRow(ATTRIBUTE.linkState, OPTIONAL, "discard", (value) => checkTlvs(value, { typeOctets: 2, lengthIncludesHeader: false })),
  row(ATTRIBUTE.largeCommunities, OPTIONAL_TRANSITIVE, (value, _context, { attributes }) => {
    attributes.largeCommunities = decodeLargeCommunities(value);
  }),
  row(ATTRIBUTE.otc, OPTIONAL_TRANSITIVE, (value, _context, { attributes }) => {
    attributes.otc = decodeNumber(value);
  }),
  opaqueRow(ATTRIBUTE.prefixSid, OPTIONAL_TRANSITIVE, "discard", (value) =>
    checkTlvs(value, { typeOctets: 1, lengthIncludesHeader: false }),
  ),
  opaqueRow(ATTRIBUTE.attrSet, OPTIONAL_TRANSITIVE, "withdraw", checkAttrSet),
]);

/** LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST mean nothing between autonomous systems (RFC 7606 §7.5, §7.9, §7.10). */
function internalOnly({ ibgp }: UpdateContext): void {
  if (!ibgp) throw new WireError(UPDATE_ERROR.optionalAttribute, "sent by an external peer", { severity: "discard" });
}

/** Between speakers that both know four octets the AS4 attributes are discarded (RFC 6793 §4.1). */
function oldSpeakerOnly({ asn4 }: UpdateContext): void {
  if (asn4) throw new WireError(UPDATE_ERROR.optionalAttribute, "sent by a four-octet speaker", { severity: "discard" });
}

/** A malformed AS4_PATH is discarded, not the route (RFC 6793 §6). */
function discardingErrors<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new WireError(error, error.message, { severity: "discard", cause: error });
  }
}

function badLength(value: Uint8Array, severity: "withdraw" | "discard"): WireError {
  return new WireError(UPDATE_ERROR.attributeLength, `a length of ${value.length}`, { severity });
}
