/** Who is a router on a link, as the kernel's neighbour table has it (RFC 4861 §5.1: the IsRouter flag, which router advertisements set). */

import { networkInterfaces } from "node:os";
import { type Address, compareAddresses, isLinkLocal } from "../ip/address.ts";
import { parseAddress } from "../ip/parse.ts";
import { readNeighbours } from "./sockopt/netlink.ts";
import { sendAdvertisement } from "./sockopt/router-advertisement.ts";
import { type LoadedCalls, SystemCallError } from "./sockopt/system-calls.ts";

/** Link-local addresses of routers that are reachable as far as the kernel knows, in numeric order. */
export type LinkRouters = { readonly ok: true; readonly routers: readonly Address[] } | { readonly ok: false; readonly why: string };

/** This host's own addresses on one link. */
export interface LinkAddresses {
  readonly index: number;
  readonly linkLocal: Address | null;
  readonly global: Address | null;
  /** Its link-layer address, `02:42:0a:58:00:0a`. */
  readonly mac: string;
}

/** null = there is no such interface, or it is down: the system lists those that are up and have a carrier. */
export function readLinkAddresses(device: string): LinkAddresses | null {
  const entries = networkInterfaces()[device];
  if (entries === undefined) return null;
  const addresses = entries.flatMap(({ address }) => {
    const parsed = parseAddress(address);
    return parsed.ok && parsed.value.family === "IPv6" ? [parsed.value] : [];
  });
  return {
    index: entries.reduce((index, { scopeid = 0 }) => Math.max(index, scopeid), 0),
    linkLocal: addresses.find(isLinkLocal) ?? null,
    global: addresses.find((address) => !isLinkLocal(address)) ?? null,
    mac: entries[0]?.mac ?? "",
  };
}

/**
 * Tells the routers on a link that this host is there. An unnumbered neighbour of theirs is whoever sends router advertisements; ours says that this host is no
 * default router. Returns why it could not be sent; "" = it was. Interfaces that are down get none.
 */
export function advertiseOn(device: string, loaded: LoadedCalls): string {
  const link = readLinkAddresses(device);
  if (!loaded.ok || link === null || link.linkLocal === null) return "";
  try {
    sendAdvertisement(loaded.calls, link.index, link.mac);
    return "";
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    // An address whose duplicate detection still runs is none yet.
    if (error.code === "EADDRNOTAVAIL" || error.code === "ENETUNREACH") return "";
    const remedy = error.code === "EPERM" || error.code === "EACCES" ? ": give the process the capability NET_RAW" : "";
    return `no router advertisement can be sent (${error.message})${remedy}`;
  }
}

export function readRouters(device: string, loaded: LoadedCalls): LinkRouters {
  if (!loaded.ok) return { ok: false, why: loaded.why };
  const link = readLinkAddresses(device);
  if (link === null) return { ok: false, why: `there is no interface ${device} on this host that is up and has a carrier` };
  if (link.linkLocal === null) return { ok: false, why: `${device} has no IPv6 link-local address: is IPv6 switched off there?` };
  try {
    const routers = readNeighbours(loaded.calls, link.index).filter(({ isRouter, isReachable }) => isRouter && isReachable);
    return {
      ok: true,
      routers: routers
        .map(({ address }) => address)
        .filter(isLinkLocal)
        .sort(compareAddresses),
    };
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    return { ok: false, why: `the neighbours on ${device} cannot be read: ${error.message}` };
  }
}
