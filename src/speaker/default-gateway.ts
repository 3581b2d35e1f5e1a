/** The default gateways of this host, as the kernel shows its routes in /proc/net (proc(5)). */

import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import { type Address, addressFromOctets, type Family } from "../ip/address.ts";

export interface Gateway {
  readonly address: Address;
  readonly device: string;
}

/** Those of the lowest metric, in the kernel's order. */
export type Gateways = { readonly ok: true; readonly gateways: readonly Gateway[] } | { readonly ok: false; readonly why: string };

const FILES = { IPv4: "/proc/net/route", IPv6: "/proc/net/ipv6_route" } as const;
/** RTF_UP and RTF_GATEWAY (linux/route.h). */
const UP = 0x1;
const GATEWAY = 0x2;

export function readGateways(family: Family): Gateways {
  try {
    const text = readFileSync(FILES[family], "utf8");
    return { ok: true, gateways: family === "IPv4" ? ipv4Gateways(text, endianness()) : ipv6Gateways(text) };
  } catch (error) {
    return { ok: false, why: `the routes of this host cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** `/proc/net/route`: addresses are words in the order of the machine. */
export function ipv4Gateways(text: string, order: "LE" | "BE"): readonly Gateway[] {
  return lowestMetric(
    text
      .split("\n")
      .slice(1)
      .flatMap((line) => {
        const [device = "", destination = "", gateway = "", flags = "", , , metric = "", mask = ""] = line
          .split("\t")
          .map((field) => field.trim());
        if (destination !== "00000000" || mask !== "00000000" || !isGateway(flags)) return [];
        const octets = Uint8Array.from(Buffer.from(gateway, "hex"));
        return octets.length === 4
          ? [{ address: addressFromOctets(order === "LE" ? octets.reverse() : octets), device, metric: Number(metric) }]
          : [];
      }),
  );
}

/** `/proc/net/ipv6_route`: octets in network order, numbers in hexadecimal. */
export function ipv6Gateways(text: string): readonly Gateway[] {
  return lowestMetric(
    text.split("\n").flatMap((line) => {
      const [destination = "", length = "", , , gateway = "", metric = "", , , flags = "", device = ""] = line.trim().split(/ +/);
      if (!/^0{32}$/.test(destination) || length !== "00" || !isGateway(flags)) return [];
      const octets = Uint8Array.from(Buffer.from(gateway, "hex"));
      return octets.length === 16 ? [{ address: addressFromOctets(octets), device, metric: Number.parseInt(metric, 16) }] : [];
    }),
  );
}

function isGateway(flags: string): boolean {
  return (Number.parseInt(flags, 16) & (UP | GATEWAY)) === (UP | GATEWAY);
}

function lowestMetric(gateways: readonly (Gateway & { readonly metric: number })[]): readonly Gateway[] {
  const lowest = Math.min(...gateways.map(({ metric }) => metric));
  return gateways.filter(({ metric }) => metric === lowest).map(({ address, device }) => ({ address, device }));
}
