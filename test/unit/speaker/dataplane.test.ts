import { afterEach, describe, expect, it } from "vitest";
import { answering, httpAnswer, startServer } from "../../support/lying-servers.ts";
import { Cleanup, eventually, startListening } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe("a speaker and the service proxy of its node", () => {
  it("asks from its start on, whatever the source, and says once that it is alive", async () => {
    const proxy = cleanup.add(await startServer(answering(httpAnswer(200))), (server) => server.close());
    const url = `http://127.0.0.1:${proxy.port}/healthz`;
    const rig = await startListening(cleanup, { yaml: `dataplane: { healthz: "${url}" }` });
    await eventually("the answer", () => rig.logged.some(({ event }) => event === "dataplane.open"));
    expect(rig.logged.filter(({ event }) => event.startsWith("dataplane."))).toEqual([
      { event: "dataplane.open", healthz: url, milliseconds: expect.any(Number) },
    ]);
    expect(proxy.requests).toEqual(["GET /healthz HTTP/1.1"]);
  });

  it("lets go of a proxy that hangs when it stops", async () => {
    const proxy = cleanup.add(await startServer({}), (server) => server.close());
    const rig = await startListening(cleanup, { yaml: `dataplane: { healthz: "http://127.0.0.1:${proxy.port}/healthz" }` });
    await eventually("the question", () => proxy.requests.length === 1);
    await rig.speaker.stop();
    await eventually("the end of the connection", () => proxy.open === 0);
    expect(proxy.connections).toBe(1);
  });
});
