import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../src/ip/format.ts";
import { type Gateway, ipv4Gateways, ipv6Gateways } from "../../../src/speaker/default-gateway.ts";

/** Lines of a kernel 6.x. */
const IPV4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0200580A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t0300580A\t0003\t0\t0\t50\t00000000\t0\t0\t0
wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const ZEROS = "0".repeat(32);
const IPV6 = `${ZEROS} 00 ${ZEROS} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
${ZEROS} 00 ${ZEROS} 00 fe800000000000000000000000000002 00000400 00000001 00000000 00000003     eth1
${ZEROS} 00 ${ZEROS} 00 fe800000000000000000000000000003 00000800 00000001 00000000 00000003     eth2
fe800000000000000000000000000000 40 ${ZEROS} 00 ${ZEROS} 00000100 00000001 00000000 00000001     eth0
${ZEROS} 00 ${ZEROS} 00 ${ZEROS} ffffffff 00000001 00000000 00200200       lo
`;

function texts(gateways: readonly Gateway[]): readonly string[] {
  return gateways.map(({ address, device }) => `${formatAddress(address)} ${device}`);
}

describe("default gateways in /proc/net", () => {
  it("are those of the lowest metric with a gateway, in the order of the machine's words", () => {
    expect(texts(ipv4Gateways(IPV4, "LE"))).toEqual(["10.88.0.3 eth1"]);
    expect(texts(ipv4Gateways(IPV4, "BE"))).toEqual(["3.0.88.10 eth1"]);
  });

  it("may be several of the same metric", () => {
    expect(texts(ipv6Gateways(IPV6))).toEqual(["fe80::1 eth0", "fe80::2 eth1"]);
  });

  it("are none where there is no default route", () => {
    expect(ipv4Gateways("Iface\tDestination\n", "LE")).toEqual([]);
    expect(ipv6Gateways("")).toEqual([]);
  });
});
