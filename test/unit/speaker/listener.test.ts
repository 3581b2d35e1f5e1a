import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/ip/address.ts";
import { parseAddress } from "../../../src/ip/parse.ts";
import { type Callee, findCallee, Listener } from "../../../src/speaker/listener.ts";
import { type LoadedCalls, loadSystemCalls } from "../../../src/speaker/sockopt/system-calls.ts";

function ip(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function callee(name: string, more: Partial<Callee> = {}): Callee {
  return { name, address: ip("192.0.2.1"), port: 179, sourceAddress: null, passive: false, busy: false, ...more };
}

const CALLER = { remoteAddress: ip("192.0.2.1"), remotePort: 40_000, localAddress: ip("192.0.2.9") };

describe("whose connection it is", () => {
  const one = callee("one");
  const two = callee("two");
  const cases: readonly (readonly [string, readonly Callee[], string | null])[] = [
    ["nobody's, where no peer has the address", [callee("far", { address: ip("192.0.2.2") })], null],
    ["nobody's, where the peer is to be met at another address of ours", [callee("one", { sourceAddress: ip("192.0.2.8") })], null],
    ["the one peer's with the address", [callee("far", { address: ip("192.0.2.2") }), one], "one"],
    ["that of the port it comes from", [one, callee("two", { port: 40_000 })], "two"],
    ["that of the port it comes from, even if it is busy", [one, callee("two", { port: 40_000, busy: true })], "two"],
    ["that of the address it calls", [one, callee("two", { sourceAddress: ip("192.0.2.9") })], "two"],
    ["that which has no connection", [callee("one", { busy: true }), two], "two"],
    ["that which only waits for calls", [one, callee("two", { passive: true })], "two"],
    ["the first by name, where nothing tells them apart", [two, one], "one"],
  ];

  it.each(cases)("is %s", (_words, callees, expected) => {
    expect(findCallee(callees, CALLER)?.name ?? null).toBe(expected);
  });
});

/** As on a machine without koffi. */
const NO_CALLS: LoadedCalls = { ok: false, why: "taken away for the test" };

describe.each([
  ["with the kernel's socket options", loadSystemCalls],
  ["without them", () => NO_CALLS],
])("the listener of bgp.listen, %s", (_words, load) => {
  const listenerOn = (port: number, ...addresses: readonly string[]): Listener =>
    new Listener({ addresses: addresses.map(ip), port, load, keyRefused: () => {} }, () => {});

  it("says which port is taken, by whom and what to do", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as AddressInfo; // listening on TCP: an object
    await expect(listenerOn(port, "127.0.0.1").start()).rejects.toMatchObject({
      code: "ADDRESS_IN_USE",
      message: expect.stringContaining(`bgp.listen 127.0.0.1 port ${port}: in use by process ${process.pid}`),
    });
    holder.close();
  });

  it("says which address is not on this host, and leaves nothing open", async () => {
    const probe = listenerOn(0, "127.0.0.1");
    const port = (await probe.start())[0]?.port ?? 0;
    probe.stop();
    await expect(listenerOn(port, "127.0.0.1", "192.0.2.1").start()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `bgp.listen 192.0.2.1 port ${port}: the address is not on this host`,
    });
    const again = listenerOn(port, "127.0.0.1");
    expect(await again.start()).toEqual([{ address: ip("127.0.0.1"), port }]);
    again.stop();
  });
});
