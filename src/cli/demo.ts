import { fileURLToPath } from "node:url";
import { deadlineAfter } from "../demo/deadline.ts";
import { play } from "../demo/play.ts";
import { formatStep, formatStepJson, formatTotals } from "../demo/play-text.ts";
import { ROUTER_NAMES, type RouterName } from "../demo/router.ts";
import { Stage } from "../demo/stage.ts";
import { SpeakerError } from "../errors.ts";
import { EXIT } from "./failure.ts";
import { type OutputFormat, wantsColour } from "./output.ts";

export interface DemoCommand {
  readonly once: boolean;
  readonly router: string;
  readonly output: OutputFormat;
}

const START_MILLIS = 60_000;

/** `herald demo`. Exit codes of `--once`: 0 when every step that exists was right, 1 otherwise, 130 after Ctrl-C. @throws {SpeakerError} */
export async function runDemoCommand({ once, router, output }: DemoCommand): Promise<number> {
  const name = ROUTER_NAMES.find((candidate) => candidate === router);
  if (name === undefined)
    throw new SpeakerError("USAGE", `--router ${router}: no such router`, { remedy: `use one of ${ROUTER_NAMES.join(", ")}` });
  if (output !== "table" && output !== "json") throw new SpeakerError("USAGE", `-o ${output}: the demo prints table or json`);
  if (output === "json" && !once) throw new SpeakerError("USAGE", "-o json: only with --once", { remedy: "add --once" });

  const interruption = new Interruption();
  try {
    return once ? await playOnce(name, output, interruption) : await follow(name, interruption);
  } catch (error) {
    if (interruption.code !== null) return once ? interruption.code : EXIT.done;
    throw error;
  } finally {
    interruption.dispose();
  }
}

async function playOnce(router: RouterName, output: OutputFormat, interruption: Interruption): Promise<number> {
  const stage = await open(router, interruption);
  try {
    const result = await play(stage, interruption.signal, (step) => {
      process.stdout.write(output === "json" ? formatStepJson(step) : formatStep(step));
    });
    if (interruption.code !== null) return interruption.code;
    if (output !== "json") process.stdout.write(formatTotals(result));
    return result.wrong === 0 && result.complete ? EXIT.done : EXIT.failed;
  } finally {
    await stage.close();
  }
}

async function follow(router: RouterName, interruption: Interruption): Promise<number> {
  const { followChanges } = await import("../demo/follow.ts");
  const stage = await open(router, interruption);
  try {
    await followChanges(stage, interruption.signal, {
      write: (text) => void process.stdout.write(text),
      colour: wantsColour(process.stdout),
    });
    return EXIT.done;
  } finally {
    await stage.close();
  }
}

async function open(router: RouterName, { signal }: Interruption): Promise<Stage> {
  const deadline = deadlineAfter(signal, START_MILLIS);
  try {
    return await Stage.open({ program: bundle(), router, signal: deadline.signal });
  } finally {
    deadline.end();
  }
}

/** The first SIGINT or SIGTERM asks for an end, the second is one. */
class Interruption {
  readonly #controller = new AbortController();
  readonly #handlers: readonly (readonly [NodeJS.Signals, () => void])[];
  code: number | null = null;

  constructor() {
    const handler = (code: number) => (): void => {
      if (this.code !== null) process.exit(code);
      this.code = code;
      this.#controller.abort();
    };
    this.#handlers = [
      ["SIGINT", handler(130)],
      ["SIGTERM", handler(143)],
    ];
    for (const [signal, run] of this.#handlers) process.on(signal, run);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  dispose(): void {
    for (const [signal, run] of this.#handlers) process.off(signal, run);
  }
}

/** The program that this code is part of, in the same folder; speakers are started from it. */
function bundle(): string {
  return fileURLToPath(new URL("herald.mjs", import.meta.url));
}
