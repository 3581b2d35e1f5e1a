import type { Address, Family } from "../ip/address.ts";
import { isAsn, parseAsn } from "../ip/asn.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { parseAddress, parsePrefix } from "../ip/parse.ts";
import type { Prefix } from "../ip/prefix.ts";
import { DURATION_ALLOWED, formatDuration, parseDuration } from "../text/duration.ts";
import { hostRule, PREFIX_RULE, WHOLE_SECONDS_RULE } from "./cel.ts";
import type { LabelSelector } from "./kinds.ts";
import { choice, numberOrText, type Parsed, string, text } from "./scalars.ts";
import { quoted, type Schema } from "./schema.ts";
import { list, object, orElse, required, textMap } from "./structures.ts";

/** Values that several kinds hold, each described once. */

/** Names of Kubernetes objects: RFC 1123 subdomains. */
export const NAME_PATTERN = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
const NAME_ALLOWED = "lower-case letters, digits, - and .";

/** A single address, of one family where `family` says so. Addresses that no host can have are refused. */
export function address(description: string, family?: Family): Schema<Address> {
  const allowed = family === undefined ? "an IPv4 or IPv6 address" : `an ${family} address`;
  const parse = (value: string): Parsed<Address> => {
    const parsed = parseAddress(value);
    if (!parsed.ok) return parsed;
    if (family !== undefined && parsed.value.family !== family)
      return { ok: false, why: `${quoted(value)} is an ${parsed.value.family} address` };
    const why = notAHost(parsed.value);
    return why === null ? parsed : { ok: false, why: `${quoted(value)} ${why}` };
  };
  return text(description, parse, { maxLength: 45, allowed, cel: [hostRule(allowed, family)] });
}

/** A prefix with its length and without host bits; what is nearly right is answered with the right form. */
export function cidr(description: string): Schema<Prefix> {
  return text(description, parseCidr, { maxLength: 49, allowed: "a prefix like 192.0.2.0/24 or 2001:db8::/64", cel: [PREFIX_RULE] });
}

/** `192.0.2.0/24`; refusals carry the right form where there is one. */
export function parseCidr(value: string): Parsed<Prefix> {
  const masked = parsePrefix(value, { hostBits: "mask" });
  if (!masked.ok) return masked;
  if (!value.includes("/")) return { ok: false, why: `${quoted(value)} has no prefix length`, allowed: formatPrefix(masked.value) };
  if (parsePrefix(value, { hostBits: "refuse" }).ok) return masked;
  return { ok: false, why: `${quoted(value)} has host bits: did you mean ${formatPrefix(masked.value)}?` };
}

/** An AS number, or one of `words`. */
export function asNumber<const W extends string>(description: string, words: readonly W[]): Schema<number | W> {
  const allowed = ["an AS number in 1..4294967295", ...words].join(", ");
  const parse = (value: number | string): Parsed<number | W> => {
    if (typeof value === "number") return isAsn(value) ? { ok: true, value } : { ok: false, why: `${value} is not an AS number` };
    const word = words.find((one) => one === value);
    if (word !== undefined) return { ok: true, value: word };
    return parseAsn(value);
  };
  const listed = words.map((word) => `'${word}'`).join(", ");
  return numberOrText(description, parse, {
    allowed,
    cel: [
      {
        rule: `type(self) == int ? self >= 1 && self <= 4294967295 : self in [${listed}] || self.matches('^[1-9][0-9]{0,9}$')`,
        message: `must be ${allowed}`,
      },
    ],
  });
}

export interface DurationRange {
  readonly minMillis: number;
  readonly maxMillis: number;
  /** Zero is allowed too, although it is under the minimum. */
  readonly zero?: boolean;
  readonly wholeSeconds?: boolean;
}

/** A duration, in milliseconds. */
export function duration(description: string, range: DurationRange): Schema<number> {
  const { minMillis, maxMillis, zero = false, wholeSeconds = false } = range;
  const bounds = `${zero && minMillis > 0 ? "0s or " : ""}${formatDuration(minMillis)}..${formatDuration(maxMillis)}`;
  const allowed = `${DURATION_ALLOWED}, ${bounds}${wholeSeconds ? " in whole seconds" : ""}`;
  const parse = (value: string): Parsed<number> => {
    const millis = parseDuration(value);
    if (millis === undefined) return { ok: false, why: `${quoted(value)} is not a duration` };
    if (!(zero && millis === 0) && (millis < minMillis || millis > maxMillis)) return { ok: false, why: `${value} is outside ${bounds}` };
    if (wholeSeconds && millis % 1000 !== 0) return { ok: false, why: `${value} is not a whole number of seconds` };
    return { ok: true, value: millis };
  };
  const inRange = `duration(self) >= duration('${minMillis}ms') && duration(self) <= duration('${maxMillis}ms')`;
  return text(description, parse, {
    maxLength: 32,
    allowed,
    pattern: "^(0|([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+)$",
    cel: [
      { rule: zero && minMillis > 0 ? `duration(self) == duration('0s') || (${inRange})` : inRange, message: `must be ${allowed}` },
      ...(wholeSeconds ? [WHOLE_SECONDS_RULE] : []),
    ],
  });
}

/** The name of another object, or of a node, interface or class. */
export function name(description: string): Schema<string> {
  return string(description, { pattern: NAME_PATTERN, allowed: NAME_ALLOWED });
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** Kubernetes' LabelSelector: all parts must match; an empty one matches everything. */
export function labelSelector(description: string): Schema<LabelSelector> {
  const expression = object(
    "One requirement on a label.",
    {
      key: required(string("The label's key.", { maxLength: 317 })),
      operator: required(choice("How the label's value and `values` relate.", OPERATORS)),
      values: orElse(
        list("Values for In and NotIn.", string("A value; it may be empty.", { minLength: 0, maxLength: 63 }), { max: 64 }),
        [],
      ),
    },
    [
      {
        cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
        message: "In and NotIn need values; Exists and DoesNotExist have none",
        field: "values",
        holds: ({ operator, values }) => (operator === "In" || operator === "NotIn") === values.length > 0,
      },
    ],
  );
  return object(description, {
    matchLabels: orElse(textMap("Labels that must be there with these values.", { max: 64 }), {}),
    matchExpressions: orElse(list("Requirements, all of which must hold.", expression, { max: 64 }), []),
  });
}

/** A list of selectors of which one must match. */
export function selectors(description: string): Schema<readonly LabelSelector[]> {
  return list(description, labelSelector("A label selector; empty matches everything."), { max: 32 });
}

/** A list of names. */
export function names(description: string): Schema<readonly string[]> {
  return list(description, name("A name."), { max: 128 });
}

/** Why an address cannot be a host's, or null. */
function notAHost(value: Address): string | null {
  const [first = 0] = value.octets;
  if (value.octets.every((octet) => octet === 0)) return "is the unspecified address";
  if (value.family === "IPv4" ? first >= 224 && first < 240 : first === 0xff) return "is a multicast address";
  if (value.family === "IPv4" && (first === 0 || first >= 240)) return `is reserved: no host has ${formatAddress(value)}`;
  return null;
}
