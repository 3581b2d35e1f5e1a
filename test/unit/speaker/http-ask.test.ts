import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { ProbeAnswer } from "../../../src/plan/facts.ts";
import { askOverHttp } from "../../../src/speaker/http-ask.ts";
import { answering, type Behaviour, httpAnswer, type LyingServer, startServer } from "../../support/lying-servers.ts";
import { Cleanup, eventually } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function serving(behaviour: Behaviour, host?: string): Promise<LyingServer> {
  return cleanup.add(await startServer(behaviour, host === undefined ? {} : { host }), (server) => server.close());
}

function ask(port: number, options: { readonly host?: string; readonly path?: string } = {}): Promise<ProbeAnswer> {
  const { host = "127.0.0.1", path = "/healthz" } = options;
  return new Promise((resolve) => void askOverHttp(new URL(`http://${host}:${port}${path}`), resolve));
}

const STATUSES: readonly (readonly [string, string, number])[] = [
  ["a plain 200", httpAnswer(200, "ok"), 200],
  ["a 200 with JSON that says something else", httpAnswer(200, '{"localEndpoints":0,"serviceProxyHealthy":false}'), 200],
  ["a 200 without a length, of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nok", 200],
  ["a 200 whose body is shorter than it says", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok", 200],
  ["a 200 whose chunks are broken", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n", 204],
  ["503", httpAnswer(503, "no endpoints"), 503],
  ["a redirect, which is not followed", httpAnswer(302, "", ["Location: /elsewhere"]), 302],
  ["a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 101],
  ["an interim answer before the real one", `HTTP/1.1 103 Early Hints\r\n\r\n${httpAnswer(503)}`, 503],
  ["a status nobody knows", httpAnswer(799), 799],
];

const FAILURES: readonly (readonly [string, Behaviour, string])[] = [
  ["garbage", answering("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "what came is no HTTP"],
  ["zeros", answering("\0".repeat(100)), "what came is no HTTP"],
  ["a close without a word", { asked: (socket) => socket.end() }, "the connection was closed without an answer"],
  ["a close before the question", { connected: (socket) => socket.end() }, "the connection was closed without an answer"],
  ["half a header, then the end", answering("HTTP/1.1 200 OK\r\nContent-Le"), "the connection was closed without an answer"],
  ["a reset", { asked: (socket) => socket.resetAndDestroy() }, "connection reset by the peer"],
  ["endless headers", { asked: drown("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n") }, "the headers of the answer do not end"],
];

/** Writes for as long as somebody reads. */
function drown(first: string, then: string): (socket: Socket) => void {
  return (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(then.repeat(100)));
      if (!socket.destroyed) socket.once("drain", more);
    };
    socket.write(first);
    more();
  };
}

describe("asking over HTTP", () => {
  it("takes the status for the answer, whatever comes with it", async () => {
    let ran = 0;
    for (const [what, text, status] of STATUSES) {
      const server = await serving(answering(text));
      expect([what, await ask(server.port)]).toEqual([what, { answer: "status", status }]);
      expect([what, server.requests]).toEqual([what, ["GET /healthz HTTP/1.1"]]);
      ran++;
    }
    expect(ran).toBe(11);
  });

  it("has words for what is no answer of HTTP", async () => {
    let ran = 0;
    for (const [what, behaviour, why] of FAILURES) {
      const server = await serving(behaviour);
      expect([what, await ask(server.port)]).toEqual([what, { answer: "failed", why }]);
      ran++;
    }
    expect(ran).toBe(7);
  });

  it("says that nobody listens", async () => {
    const server = await startServer({});
    await server.close();
    expect(await ask(server.port)).toEqual({ answer: "refused" });
  });

  it("speaks TLS where the URL says so", async () => {
    const server = await serving({});
    const answer = new Promise<ProbeAnswer>((resolve) => void askOverHttp(new URL(`https://127.0.0.1:${server.port}/`), resolve));
    await eventually("its first octets", () => server.received.length > 0);
    // A handshake record (RFC 8446 §5.1).
    expect(server.received.charCodeAt(0)).toBe(22);
    await server.close();
    expect(await answer).toMatchObject({ answer: "failed" });
  });

  it("asks over IPv6 as well", async () => {
    const server = await serving(answering(httpAnswer(200)), "::1");
    expect(await ask(server.port, { host: "[::1]" })).toEqual({ answer: "status", status: 200 });
  });

  it("asks exactly the path and query that are configured", async () => {
    const server = await serving(answering(httpAnswer(200)));
    await ask(server.port, { path: "/livez?verbose=1#ignored" });
    expect(server.requests).toEqual(["GET /livez?verbose=1 HTTP/1.1"]);
  });

  it("answers before an endless body ends, and leaves no connection behind", async () => {
    const server = await serving({ asked: drown("HTTP/1.1 200 OK\r\n\r\n", "more and more ") });
    expect(await ask(server.port)).toEqual({ answer: "status", status: 200 });
    await eventually("the end of the connection", () => server.open === 0);
    expect(server.connections).toBe(1);
  });

  it("never answers before it has returned, nor twice", async () => {
    const server = await serving(answering(`${httpAnswer(200)}${httpAnswer(503)}garbage`));
    const answers: ProbeAnswer[] = [];
    let returned = false;
    await new Promise<void>((resolve) => {
      askOverHttp(new URL(`http://127.0.0.1:${server.port}/`), (answer) => {
        expect(returned).toBe(true);
        answers.push(answer);
        resolve();
      });
      returned = true;
    });
    await eventually("the end of the connection", () => server.open === 0);
    expect(answers).toEqual([{ answer: "status", status: 200 }]);
  });

  it("says nothing once it was cancelled, at whatever moment, and closes", async () => {
    const hanging = await serving({ asked: (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Le") });
    const said: ProbeAnswer[] = [];
    const answered = (answer: ProbeAnswer): void => void said.push(answer);
    const url = new URL(`http://127.0.0.1:${hanging.port}/healthz`);
    askOverHttp(url, answered).cancel();
    const late = askOverHttp(url, answered);
    await eventually("the question", () => hanging.requests.length === 1);
    late.cancel();
    late.cancel();
    await eventually("the end of the connection", () => hanging.open === 0);
    await ask((await serving(answering(httpAnswer(200)))).port);
    expect(said).toEqual([]);
  });
});
