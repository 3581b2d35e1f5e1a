import type { Address } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { parseAddress, parsePrefix } from "../ip/parse.ts";
import type { Prefix } from "../ip/prefix.ts";

/** What a person asks about. */
export type Subject =
  | { readonly type: "service"; readonly namespace: string; readonly name: string }
  | { readonly type: "address"; readonly address: Address }
  | { readonly type: "prefix"; readonly prefix: Prefix };

/** Text with `/` that parses as a prefix is one, an address is one, everything else is `[namespace/]name`. */
export function parseSubject(text: string, defaultNamespace: string): Subject {
  const slash = text.indexOf("/");
  if (slash < 0) {
    const address = parseAddress(text);
    if (address.ok) return { type: "address", address: address.value };
    return { type: "service", namespace: defaultNamespace, name: text };
  }
  const prefix = parsePrefix(text, { hostBits: "mask" });
  if (prefix.ok) return { type: "prefix", prefix: prefix.value };
  return { type: "service", namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** The subject as a person would write it. */
export function formatSubject(subject: Subject): string {
  switch (subject.type) {
    case "service":
      return `${subject.namespace}/${subject.name}`;
    case "address":
      return formatAddress(subject.address);
    case "prefix":
      return formatPrefix(subject.prefix);
  }
}
