import type { Address } from "../ip/address.ts";
import { parseAddress } from "../ip/parse.ts";
import type { FieldPath, Report } from "./findings.ts";
import { elements, oddEntry } from "./metadata.ts";
import { shown } from "./schema.ts";

/** An address as nearly all are written; null = {@link entryAddress} is to say what it is. */
export function plainAddress(value: unknown): Address | null {
  if (typeof value !== "string") return null;
  const parsed = parseAddress(value);
  return parsed.ok ? parsed.value : null;
}

/** An address in a Kubernetes object; one that cannot be read is a warning and null. */
export function entryAddress(value: unknown, path: FieldPath, report: Report): Address | null {
  if (typeof value !== "string") {
    report.add({
      severity: "warning",
      code: "wrongType",
      path,
      message: `${shown(value)} is not text: left out`,
      allowed: "an IP address",
    });
    return null;
  }
  const parsed = parseAddress(value);
  if (parsed.ok) return parsed.value;
  report.add(oddEntry(path, `${parsed.why}: left out`, "an IP address"));
  return null;
}

/** Addresses of a list field, each once, in the order written. */
export function entryAddresses(value: unknown, path: FieldPath, report: Report): readonly Address[] {
  const addresses: Address[] = [];
  const list = elements(value, path, report);
  for (let index = 0; index < list.length; index++) {
    const address = plainAddress(list[index]) ?? entryAddress(list[index], [...path, index], report);
    if (address !== null) pushOnce(addresses, address);
  }
  return addresses;
}

export function pushOnce(addresses: Address[], address: Address): void {
  if (!addresses.some(({ key }) => key === address.key)) addresses.push(address);
}
