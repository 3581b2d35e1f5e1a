import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { parseConfig, type SpeakerConfig } from "../../../src/config/file.ts";
import { parseAddress } from "../../../src/ip/parse.ts";
import type { LogEvent } from "../../../src/log.ts";
import type { ProbeChange } from "../../../src/plan/change.ts";
import type { Fact, ProbeAnswer } from "../../../src/plan/facts.ts";
import { DataplaneProbes } from "../../../src/speaker/dataplane-probes.ts";
import { readHostAddresses } from "../../../src/speaker/host-addresses.ts";
import { askOverHttp } from "../../../src/speaker/http-ask.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { answering, type Behaviour, httpAnswer, type LyingServer, startServer } from "../../support/lying-servers.ts";
import { Cleanup, eventually } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const KUBERNETES = "source: { kubernetes: {} }";
const DIRECTORY = "source: { directory: /nowhere }";
const YES: ProbeAnswer = { answer: "status", status: 200 };
const NO: ProbeAnswer = { answer: "status", status: 503 };
const REFUSED: ProbeAnswer = { answer: "refused" };

function config(source: string, healthz = "auto"): SpeakerConfig {
  return parseConfig("test.yaml", `nodeName: node-a\n${source}\ndataplane: { healthz: "${healthz}" }\n`, { env: {} });
}

function check(service: string, address: string | null, options: Partial<ProbeChange> = {}): ProbeChange {
  const parsed = address === null ? null : parseAddress(address);
  if (parsed !== null && !parsed.ok) throw new Error(parsed.why);
  const value = parsed?.value ?? null;
  return { service, uid: `uid-${service}`, family: value?.family ?? "IPv4", port: 30_000, ...options, address: value };
}

/** Probes with a clock that stands still, and a network that answers when the test says so. */
function rig(settings: SpeakerConfig, addresses: readonly string[] = ["10.0.0.1", "fd00::1"]) {
  const clock = new FakeClock({ now: 1000 });
  const stated: Fact[] = [];
  const logged: LogEvent[] = [];
  const host = { addresses: [...addresses], reads: 0, fails: false };
  /** URLs asked so far, and the exchanges that nobody has answered yet. */
  const asked: string[] = [];
  const open: { readonly url: string; readonly answer: (answer: ProbeAnswer) => void }[] = [];
  const probes = new DataplaneProbes(
    {
      clock,
      log: (event) => logged.push(event),
      ask: (url, answered) => {
        asked.push(url.href);
        const exchange = {
          url: url.href,
          answer: (answer: ProbeAnswer): void => {
            open.splice(open.indexOf(exchange), 1);
            answered(answer);
          },
        };
        open.push(exchange);
        return { cancel: () => void (open.includes(exchange) && open.splice(open.indexOf(exchange), 1)) };
      },
      readAddresses: () => {
        host.reads++;
        if (host.fails) throw new Error("EMFILE");
        return host.addresses;
      },
      random: () => 0.5,
      state: (fact) => stated.push(fact),
    },
    settings,
  );
  /** Answers the question for the URL that is open. */
  const answer = (url: string, what: ProbeAnswer): void => {
    const exchange = open.find((candidate) => candidate.url === url);
    if (exchange === undefined) throw new Error(`nobody asks ${url}; open: ${open.map((one) => one.url).join(", ")}`);
    exchange.answer(what);
  };
  /** Moves on to the next question for the URL and answers it. */
  const answerNext = (url: string, what: ProbeAnswer): void => {
    for (let i = 0; i < 20 && !open.some((candidate) => candidate.url === url); i++) {
      const at = clock.nextAt;
      if (at === undefined) break;
      clock.advance(at - clock.now());
    }
    answer(url, what);
  };
  const answers = (): ProbeAnswer[] =>
    stated.flatMap((fact) => (fact.name === "proxyAnswer" || fact.name === "healthCheckAnswer" ? [fact.answer] : []));
  return { clock, probes, stated, logged, host, asked, open, answer, answerNext, answers };
}

const AUTO = "http://127.0.0.1:10256/healthz";

describe("the gate", () => {
  it("is stated from the configuration and the source, and what can be asked is asked", () => {
    const cases = [
      [KUBERNETES, "auto", AUTO, false],
      [KUBERNETES, "off", null, false],
      [KUBERNETES, "http://10.0.0.1:9879/healthz", "http://10.0.0.1:9879/healthz", false],
      [DIRECTORY, "auto", null, true],
      [DIRECTORY, "off", null, true],
      [DIRECTORY, "http://[::1]:1/livez", "http://[::1]:1/livez", true],
    ] as const;
    let ran = 0;
    for (const [source, healthz, url, onlyWhereRequired] of cases) {
      const { probes, stated, asked, clock } = rig(config(source, healthz));
      probes.start();
      expect(stated).toEqual([{ name: "gate", healthz: url, onlyWhereRequired }]);
      expect(asked).toEqual(url === null ? [] : [url]);
      probes.stop();
      expect(clock.pending).toBe(0);
      ran++;
    }
    expect(ran).toBe(6);
  });

  it("shows no password of the URL, which is asked as it was written", () => {
    const { probes, stated, asked } = rig(config(KUBERNETES, "http://user:secret@127.0.0.1:1/healthz"));
    probes.start();
    expect(stated).toMatchObject([{ healthz: "http://127.0.0.1:1/healthz" }]);
    expect(asked).toEqual(["http://user:secret@127.0.0.1:1/healthz"]);
  });
});

describe("the service proxy's health", () => {
  it("is asked until the first 200 and then never again", () => {
    const { probes, clock, answerNext, answers, logged, asked } = rig(config(KUBERNETES));
    probes.start();
    answerNext(AUTO, REFUSED);
    answerNext(AUTO, { answer: "failed", why: "no HTTP" });
    answerNext(AUTO, NO);
    answerNext(AUTO, YES);
    expect(answers()).toEqual([REFUSED, { answer: "failed", why: "no HTTP" }, NO, YES]);
    expect(logged).toEqual([{ event: "dataplane.open", healthz: AUTO, milliseconds: 1750 }]);
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    expect(asked).toHaveLength(4);
  });

  it("is stated when it changes, and not every time that it is asked", () => {
    const { probes, clock, answerNext, answers, asked } = rig(config(KUBERNETES));
    probes.start();
    for (const answer of [NO, NO, NO, REFUSED, REFUSED, NO]) answerNext(AUTO, answer);
    clock.advance(4000);
    expect(answers()).toEqual([NO, REFUSED, NO]);
    expect(asked).toHaveLength(6);
    probes.stop();
  });

  it("that nobody answers is silence: nothing is stated, and it is asked again", () => {
    const { probes, clock, stated, asked, open } = rig(config(KUBERNETES));
    probes.start();
    clock.advance(2000);
    expect(open).toEqual([]);
    clock.advance(60_000);
    expect(stated).toHaveLength(1);
    expect(asked.length).toBeGreaterThan(8);
    probes.stop();
    expect(clock.pending).toBe(0);
  });

  it("is warned about once when its port was refused for a minute, whatever the pauses between", () => {
    const { probes, clock, answerNext, logged, open } = rig(config(KUBERNETES));
    probes.start();
    const start = clock.now();
    while (clock.now() - start < 57_000) answerNext(AUTO, REFUSED);
    expect(logged).toEqual([]);
    while (clock.now() - start < 200_000) answerNext(AUTO, REFUSED);
    expect(logged).toEqual([{ event: "dataplane.refused", healthz: AUTO, seconds: expect.any(Number) }]);
    expect(logged[0]).toHaveProperty("seconds", 63);
    answerNext(AUTO, YES);
    expect(logged.map(({ event }) => event)).toEqual(["dataplane.refused", "dataplane.open"]);
    expect(open).toEqual([]);
  });

  it("is not warned about when something answered in between", () => {
    const { probes, clock, answerNext, logged } = rig(config(KUBERNETES));
    probes.start();
    for (let i = 0; clock.now() < 300_000; i++) answerNext(AUTO, i % 10 === 9 ? NO : REFUSED);
    expect(logged).toEqual([]);
    probes.stop();
  });
});

describe("the health checks of Services", () => {
  const WEB = "http://10.0.0.1:30000/healthz";

  it("are asked at the Node's address until the first 200", () => {
    const { probes, clock, asked, answerNext, stated } = rig(config(DIRECTORY));
    probes.start();
    probes.follow([check("default/web", "10.0.0.1"), check("default/web", "fd00::1", { port: 31_000 })]);
    expect(asked).toEqual([WEB, "http://[fd00::1]:31000/healthz"]);
    answerNext(WEB, NO);
    answerNext("http://[fd00::1]:31000/healthz", YES);
    answerNext(WEB, NO);
    answerNext(WEB, YES);
    const about = { name: "healthCheckAnswer", service: "default/web", uid: "uid-default/web" } as const;
    expect(stated.slice(1)).toEqual([
      { ...about, family: "IPv4", port: 30_000, answer: NO },
      { ...about, family: "IPv6", port: 31_000, answer: YES },
      { ...about, family: "IPv4", port: 30_000, answer: YES },
    ]);
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    expect(asked).toHaveLength(4);
  });

  it("are no longer asked when the planner says so, not even for the answer that is under way", () => {
    const { probes, clock, asked, open, answers } = rig(config(DIRECTORY));
    probes.start();
    probes.follow([check("default/web", "10.0.0.1"), check("default/api", "10.0.0.1", { port: 30_001 })]);
    probes.follow([check("default/web", null), check("default/never", null)]);
    expect(open.map(({ url }) => url)).toEqual(["http://10.0.0.1:30001/healthz"]);
    probes.follow([check("default/api", null, { port: 30_001 })]);
    expect([open, clock.pending]).toEqual([[], 0]);
    clock.advance(60_000);
    expect([asked.length, answers()]).toEqual([2, []]);
  });

  it("are asked at the new address when the Node's changes", () => {
    const { probes, open, answerNext, answers } = rig(config(DIRECTORY), ["10.0.0.1", "10.0.0.2"]);
    probes.follow([check("default/web", "10.0.0.1")]);
    answerNext(WEB, NO);
    probes.follow([check("default/web", "10.0.0.2")]);
    expect(open.map(({ url }) => url)).toEqual(["http://10.0.0.2:30000/healthz"]);
    answerNext("http://10.0.0.2:30000/healthz", YES);
    expect(answers()).toEqual([NO, YES]);
  });

  it("are asked anew, and every answer stated anew, when their gate was armed again", () => {
    const { probes, asked, answerNext, answers } = rig(config(DIRECTORY));
    probes.follow([check("default/web", "10.0.0.1")]);
    answerNext(WEB, NO);
    answerNext(WEB, YES);
    probes.follow([check("default/web", "10.0.0.1")]);
    answerNext(WEB, NO);
    probes.follow([check("default/web", null), check("default/web", "10.0.0.1")]);
    answerNext(WEB, NO);
    answerNext(WEB, YES);
    expect(answers()).toEqual([NO, YES, NO, NO, YES]);
    expect(asked).toHaveLength(5);
  });

  it("tell a Service from another one of the same name, a port and a family from another", () => {
    const { probes, open } = rig(config(DIRECTORY));
    const other = { uid: "other" };
    probes.follow([
      check("default/web", "10.0.0.1"),
      check("default/web", "10.0.0.1", other),
      check("default/web", "10.0.0.1", { port: 30_001 }),
      check("default/web", "fd00::1"),
    ]);
    probes.follow([check("default/web", null)]);
    expect(open.map(({ url }) => url)).toEqual([WEB, "http://10.0.0.1:30001/healthz", "http://[fd00::1]:30000/healthz"]);
    probes.stop();
  });

  it("of an address that is another host's are not asked, and it is said why", () => {
    const { probes, clock, asked, answers, host } = rig(config(DIRECTORY), ["10.0.0.2"]);
    probes.start();
    probes.follow([check("default/web", "10.0.0.1")]);
    clock.advance(0);
    expect(answers()).toEqual([{ answer: "notAsked", why: "10.0.0.1 is not an address of this host" }]);
    clock.advance(4000);
    expect([asked, answers().length]).toEqual([[], 1]);
    // The interface comes up late: from its first reading after that it is asked.
    host.addresses.push("10.0.0.1");
    clock.advance(10_000);
    expect(asked).toEqual([WEB]);
    probes.stop();
    expect(clock.pending).toBe(0);
  });

  it("of an address that has just come to the host are asked at once", () => {
    const { probes, clock, asked, host, answers } = rig(config(DIRECTORY), []);
    probes.follow([check("default/old", "10.0.0.9")]);
    clock.advance(1);
    host.addresses.push("10.0.0.1");
    probes.follow([check("default/web", "10.0.0.1")]);
    clock.advance(0);
    expect(asked).toEqual([WEB]);
    expect(answers()).toHaveLength(1);
    probes.stop();
  });

  it("do not read the addresses of the host for every question", () => {
    const { probes, clock, host } = rig(config(DIRECTORY), ["10.0.0.1"]);
    probes.follow(Array.from({ length: 1000 }, (_, i) => check(`default/web-${i}`, i % 2 === 0 ? "10.0.0.1" : "10.0.0.9")));
    clock.advance(4000);
    expect(host.reads).toBe(1);
    clock.advance(60_000);
    expect(host.reads).toBeLessThan(15);
    probes.stop();
  });

  it("are asked all the same when the addresses of the host cannot be read", () => {
    const { probes, asked, host } = rig(config(DIRECTORY), []);
    host.fails = true;
    probes.follow([check("default/web", "10.0.0.1")]);
    expect(asked).toEqual([WEB]);
    probes.stop();
  });

  it("begin within a tenth of a second when many start together", () => {
    const clock = new FakeClock();
    const asked = new Set<string>();
    let x = 0;
    const probes = new DataplaneProbes(
      {
        clock,
        log: () => {},
        ask: (url, answered) => {
          asked.add(url.href);
          return clock.setTimer(1, () => answered(YES));
        },
        readAddresses: () => ["10.0.0.1"],
        // Evenly spread.
        random: () => (x = (x + 0.618) % 1),
        state: () => {},
      },
      config(DIRECTORY),
    );
    probes.follow(Array.from({ length: 1000 }, (_, i) => check(`default/web-${i}`, "10.0.0.1", { port: 20_000 + i })));
    expect(asked.size).toBe(0);
    clock.advance(50);
    expect(asked.size).toBeGreaterThan(400);
    expect(asked.size).toBeLessThan(600);
    clock.advance(51);
    expect(asked.size).toBe(1000);
    clock.advance(1);
    expect([clock.pending, probes.size]).toEqual([0, { probes: 0, exchanges: 0 }]);
  });

  it("are taken over in parts where they are thousands, in their order", () => {
    const { probes, clock, open } = rig(config(DIRECTORY));
    const all = Array.from({ length: 1000 }, (_, i) => check(`default/web-${i}`, "10.0.0.1", { port: 20_000 + i }));
    probes.follow(all);
    probes.follow(all.slice(1).map((one) => ({ ...one, address: null })));
    expect(probes.size.probes).toBeLessThan(300);
    clock.advance(1);
    expect(probes.size.probes).toBe(1);
    clock.advance(100);
    expect(open.map(({ url }) => url)).toEqual(["http://10.0.0.1:20000/healthz"]);
    probes.follow(all);
    probes.stop();
    expect([open, clock.pending, probes.size]).toEqual([[], 0, { probes: 0, exchanges: 0 }]);
  });

  it("do nothing more once it was stopped", () => {
    const { probes, clock, open, asked } = rig(config(KUBERNETES));
    probes.start();
    probes.follow([check("default/web", "10.0.0.1")]);
    probes.stop();
    expect([open, clock.pending, probes.size]).toEqual([[], 0, { probes: 0, exchanges: 0 }]);
    probes.follow([check("default/late", "10.0.0.1")]);
    clock.advance(60_000);
    expect(asked).toHaveLength(2);
  });
});

describe("probing real servers", () => {
  /** Probes with the real network and time. */
  function start(yaml: SpeakerConfig) {
    const stated: Fact[] = [];
    const logged: LogEvent[] = [];
    const probes = cleanup.add(
      new DataplaneProbes(
        {
          clock: systemClock,
          log: (event) => logged.push(event),
          ask: askOverHttp,
          readAddresses: readHostAddresses,
          random: () => 0,
          state: (fact) => stated.push(fact),
        },
        yaml,
      ),
      (started) => started.stop(),
    );
    probes.start();
    const answers = (): ProbeAnswer[] =>
      stated.flatMap((fact) => (fact.name === "proxyAnswer" || fact.name === "healthCheckAnswer" ? [fact.answer] : []));
    return { probes, answers, logged };
  }

  async function serving(behaviour: Behaviour, options: { readonly host?: string; readonly port?: number } = {}): Promise<LyingServer> {
    return cleanup.add(await startServer(behaviour, options), (server) => server.close());
  }

  it("believes the first 200 of a server that changes its mind, and asks no more", async () => {
    const texts = [httpAnswer(503), httpAnswer(200), httpAnswer(503)];
    const server = await serving(answering(() => texts.shift() ?? "garbage"));
    const { answers, probes, logged } = start(config(KUBERNETES, `http://127.0.0.1:${server.port}/healthz`));
    await eventually("the 200", () => logged.some(({ event }) => event === "dataplane.open"));
    expect(answers()).toEqual([NO, YES]);
    expect(probes.size).toEqual({ probes: 0, exchanges: 0 });
    await eventually("the end of the connections", () => server.open === 0);
    expect(server.requests).toHaveLength(2);
  });

  it("goes on from refused over garbage and a reset to a proxy that starts late, and does not care when it restarts", async () => {
    const before = await startServer({});
    const { port } = before;
    await before.close();
    const { answers, logged, probes } = start(config(KUBERNETES, `http://127.0.0.1:${port}/healthz`));
    await eventually("that it is refused", () => answers().length === 1);
    const garbage = await startServer(answering("who are you?\r\n\r\n"), { port });
    await eventually("garbage", () => answers().length === 2);
    await garbage.close();
    const resets = await startServer({ asked: (socket) => socket.resetAndDestroy() }, { port });
    await eventually("a reset", () => answers().at(-1)?.answer === "failed" && resets.connections > 0);
    await resets.close();
    const proxy = await startServer(answering(httpAnswer(200)), { port });
    await eventually("a 200", () => logged.some(({ event }) => event === "dataplane.open"), 20_000);
    await proxy.close();
    const restarted = await serving(answering(httpAnswer(503)), { port });
    expect([answers()[0], answers().at(-1), probes.size]).toEqual([REFUSED, YES, { probes: 0, exchanges: 0 }]);
    expect(restarted.connections).toBe(0);
  });

  it("asks the health checks of both families on this host", async () => {
    const [four, six] = [
      await serving(answering(httpAnswer(200)), { host: "127.0.0.1" }),
      await serving(answering(httpAnswer(503)), { host: "::1" }),
    ];
    const { probes, answers } = start(config(DIRECTORY));
    const services = Array.from({ length: 100 }, (_, i) => check(`default/web-${i}`, "127.0.0.1", { port: four.port }));
    probes.follow([check("default/six", "::1", { port: six.port }), ...services]);
    await eventually("every answer", () => answers().length === 101);
    expect(answers().filter((answer) => answer.answer === "status" && answer.status === 200)).toHaveLength(100);
    expect([probes.size.probes, four.requests.length]).toEqual([1, 100]);
    probes.stop();
    await eventually("the end of the connections", () => four.open + six.open === 0);
    expect(probes.size).toEqual({ probes: 0, exchanges: 0 });
  });

  it("has sixteen connections to servers that hang, and not one more", async () => {
    const server = await serving({});
    const { probes } = start(config(DIRECTORY));
    probes.follow(Array.from({ length: 2000 }, (_, i) => check(`default/web-${i}`, "127.0.0.1", { port: server.port })));
    await eventually("sixteen questions", () => server.requests.length === 16);
    // Connections are accepted in their order: whatever was opened before this one is counted with it.
    const fence = cleanup.add(connect({ host: "127.0.0.1", port: server.port }), (socket) => socket.destroy());
    await once(fence, "connect");
    await eventually("the fence", () => server.connections > 16);
    expect([server.connections, server.requests.length, probes.size.exchanges]).toEqual([17, 16, 16]);
    probes.stop();
    fence.destroy();
    await eventually("the end of the connections", () => server.open === 0);
  });
});
