/**
 * `herald explain` for people: a paragraph per node, address, advertisement and peer, the answer first, then the checks in their order up to
 * the one that decided. `-o wide` shows all seventeen with the object and value behind each.
 */

import type { CheckReport, Explain, ExplainItem, TimelineEvent } from "../plan/report.ts";
import { formatTable, orNone, printable } from "./table.ts";

/** Nothing to explain gives "". */
export function formatExplain(explain: Explain, wide: boolean): string {
  const paragraphs = explain.items.map((item) => formatItem(item, wide));
  const timeline = explain.timeline === null ? "" : formatTimeline(explain.timeline, wide);
  return [...paragraphs, timeline].filter((part) => part !== "").join("\n");
}

function formatItem(item: ExplainItem, wide: boolean): string {
  const what = [item.service, item.address, item.kind].filter((part) => part !== null).join(" ");
  const answer = item.announced ? "announced" : `not announced: ${item.reason}`;
  const lines = [`${item.node}  ${what}  ${answer}`, `  ${pairOf(item)}`];
  lines.push(...item.checks.filter(({ result }) => wide || result !== "notReached").map((check) => formatCheck(check, wide)));
  const skipped = item.checks.filter(({ result }) => result === "notReached").length;
  if (!wide && skipped > 0) lines.push(`  ${String(item.checks.length - skipped + 1).padStart(2)}–${item.checks.length}  not reached`);
  if (item.remedy !== "") lines.push(`  to change this: ${item.remedy}`);
  return lines.map((line) => `${printable(line).trimEnd()}\n`).join("");
}

function pairOf({ advertisement, peer }: ExplainItem): string {
  return `advertisement ${orNone(advertisement)}, peer ${peer ?? "any"}`;
}

const MARKS = { pass: "pass", fail: "FAIL", notReached: "-" } as const;

function formatCheck(check: CheckReport, wide: boolean): string {
  const mark = check.assumed ? "assumed" : MARKS[check.result];
  const text = check.text === "" ? check.reason : check.text;
  const line = `  ${String(check.number).padStart(2)}  ${check.name.padEnd(17)}  ${mark.padEnd(7)}  ${text}`;
  return wide ? `${line}${basisOf(check)}` : line;
}

function basisOf({ object, field, value }: CheckReport): string {
  if (object === null) return "";
  const name = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
  const where = field === "" ? "" : ` ${field}`;
  return `  [${object.kind} ${name}${where}${value === "" ? "" : ` = ${value}`}]`;
}

function formatTimeline(timeline: readonly TimelineEvent[], wide: boolean): string {
  return formatTable<TimelineEvent>(
    [
      { header: "AT", value: (event) => event.at },
      { header: "ADDRESS", value: (event) => orNone(event.address) },
      { header: "PEER", value: (event) => orNone(event.peer) },
      { header: "REASON", value: (event) => orNone(event.reason) },
      { header: "TEXT", shrinks: true, value: (event) => event.text },
    ],
    timeline,
    { wide },
  );
}
