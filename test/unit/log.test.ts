import { describe, expect, it } from "vitest";
import { createLogTo, type LogLevel } from "../../src/log.ts";

function logged(level: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLogTo(level, { write: (line: string) => void lines.push(line) });
  log({ event: "peer.retry", peer: "tor", slot: "outgoing", from: "Active", to: "Connect", why: "time to dial" });
  log({ event: "peer.down", peer: "tor", why: "Hold Timer Expired" });
  log({ event: "peer.held", peer: "tor", why: "password" });
  return lines;
}

describe("the log", () => {
  it("is one JSON line per event: time, level and event, and nothing of the host", () => {
    const lines = logged("info");
    expect(lines).toHaveLength(2);
    const [down] = lines.map((line): Record<string, unknown> => JSON.parse(line));
    expect(Object.keys(down ?? {})).toEqual(["level", "time", "event", "peer", "why"]);
    expect(down).toMatchObject({ level: "info", event: "peer.down", peer: "tor" });
    expect(down?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it("keeps retries to those who ask for them, and faults for everybody", () => {
    expect(logged("debug")).toHaveLength(3);
    expect(logged("warn")).toHaveLength(1);
    expect(logged("error")).toHaveLength(0);
  });
});
