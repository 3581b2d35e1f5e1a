/**
 * What the API server checks about one text, in CEL, so that it refuses what Herald would refuse, in the same words. Its library knows addresses and
 * prefixes since Kubernetes 1.31. Where CEL cannot say it all, it says less: Herald's own check has the last word.
 */

import type { Family } from "../ip/address.ts";
import { WELL_KNOWN_COMMUNITIES } from "../ip/communities.ts";

export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** IPv4-mapped IPv6, which Herald takes for IPv4 and CEL's library takes for nothing. */
const MAPPED = "self.matches('^::[fF][fF][fF][fF]:')";
const CIDR = `(${MAPPED} || (isCIDR(self) && cidr(self).ip() == cidr(self).masked().ip()))`;
const NUMERIC = "(self.matches('^(0|[1-9][0-9]{0,4}):(0|[1-9][0-9]{0,4})$') && self.split(':').all(n, int(n) <= 65535))";
const LARGE =
  "(self.matches('^large:(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$') && self.split(':').all(n, n == 'large' || int(n) <= 4294967295))";
const WELL_KNOWN = listOf(Object.keys(WELL_KNOWN_COMMUNITIES));

/** An address that a host can have. */
export function hostRule(allowed: string, family?: Family): CelRule {
  const host =
    "isIP(self) && (ip(self).isGlobalUnicast() || ip(self).isLoopback() || ip(self).isLinkLocalUnicast()) && !self.matches('^(0|24[0-9]|25[0-5])[.]')";
  const own = family === undefined ? host : `${host} && ip(self).family() == ${family === "IPv4" ? 4 : 6}`;
  return { rule: family === "IPv6" ? own : `${MAPPED} || (${own})`, message: `must be ${allowed} that a host can have` };
}

export const PREFIX_RULE: CelRule = { rule: CIDR, message: "must be a prefix like 192.0.2.0/24, without host bits" };

/** A prefix, or a range of one family. */
export const ADDRESSES_RULE: CelRule = {
  rule: `self.contains('-') ? ${MAPPED} || (self.split('-').size() == 2 && self.split('-').all(a, isIP(a.trim())) && ip(self.split('-')[0].trim()).family() == ip(self.split('-')[1].trim()).family()) : ${CIDR}`,
  message: "must be a prefix like 192.0.2.0/24, without host bits, or a range like 192.0.2.10-192.0.2.20 of one family",
};

export const ROUTER_ID_RULE: CelRule = {
  rule: "isIP(self) && ip(self).family() == 4 && !ip(self).isUnspecified()",
  message: "must be written like an IPv4 address, and not 0.0.0.0",
};

export const COMMUNITY_RULE: CelRule = {
  rule: `${NUMERIC} || ${LARGE} || self in ${WELL_KNOWN}`,
  message: "must be 65000:1, large:1:2:3 or a well-known name like no-export",
};

/** @param aliasPattern what an alias looks like */
export function communityOrAliasRule(aliasPattern: string): CelRule {
  return {
    rule: `${NUMERIC} || ${LARGE} || self.matches('${aliasPattern}')`,
    message: "must be 65000:1, large:1:2:3, a well-known name like no-export, or an alias of a Community object",
  };
}

/** An alias that nobody takes for a community. */
export const ALIAS_RULE: CelRule = {
  rule: `!(self.lowerAscii().replace('.', '-').replace('_', '-') in ${WELL_KNOWN})`,
  message: "must not read like a well-known community, which always means what its RFC says",
};

/** @param names of capabilities */
export function capabilityRule(names: readonly string[]): CelRule {
  return {
    // No pattern: a value that may be a number or a text has no greatest length, and its estimated cost would be beyond the API server's budget.
    rule: `type(self) == int ? self >= 1 && self <= 255 : self in ${listOf(names)} || (size(self) <= 3 && int(self) >= 1 && int(self) <= 255)`,
    message: `must be a code in 1..255 or one of ${names.slice(0, 3).join(", ")} and so on`,
  };
}

export const RATE_RULE: CelRule = {
  rule: "type(self) == int ? self >= 8 && self <= 1000000000000000 : self.matches('^[0-9]{1,15}([.][0-9]{1,9})?[kKMGT]?$') && !self.matches('^[0.]+[kKMGT]?$')",
  message: "must be bits per second like 1G, 400M or 2.5G, at most 1000T",
};

export const WHOLE_SECONDS_RULE: CelRule = {
  rule: "duration(self).getMilliseconds() % 1000 == 0",
  message: "must be a whole number of seconds",
};

function listOf(words: readonly string[]): string {
  return `[${words.map((word) => `'${word}'`).join(", ")}]`;
}
