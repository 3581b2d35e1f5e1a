import { type AddressInfo, createServer, type Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "../../../../src/ip/address.ts";
import { parseAddress } from "../../../../src/ip/parse.ts";
import { type Dial, dial } from "../../../../src/speaker/dialer.ts";
import {
  descriptorOf,
  openListener,
  openStream,
  type StreamOptions,
  setMd5Key,
  setMd5PrefixKey,
  setTtlRules,
  setUserTimeout,
} from "../../../../src/speaker/sockopt/streams.ts";
import { loadSystemCalls, type SystemCalls } from "../../../../src/speaker/sockopt/system-calls.ts";

const loaded = loadSystemCalls();
const PLAIN: StreamOptions = {
  ttl: null,
  minimumTtl: null,
  device: null,
  md5Key: null,
  aoKeys: [],
  openTimeoutMillis: 5000,
  userTimeoutMillis: 490_000,
};
/** What is silent by design stays silent: so long is waited for nothing to come. */
const SILENCE_MILLIS = 300;

function ip(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

const LOOPBACK = { IPv4: ip("127.0.0.1"), IPv6: ip("::1") };

// `npm ci` brings koffi along; on a system without it Herald runs too (peer-settings.test.ts says how).
describe.runIf(loaded.ok)("sockets with the kernel's options", () => {
  const calls = loaded.ok ? loaded.calls : NOTHING;
  const open: { destroy(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy();
  });

  const listen = async (address: Address): Promise<{ readonly fd: number; readonly port: number; readonly callers: Socket[] }> => {
    const fd = openListener(calls, address, 0);
    const callers: Socket[] = [];
    const server: Server = createServer((socket) => {
      callers.push(socket.on("error", () => {}));
      socket.pipe(socket);
    });
    open.push({
      destroy: () => {
        server.close();
        for (const caller of callers) caller.destroy();
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ fd }, resolve);
    });
    return { fd, port: (server.address() as AddressInfo).port, callers }; // listening on TCP: an object
  };

  /** What came of a dial: an echo, words, or nothing within the time of silence. */
  const outcome = (address: Address, port: number, stream: StreamOptions, sourceAddress: Address | null = null): Promise<string> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve("silence"), SILENCE_MILLIS);
      const done = (what: string): void => {
        clearTimeout(timer);
        resolve(what);
      };
      const attempt: Dial = dial(
        { address, port, sourceAddress, options: { calls, stream } },
        {
          connected: (socket) => {
            open.push(socket);
            socket.on("error", () => {});
            socket.on("data", (chunk: Buffer) => done(chunk.toString()));
            socket.write(Buffer.from("echo"), () => {});
          },
          failed: done,
        },
      );
      open.push({ destroy: () => attempt.cancel() });
    });

  for (const family of ["IPv4", "IPv6"] as const) {
    const address = LOOPBACK[family];

    it(`let a caller in over ${family} that signs with the listener's key, and leave every other unanswered`, async () => {
      const { fd, port, callers } = await listen(address);
      setMd5Key(calls, fd, address, "right");
      expect(await outcome(address, port, { ...PLAIN, md5Key: "wrong" })).toBe("silence");
      expect(await outcome(address, port, PLAIN)).toBe("silence");
      expect(callers).toEqual([]);
      expect(await outcome(address, port, { ...PLAIN, md5Key: "right" })).toBe("echo");
      setMd5Key(calls, fd, address, null);
      expect(await outcome(address, port, PLAIN)).toBe("echo");
    });

    it(`drop over ${family} what comes from too far, the first segment included`, async () => {
      const { fd, port, callers } = await listen(address);
      setTtlRules(calls, fd, family, [{ address, minimumTtl: 255 }]);
      expect(await outcome(address, port, { ...PLAIN, ttl: 254 })).toBe("silence");
      expect(callers).toEqual([]);
      expect(await outcome(address, port, { ...PLAIN, ttl: 255, minimumTtl: 255 })).toBe("echo");
    });

    it(`carry a connection over ${family} across a change of its key when both ends change`, async () => {
      const { fd, port, callers } = await listen(address);
      setMd5Key(calls, fd, address, "old");
      const stream = openStream(calls, address, null, { ...PLAIN, md5Key: "old" });
      const adopted = { fd: stream, manualStart: true };
      const socket = new Socket(adopted);
      open.push(socket);
      const echoes: string[] = [];
      socket.on("data", (chunk: Buffer) => echoes.push(chunk.toString()));
      const echoed = (text: string): Promise<void> =>
        new Promise((resolve) => {
          socket.on("data", () => echoes.join("").endsWith(text) && resolve());
          socket.write(text);
        });
      await new Promise<void>((resolve) => socket.connect({ host: family === "IPv4" ? "127.0.0.1" : "::1", port }, resolve));
      await echoed("one");
      const [caller] = callers;
      if (caller === undefined) throw new Error("nobody was accepted");
      for (const end of [socket, caller]) setMd5Key(calls, descriptorOf(end) ?? -1, address, "new");
      await echoed("two");
      expect(echoes.join("")).toBe("onetwo");
    });
  }

  it("are given up by the kernel when the other side's window stays shut for the user timeout", async () => {
    const server = createServer({ pauseOnConnect: true });
    open.push({ destroy: () => server.close() });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // listening on TCP: an object
    server.on("connection", (socket) => open.push(socket.on("error", () => {})));
    const failed = await new Promise<string>((resolve) => {
      dial(
        { address: LOOPBACK.IPv4, port, sourceAddress: null, options: { calls, stream: PLAIN } },
        {
          connected: (socket) => {
            open.push(socket);
            setUserTimeout(calls, descriptorOf(socket) ?? -1, 500);
            socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
            socket.write(Buffer.alloc(32 << 20), () => {});
          },
          failed: resolve,
        },
      );
    });
    expect(failed).toBe("ETIMEDOUT");
  });

  it("let a whole prefix in with one key", async () => {
    const { fd, port } = await listen(LOOPBACK.IPv4);
    setMd5PrefixKey(calls, fd, ip("127.0.0.0"), 8, "shared");
    expect(await outcome(LOOPBACK.IPv4, port, PLAIN, ip("127.0.0.9"))).toBe("silence");
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, md5Key: "shared" }, ip("127.0.0.9"))).toBe("echo");
  });

  it("filter each of many senders by its own rule, and nobody else", async () => {
    const { fd, port } = await listen(LOOPBACK.IPv4);
    const others = Array.from({ length: 200 }, (_, n) => ({ address: ip(`127.1.0.${n}`), minimumTtl: 255 }));
    setTtlRules(calls, fd, "IPv4", [...others, { address: ip("127.0.0.9"), minimumTtl: 10 }]);
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, ttl: 64 }, ip("127.1.0.199"))).toBe("silence");
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, ttl: 9 }, ip("127.0.0.9"))).toBe("silence");
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, ttl: 10 }, ip("127.0.0.9"))).toBe("echo");
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, ttl: 9 }, ip("127.0.0.10"))).toBe("echo");
  });

  it("say in words what the kernel refuses", async () => {
    const { port } = await listen(LOOPBACK.IPv4);
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, device: "nowhere0" })).toBe("there is no such device or VRF on this host");
    expect(await outcome(LOOPBACK.IPv4, port, PLAIN, ip("192.0.2.1"))).toBe("the source address is not on this host");
    expect(await outcome(LOOPBACK.IPv4, port, { ...PLAIN, device: "lo" })).toBe("echo");
  });
});

/** Stands in where the tests do not run. */
const NOTHING: SystemCalls = {
  socket: () => -1,
  bind: () => {},
  setsockopt: () => {},
  attachFilter: () => {},
  send: () => {},
  receive: () => 0,
  close: () => {},
};
