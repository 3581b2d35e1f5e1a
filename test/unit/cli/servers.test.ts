import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { askAll, parseServer } from "../../../src/cli/servers.ts";
import { SpeakerError } from "../../../src/errors.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server on loopback that answers everything alike; gives its URL. */
async function answering(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

describe("--server", () => {
  it("takes a URL, host:port, an IPv6 address and a unix socket", () => {
    expect(parseServer("http://node-1:7179").target).toEqual({ host: "node-1", port: 7179 });
    expect(parseServer("10.0.0.1").target).toEqual({ host: "10.0.0.1", port: 7179 });
    expect(parseServer("http://10.0.0.1/").target).toEqual({ host: "10.0.0.1", port: 80 });
    expect(parseServer("http://[fd00::1]:80").target).toEqual({ host: "fd00::1", port: 80 });
    expect(parseServer("unix:/run/herald.sock").target).toEqual({ socketPath: "/run/herald.sock" });
  });

  it.each(["https://node-1", "http://", "ftp://x", "a b"])("refuses %s as wrong use", (text) => {
    expect(() => parseServer(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("asking speakers", () => {
  it("gives the answers in the order of the servers, and the errors apart", async () => {
    const first = await answering(200, '{"node":"node-1","items":[]}');
    const second = await answering(200, '{"node":"node-2","items":[1]}');
    const answers = await askAll([first, "127.0.0.1:1", second].map(parseServer), "/api/v1/peers");
    expect(answers).toEqual({
      items: [
        { node: "node-1", items: [] },
        { node: "node-2", items: [1] },
      ],
      errors: [{ server: "127.0.0.1:1", message: "nothing listens there" }],
      hints: ["is a speaker running there? name it with --server"],
    });
  });

  it("says that what answers is no speaker", async () => {
    const url = await answering(200, "<html>");
    expect((await askAll([parseServer(url)], "/")).errors[0]?.message).toBe("no speaker there: it answered 200 without JSON");
  });

  it("passes on what a speaker refuses in its own words", async () => {
    const url = await answering(400, '{"error":"since \\"x\\" is neither"}');
    const { errors, hints } = await askAll([parseServer(url)], "/");
    // It is running: there is nothing to say about where.
    expect([errors[0]?.message, hints]).toEqual(['since "x" is neither', [""]]);
  });

  it("says so of JSON that no speaker would give", async () => {
    for (const body of ["{}", "[]", "null", '{"node":"n"}', '{"node":"n","items":{}}']) {
      const url = await answering(200, body);
      expect((await askAll([parseServer(url)], "/")).errors[0]?.message).toBe("no speaker there: it answered with another kind of JSON");
    }
  });

  it("does not hide a speaker that is silent behind one that does not know the subject", async () => {
    const url = await answering(404, '{"error":"shop/none: no such Service"}');
    const { errors } = await askAll([url, "127.0.0.1:1"].map(parseServer), "/api/v1/explain");
    expect(errors.map(({ message }) => message)).toEqual(["shop/none: no such Service", "nothing listens there"]);
  });

  it("fails when no speaker knows the subject", async () => {
    const url = await answering(404, '{"error":"shop/none: no such Service"}');
    const asked = askAll([url, url].map(parseServer), "/api/v1/explain");
    await expect(asked).rejects.toThrow(SpeakerError);
    await expect(asked).rejects.toThrow("shop/none: no such Service");
  });
});
