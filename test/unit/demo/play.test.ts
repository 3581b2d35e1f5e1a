import { describe, expect, it } from "vitest";
import { type PlayStage, play, type StepResult } from "../../../src/demo/play.ts";
import { SCENARIO } from "../../../src/demo/scenario.ts";
import type { SpeakerEvent } from "../../../src/demo/speaker-process.ts";
import type { RouterTable } from "../../../src/demo/table.ts";

const EXPECTED = SCENARIO.map(({ expected }) => expected);
const ERROR: SpeakerEvent = { event: "object.invalid", fields: { at: "/x/services/web.yaml:9:26 spec.externalTrafficPolicy" } };

/** A cluster whose every change gives the router the next of these tables at once; speakers report `events`, and node-1 that it leaves. */
function stageOf(
  tables: readonly RouterTable[],
  events: readonly SpeakerEvent[] = [ERROR],
  {
    leavingHops = ["10.0.0.1"],
    restart = async () => {},
  }: Partial<Pick<PlayStage["router"], "leavingHops"> & Pick<PlayStage, "restart">> = {},
): PlayStage {
  let next = -1;
  const advance = (): void => {
    next++;
  };
  return {
    router: { table: async () => tables[next] ?? [], leavingHops, changed: () => new Promise((resolve) => setTimeout(resolve, 1)) },
    workspace: { placeServices: advance, edit: advance },
    speakers: [
      {
        events: [],
        async waitFor(_what, pick) {
          for (const event of events) {
            const found = pick(event);
            if (found !== undefined) return found;
          }
          throw new Error("the speaker names no such error");
        },
      },
    ],
    async restart(node, signal) {
      advance();
      await restart(node, signal);
    },
    requireSpeakers: () => {},
  };
}

async function results(stage: PlayStage, signal = new AbortController().signal) {
  const steps: StepResult[] = [];
  const totals = await play(stage, signal, (step) => steps.push(step));
  return { totals, steps: steps.map(({ result }) => result), texts: steps.map(({ outcome }) => outcome) };
}

describe("playing the scenario", () => {
  it("is right when the router's table is as expected after every step that is built", async () => {
    const { totals, steps, texts } = await results(stageOf(EXPECTED));
    expect(steps).toEqual(["right", "right", "right", "right", "right", "right", "right"]);
    expect(totals).toEqual({ right: 7, wrong: 0, notRun: 0, complete: true });
    expect(texts[0]).toBe("17 prefixes, 43 paths");
    expect(texts[6]).toBe("services/web.yaml:9:26 spec.externalTrafficPolicy; table unchanged");
  });

  it("is wrong as soon as a prefix changes that the step does not touch, and plays no further", async () => {
    const [start = [], ...rest] = EXPECTED;
    const strayed = start.filter(({ prefix }) => prefix !== "198.51.100.10/32");
    const { totals, steps } = await results(stageOf([start, strayed, ...rest]));
    expect(steps).toEqual(["right", "wrong", "notRun", "notRun", "notRun", "notRun", "notRun"]);
    expect(totals).toEqual({ right: 1, wrong: 1, notRun: 5, complete: false });
  });

  it("is wrong when a right table does not stay so", async () => {
    const stage = stageOf(EXPECTED);
    let looks = 0;
    const flapping: PlayStage = {
      ...stage,
      router: { ...stage.router, table: async () => (++looks > 1 ? [] : (EXPECTED[0] ?? [])) },
    };
    expect((await results(flapping)).steps[0]).toBe("wrong");
  });

  it("is wrong when a node that is drained never said that it is about to go", async () => {
    const { steps } = await results(stageOf(EXPECTED, [ERROR], { leavingHops: [] }));
    expect(steps.slice(4)).toEqual(["wrong", "notRun", "notRun"]);
  });

  it("is wrong when a route is missing at any moment of a restart", async () => {
    const stage = stageOf(EXPECTED, [ERROR], { restart: () => new Promise((resolve) => setTimeout(resolve, 20)) });
    let restarting = false;
    let looks = 0;
    const lossy: PlayStage = {
      ...stage,
      router: { ...stage.router, table: async () => (restarting && ++looks === 2 ? [] : await stage.router.table()) },
      async restart(node, signal) {
        restarting = true;
        await stage.restart(node, signal);
      },
    };
    const { steps } = await results(lossy);
    expect(steps.slice(4)).toEqual(["right", "wrong", "notRun"]);
  });

  it("does not take a broken file for reported when the speakers name another place", async () => {
    const elsewhere: SpeakerEvent = { event: "object.invalid", fields: { at: "/x/services/web.yaml:9:26 spec.type" } };
    await expect(results(stageOf(EXPECTED, [elsewhere]))).rejects.toThrow("names no such error");
  });

  it("ends with the signal", async () => {
    const controller = new AbortController();
    controller.abort();
    const { totals, steps } = await results(stageOf([[]]), controller.signal);
    expect([steps, totals.complete]).toEqual([[], false]);
  });
});
