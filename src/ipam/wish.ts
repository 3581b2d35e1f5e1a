import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { parseAddress } from "../ip/parse.ts";
import type { LoadBalancerWish, Service } from "../objects/kinds.ts";
import { type SharingTerms, sharingTerms } from "./sharing.ts";

export const POOL_ANNOTATION = "herald.dev/address-pool";
export const ADDRESSES_ANNOTATION = "herald.dev/loadBalancerIPs";

/** What one Service asks for, in one piece. */
export interface Wish {
  /** The first is the preferred one. */
  readonly families: readonly Family[];
  /** Without all of them the Service is given none. */
  readonly needsAll: boolean;
  /** null = any pool. */
  readonly pool: string | null;
  readonly requested: Readonly<Partial<Record<Family, Address>>>;
  readonly sharing: SharingTerms;
  /** Why it cannot be granted as it is written; null = it can. */
  readonly fault: string | null;
}

/** The class rule: a Service is ours to serve when its class is the configured one, or neither has one. */
export function isOurs({ type, loadBalancerClass }: Service, ourClass: string): boolean {
  return type === "LoadBalancer" && (loadBalancerClass ?? "") === ourClass;
}

export function wishOf(service: Service, loadBalancer: LoadBalancerWish): Wish {
  const families = familiesOf(service, loadBalancer);
  const requested = requestedAddresses(service, loadBalancer, families);
  return {
    families,
    needsAll: loadBalancer.ipFamilyPolicy !== "PreferDualStack",
    pool: service.metadata.annotations[POOL_ANNOTATION]?.trim() || null,
    requested: requested.addresses,
    sharing: sharingTerms(service, loadBalancer),
    fault: requested.fault,
  };
}

const ALONE: Readonly<Record<Family, readonly Family[]>> = { IPv4: ["IPv4"], IPv6: ["IPv6"] };
const FIRST_OF_BOTH: Readonly<Record<Family, readonly Family[]>> = { IPv4: ["IPv4", "IPv6"], IPv6: ["IPv6", "IPv4"] };

/** `ipFamilies`, which a server fills in; objects of before dual-stack have the family of their cluster IP. */
function familiesOf({ clusterIPs }: Service, { ipFamilies, ipFamilyPolicy }: LoadBalancerWish): readonly Family[] {
  const families = ipFamilies.length > 0 ? ipFamilies : clusterIPs.map(({ family }) => family);
  const first = families[0] ?? FAMILIES[0];
  const isAlone = ipFamilyPolicy === "SingleStack" || families.every((family) => family === first);
  return isAlone ? ALONE[first] : FIRST_OF_BOTH[first];
}

interface Requested {
  readonly addresses: Readonly<Partial<Record<Family, Address>>>;
  readonly fault: string | null;
}

const UNREQUESTED: Requested = { addresses: {}, fault: null };

function requestedAddresses({ metadata }: Service, { loadBalancerIP }: LoadBalancerWish, families: readonly Family[]): Requested {
  const annotated = listOf(metadata.annotations[ADDRESSES_ANNOTATION] ?? "");
  const field = listOf(loadBalancerIP);
  return annotated.length === 0 && field.length === 0 ? UNREQUESTED : readRequested(annotated, field, families);
}

function readRequested(annotated: readonly string[], field: readonly string[], families: readonly Family[]): Requested {
  const addresses: Partial<Record<Family, Address>> = {};
  const refuse = (fault: string): Requested => ({ addresses: {}, fault });
  const where = annotated.length > 0 ? ADDRESSES_ANNOTATION : "spec.loadBalancerIP";
  for (const text of annotated.length > 0 ? annotated : field) {
    const parsed = parseAddress(text);
    if (!parsed.ok) return refuse(`${where}: ${parsed.why}`);
    const address = parsed.value;
    const { family } = address;
    if (!families.includes(family)) return refuse(`${where}: ${text} is ${family}, and the Service is ${families.join(" and ")}`);
    const other = addresses[family];
    if (other !== undefined && other.key !== address.key)
      return refuse(`${where}: ${formatAddress(other)} and ${text} are both ${family}: a Service has one address per family`);
    addresses[family] = address;
  }
  for (const text of annotated.length > 0 ? field : []) {
    const parsed = parseAddress(text);
    if (!parsed.ok || addresses[parsed.value.family]?.key !== parsed.value.key)
      return refuse(`spec.loadBalancerIP is ${text}, and ${ADDRESSES_ANNOTATION} asks for ${annotated.join(", ")}: keep one of them`);
  }
  return { addresses, fault: null };
}

const NONE: readonly string[] = [];

function listOf(text: string): readonly string[] {
  if (text === "") return NONE;
  if (!text.includes(",")) {
    const one = text.trim();
    return one === "" ? NONE : [one];
  }
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
