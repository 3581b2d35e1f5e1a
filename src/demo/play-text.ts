import type { PlayResult, StepResult } from "./play.ts";
import { SCENARIO } from "./scenario.ts";
import { formatTableLine, tableChanges } from "./table.ts";

/** `step N/7 NAME: CHANGE -> TABLE in T ms: right|wrong`; a wrong one says under it what was expected and what the router has. */
export function formatStep(result: StepResult): string {
  const head = `step ${result.step}/${SCENARIO.length} ${result.name}: ${result.change}`;
  if (result.result === "notRun") return `${head} -> not run\n`;
  const line = `${head} -> ${result.outcome} in ${result.milliseconds} ms: ${result.result}\n`;
  if (result.result === "right") return line;
  const differing = new Set(tableChanges(result.expected, result.table).map(({ prefix }) => prefix));
  const only = (table: StepResult["table"]): string => formatTableLine(table.filter(({ prefix }) => differing.has(prefix))) || "nothing";
  return `${line}  expected ${only(result.expected)}\n  got ${only(result.table)}\n`;
}

/** One JSON line. */
export function formatStepJson(result: StepResult): string {
  const { step, name, change, table, expected, milliseconds } = result;
  return `${JSON.stringify({ step, name, change, table, expected, milliseconds, result: result.result })}\n`;
}

/** `demo: N right, N wrong, N not run`. */
export function formatTotals({ right, wrong, notRun }: PlayResult): string {
  return `demo: ${right} right, ${wrong} wrong, ${notRun} not run\n`;
}
