import type { Address } from "../ip/address.ts";
import { addressFromOctets } from "../ip/address.ts";
import { parseRange } from "../ip/parse.ts";
import type { Prefix } from "../ip/prefix.ts";
import { ADDRESSES_RULE } from "./cel.ts";
import { names, parseCidr, selectors } from "./fields.ts";
import type { IPAddressPool, Metadata } from "./kinds.ts";
import { boolean, integer, type Parsed, text } from "./scalars.ts";
import type { TypeOf } from "./schema.ts";
import { list, object, optional, orElse, required, withDefault } from "./structures.ts";

type Range = IPAddressPool["ranges"][number];

/** spec of an IPAddressPool. */
export const ipAddressPoolSpec = object("Addresses that Services of type LoadBalancer are given.", {
  addresses: required(
    list(
      "The pool's addresses.",
      text("A prefix or a range.", parseAddresses, {
        maxLength: 93,
        allowed: "a prefix like 192.0.2.0/24 or a range like 192.0.2.10-192.0.2.20",
        cel: [ADDRESSES_RULE],
      }),
      { min: 1, max: 256 },
    ),
  ),
  autoAssign: withDefault(boolean("Give these addresses to Services that ask for no pool."), true),
  avoidBuggyIPs: withDefault(boolean("Never give out IPv4 addresses that end in .0 or .255."), false),
  serviceAllocation: optional(
    object("Services that may use the pool; all by default.", {
      priority: withDefault(integer("Among pools that fit, the lowest above 0 is used first.", { min: 0, max: 2_147_483_647 }), 0),
      namespaces: orElse(names("Namespaces whose Services may use it."), []),
      namespaceSelectors: orElse(selectors("Labels of such namespaces."), []),
      serviceSelectors: orElse(selectors("Labels of such Services."), []),
    }),
  ),
});

/** herald.dev/v1alpha1 IPAddressPool. */
export function projectIPAddressPool(spec: TypeOf<typeof ipAddressPoolSpec>, metadata: Metadata): IPAddressPool {
  const { addresses, autoAssign, avoidBuggyIPs, serviceAllocation } = spec;
  return { kind: "IPAddressPool", metadata, ranges: addresses, autoAssign, avoidBuggyIPs, serviceAllocation };
}

function parseAddresses(value: string): Parsed<Range> {
  if (value.includes("-")) {
    const range = parseRange(value);
    return range.ok ? { ok: true, value: { from: range.value.first, to: range.value.last } } : range;
  }
  const prefix = parseCidr(value);
  return prefix.ok ? { ok: true, value: { from: prefix.value.address, to: lastAddress(prefix.value) } } : prefix;
}

function lastAddress({ address, length }: Prefix): Address {
  const octets = address.octets.map((octet, i) => octet | (0xff >> Math.min(8, Math.max(0, length - i * 8))));
  return addressFromOctets(octets);
}
