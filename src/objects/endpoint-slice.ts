import type { Address } from "../ip/address.ts";
import type { Report } from "./findings.ts";
import type { Endpoint, EndpointList, EndpointSlice, Metadata } from "./kinds.ts";
import { entryAddress, plainAddress } from "./kubernetes-address.ts";
import { elements, mapping, oddEntry, textOf } from "./metadata.ts";
import { PackedEndpoints } from "./packed-endpoints.ts";
import { repeated } from "./repeated.ts";
import { shown } from "./schema.ts";

const SERVICE_NAME = "kubernetes.io/service-name";
const ADDRESS_TYPES = ["IPv4", "IPv6", "FQDN"] as const;

/** discovery.k8s.io/v1 EndpointSlice. */
export function projectEndpointSlice(raw: Readonly<Record<string, unknown>>, metadata: Metadata, report: Report): EndpointSlice {
  const labels = mapping(mapping(raw["metadata"])["labels"]);
  const addressType = ADDRESS_TYPES.find((one) => one === raw["addressType"]);
  if (addressType === undefined) {
    const missing = raw["addressType"] === undefined || raw["addressType"] === null;
    report.add({
      code: missing ? "requiredField" : "invalidValue",
      path: ["addressType"],
      message: missing ? "is missing" : `${shown(raw["addressType"])} is not known`,
      allowed: ADDRESS_TYPES.join(", "),
      atKey: missing,
    });
  }
  return {
    kind: "EndpointSlice",
    metadata,
    serviceName: textOf(labels[SERVICE_NAME]) || null,
    addressType: addressType ?? "FQDN",
    endpoints: addressType === undefined || addressType === "FQDN" ? [] : endpoints(raw["endpoints"], addressType, report),
  };
}

function endpoints(value: unknown, family: "IPv4" | "IPv6", report: Report): EndpointList {
  const found: Endpoint[] = [];
  const list = elements(value, ["endpoints"], report);
  for (let index = 0; index < list.length; index++) {
    const endpoint = readEndpoint(mapping(list[index]), index, family, report);
    if (endpoint !== null) found.push(endpoint);
  }
  return new PackedEndpoints(family, found);
}

function readEndpoint(raw: Readonly<Record<string, unknown>>, index: number, family: "IPv4" | "IPv6", report: Report): Endpoint | null {
  // The API says that consumers should use the first address alone.
  const written = raw["addresses"];
  const first: unknown = Array.isArray(written) ? written[0] : undefined;
  const address = plainAddress(first) ?? oddAddress(written, index, family, report);
  if (address === null) return null;
  if (address.family !== family) {
    report.add(
      oddEntry(
        ["endpoints", index, "addresses", 0],
        `${shown(first)} is not an ${family} address as addressType says: left out`,
        `an ${family} address`,
      ),
    );
    return null;
  }
  const conditions = mapping(raw["conditions"]);
  const ready = typeof conditions["ready"] === "boolean" ? conditions["ready"] : true;
  const target = mapping(raw["targetRef"]);
  return {
    address,
    nodeName: repeated(textOf(raw["nodeName"])) || null,
    ready,
    serving: typeof conditions["serving"] === "boolean" ? conditions["serving"] : ready,
    terminating: conditions["terminating"] === true,
    pod: target["kind"] === "Pod" ? textOf(target["name"]) || null : null,
  };
}

/** What is not plainly an address; null after it was reported. */
function oddAddress(written: unknown, index: number, family: "IPv4" | "IPv6", report: Report): Address | null {
  const [first] = elements(written, ["endpoints", index, "addresses"], report);
  if (first !== undefined) return entryAddress(first, ["endpoints", index, "addresses", 0], report);
  report.add(oddEntry(["endpoints", index], "has no address: left out", `an ${family} address`));
  return null;
}
