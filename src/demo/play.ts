import { deadlineAfter } from "./deadline.ts";
import { type DemoRouter, LOOK_MILLIS } from "./router.ts";
import { type Action, type Edit, SCENARIO, type Step } from "./scenario.ts";
import type { SpeakerProcess } from "./speaker-process.ts";
import { countPaths, formatTableLine, type RouterTable, sameTable, tableChanges } from "./table.ts";

/** What one step gave; the JSON line of `herald demo --once -o json`. */
export interface StepResult {
  /** 1-based. */
  readonly step: number;
  readonly name: string;
  readonly change: string;
  readonly table: RouterTable;
  readonly expected: RouterTable;
  /** From the change of the file to the router's table; null when the step was not run. */
  readonly milliseconds: number | null;
  readonly result: "right" | "wrong" | "notRun";
  /** The table in words: what became of it. */
  readonly outcome: string;
}

export interface PlayResult {
  readonly right: number;
  readonly wrong: number;
  readonly notRun: number;
  /** False when a step that exists was not run. */
  readonly complete: boolean;
}

/** Longest wait for the router's answer to a step. */
const ANSWER_MILLIS = 60_000;
/** Between two looks at a table that must not change. */
const LOOK_WHILE_RESTARTING_MILLIS = 20;
/** How long a right table has to stay right. */
const SETTLE_MILLIS = 200;

/** What is played on: a router, a cluster that can be edited, speakers that log. */
export interface PlayStage {
  readonly router: Pick<DemoRouter, "table" | "leavingHops" | "changed">;
  readonly workspace: { placeServices(): void; edit(edits: readonly Edit[]): void };
  readonly speakers: readonly Pick<SpeakerProcess, "events" | "waitFor">[];
  /** Resolves when the node's next speaker has decided about everything and has its session. @throws {SpeakerError} when it does not come up */
  restart(node: string, signal: AbortSignal): Promise<void>;
  /** @throws {SpeakerError} when a speaker has ended by itself */
  requireSpeakers(): void;
}

/** Plays the scenario. A wrong step ends it: what follows would be judged against a table that is none. */
export async function play(stage: PlayStage, signal: AbortSignal, report: (result: StepResult) => void): Promise<PlayResult> {
  const count = { right: 0, wrong: 0, notRun: 0 };
  let complete = true;
  let table: RouterTable = [];
  for (const [index, step] of SCENARIO.entries()) {
    const skipped = count.wrong > 0;
    if (skipped) complete = false;
    const result = skipped ? notRun(index + 1, step) : await playStep(index + 1, step, stage, table, signal);
    if (signal.aborted) return { ...count, complete: false };
    count[result.result]++;
    report(result);
    table = result.table;
  }
  return { ...count, complete };
}

function notRun(step: number, { name, change }: Step): StepResult {
  return { step, name, change, table: [], expected: [], milliseconds: null, result: "notRun", outcome: "" };
}

async function playStep(number: number, step: Step, stage: PlayStage, before: RouterTable, signal: AbortSignal): Promise<StepResult> {
  const { name, change, expected } = step;
  const deadline = deadlineAfter(signal, ANSWER_MILLIS);
  const seen = stage.speakers.map(({ events }) => events.length);
  const start = performance.now();
  const kept = await act(stage, step.action, before, deadline.signal);
  const place = step.error === null ? null : await errorPlace(stage, step.error, seen, deadline.signal);
  const watched = kept ?? (await watch(stage, before, step, deadline.signal));
  deadline.end();
  const milliseconds = Math.round((place === null ? watched.at : Math.max(place.at, watched.at)) - start);
  const right = watched.right && (step.error === null || place?.text !== undefined) && (await staysRight(stage, expected, signal));
  const table = right ? watched.table : watched.right ? await stage.router.table() : watched.table;
  const outcome = place?.text === undefined ? describeChange(before, table) : `${place.text}; table unchanged`;
  return { step: number, name, change, table, expected, milliseconds, result: right ? "right" : "wrong", outcome };
}

interface Watched {
  readonly table: RouterTable;
  readonly at: number;
  readonly right: boolean;
}

/** Does what the step says. Of a restart the table is watched meanwhile: the one that was not as before, or null. */
async function act(stage: PlayStage, action: Action, before: RouterTable, deadline: AbortSignal): Promise<Watched | null> {
  if (action === "services") {
    stage.workspace.placeServices();
    return null;
  }
  if (!("restart" in action)) {
    stage.workspace.edit(action);
    return null;
  }
  let isBack = false;
  const back = stage.restart(action.restart, deadline).finally(() => {
    isBack = true;
  });
  // Looked at below; until then a failure is not unhandled.
  back.catch(() => {});
  while (!isBack) {
    const table = await stage.router.table();
    if (!sameTable(table, before)) return { table, at: performance.now(), right: false };
    await stage.router.changed(deadline, LOOK_WHILE_RESTARTING_MILLIS);
  }
  await back;
  return null;
}

/** Looks at the table until it is as expected, or something is other that the step does not touch, or time is over. */
async function watch(stage: PlayStage, before: RouterTable, { expected, leaves }: Step, deadline: AbortSignal): Promise<Watched> {
  let isAnnounced = leaves === null;
  const touched = new Set(tableChanges(before, expected).map(({ prefix }) => prefix));
  for (;;) {
    const table = await stage.router.table();
    const at = performance.now();
    isAnnounced ||= leaves !== null && stage.router.leavingHops.includes(leaves);
    if (sameTable(table, expected)) return { table, at, right: isAnnounced };
    const strayed = tableChanges(before, table).some(({ prefix }) => !touched.has(prefix));
    if (strayed || deadline.aborted) return { table, at, right: false };
    stage.requireSpeakers();
    await stage.router.changed(deadline, LOOK_MILLIS);
  }
}

async function staysRight(stage: PlayStage, expected: RouterTable, signal: AbortSignal): Promise<boolean> {
  const enough = performance.now() + SETTLE_MILLIS;
  for (let left = SETTLE_MILLIS; left > 0 && !signal.aborted; left = enough - performance.now()) {
    await stage.router.changed(signal, left);
    if (!sameTable(await stage.router.table(), expected)) return false;
  }
  return true;
}

/** Waits until every speaker has named the error. `text` stays undefined when one does not. */
async function errorPlace(
  stage: PlayStage,
  error: { readonly file: string; readonly field: string },
  seen: readonly number[],
  deadline: AbortSignal,
): Promise<{ readonly text: string | undefined; readonly at: number }> {
  try {
    const texts = await Promise.all(
      stage.speakers.map((speaker, index) =>
        speaker.waitFor(
          "the error",
          ({ event, fields }) => (event === "object.invalid" ? placeOf(fields, error) : undefined),
          deadline,
          seen[index],
        ),
      ),
    );
    return { text: texts[0], at: performance.now() };
  } catch (cause) {
    if (!deadline.aborted) throw cause;
    return { text: undefined, at: performance.now() };
  }
}

/** `services/web.yaml:9:26 spec.externalTrafficPolicy` when the event names file, line, column and field. */
function placeOf(
  fields: Readonly<Record<string, unknown>>,
  { file, field }: { readonly file: string; readonly field: string },
): string | undefined {
  const place = new RegExp(`${escaped(file)}:\\d+:\\d+ ${escaped(field)}$`);
  return place.exec(String(fields["at"]))?.[0];
}

function escaped(text: string): string {
  return text.replace(/[.[\]]/g, "\\$&");
}

function describeChange(before: RouterTable, table: RouterTable): string {
  if (before.length === 0 && table.length > 0) return `${table.length} prefixes, ${countPaths(table)} paths`;
  const changes = tableChanges(before, table);
  return changes.length === 0 ? "table unchanged" : formatTableLine(changes);
}
