/**
 * Herald as the announcer of a benchmark: a whole Peer with its sockets, timers and state machine, fed straight with N host routes instead of by a planner. Runs in
 * a process of its own; prints one line of JSON when the routes are loaded, and one when its input ends.
 */

import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { AttributeTable } from "../../src/bgp/rib/attribute-table.ts";
import { PrefixTable } from "../../src/bgp/rib/prefix-table.ts";
import { REHEARSALS, rehearse } from "../../src/bgp/rib/rehearsal.ts";
import { PLAIN_ATTRIBUTES } from "../../src/bgp/rib/route.ts";
import { systemClock } from "../../src/clock.ts";
import { type Address, addressFromOctets, type Family } from "../../src/ip/address.ts";
import { hostPrefix } from "../../src/ip/prefix.ts";
import type { BGPPeer } from "../../src/objects/kinds.ts";
import { Peer } from "../../src/speaker/peer.ts";
import { peerAccess } from "../../src/speaker/peer-access.ts";
import { loadSystemCalls } from "../../src/speaker/sockopt/system-calls.ts";
import { tcp } from "../../src/speaker/transport.ts";

export interface HeraldReport {
  readonly peakRssMiB: number;
  /** Longest delay of the event loop while sessions were up, ms. */
  readonly loopDelayMax: number;
}

/** Octets of the n-th host address: in 10.0.0.0/8, or in 2001:db8::/64. */
export function hostOctets(family: Family, n: number): Uint8Array {
  if (family === "IPv4") return Uint8Array.of(10, n >>> 16, n >>> 8, n);
  return Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, n >>> 24, n >>> 16, n >>> 8, n);
}

export interface HeraldOptions {
  readonly family: 4 | 6;
  readonly count: number;
  /** The peer's address, port and AS. */
  readonly address: string;
  readonly port: number;
  readonly peerAs: number;
  /** Address to dial from; null = the kernel's choice. */
  readonly source: string | null;
  /** Walks the way of a dump before the first session. */
  readonly rehearsed: boolean;
}

export function runHeraldAnnouncer(options: HeraldOptions): void {
  const family = options.family === 6 ? "IPv6" : "IPv4";
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const nextHop = { IPv4: addressFromOctets(Uint8Array.of(10, 0, 0, 5)), IPv6: addressFromOctets(hostOctets("IPv6", 5)) };
  const object = peerObject(family, options);
  const peer = new Peer(
    {
      peer: object,
      routerId: 0x0a000005,
      nextHop,
      forwardingPreserved: false,
      access: peerAccess(object, { known: true, key: null }, loadSystemCalls),
    },
    {
      prefixes: new PrefixTable(),
      attributes: new AttributeTable(),
      clock: systemClock,
      transport: tcp,
      log: () => {},
      recorder: null,
      load: loadSystemCalls,
      seed: () => 1,
      holding: () => false,
      happened: () => {},
      handed: () => {},
      down: () => {},
      established: (self) => {
        self.openRoutes();
      },
    },
  );
  for (let n = 0; n < options.count; n++) peer.want(hostPrefix(addressFromOctets(hostOctets(family, n))), PLAIN_ATTRIBUTES);
  peer.allowEndOfRib();
  if (options.rehearsed) for (let i = 0; i < REHEARSALS; i++) rehearse();
  globalThis.gc?.();
  peer.start();
  process.stdout.write(`${JSON.stringify({ loaded: true })}\n`);
  process.stdin.on("data", () => {
    // Between two measurements.
    delay.reset();
    delay.enable();
  });
  process.stdin.on("end", () => {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    const report: HeraldReport = { peakRssMiB: Number(peak?.[1] ?? 0) / 1024, loopDelayMax: delay.max / 1e6 };
    process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
  });
}

function addressOf(text: string): Address {
  return addressFromOctets(Uint8Array.from(text.split("."), Number));
}

function peerObject(family: Family, { address, port, peerAs, source }: HeraldOptions): BGPPeer {
  return {
    kind: "BGPPeer",
    metadata: {
      name: "receiver",
      namespace: "",
      uid: "",
      resourceVersion: "",
      generation: 1,
      creationTimestamp: "",
      deleting: false,
      labels: {},
      annotations: {},
    },
    myASN: 65001,
    peerASN: peerAs,
    peerAddress: addressOf(address),
    peerPort: port,
    interface: null,
    defaultGateway: null,
    sourceAddress: source === null ? null : addressOf(source),
    vrf: null,
    holdTimeSeconds: 180,
    keepaliveTimeSeconds: null,
    sendHoldTimeSeconds: null,
    connectTimeSeconds: 5,
    ebgpMultiHop: false,
    multihopTTL: null,
    ttlSecurityHops: null,
    password: null,
    passwordSecret: null,
    tcpAO: [],
    bfdProfile: null,
    gracefulRestart: { enabled: true, restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: null },
    families: [family],
    extendedNextHop: false,
    nextHopSource: "Session",
    nextHop: { ipv4: null, ipv6: null },
    routerID: null,
    role: null,
    passive: false,
    announceLimit: { ipv4: null, ipv6: null },
    extendedMessages: false,
    omitCapabilities: [],
    nodeSelectors: [],
    adminDown: null,
  };
}
