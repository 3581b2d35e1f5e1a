/**
 * `herald explain` for people: the answers at a glance where there are several, then for each the verdict, what decided, what would change it, and the
 * seventeen checks in their order. Nodes and peers with the same answer share a table. `-o wide` gives every pair its own, with the object, field and value
 * behind each check.
 */

import type { CheckReport, ExplainItem, TimelineEvent } from "../plan/report.ts";
import { formatEvents, type NodeEvent } from "./event-table.ts";
import { type ExplainGroup, type GroupedCheck, groupItems, type Place, type Variant } from "./explain-groups.ts";
import { type Column, formatTable, orNone, shownText, TABLE_COLUMNS, type TableStyle } from "./table.ts";
import { wrapText } from "./terminal-text.ts";

/** Answers of one or several nodes. */
export interface Explained {
  readonly items: readonly ExplainItem[];
  readonly timeline: readonly NodeEvent[];
}

/** Nothing to explain gives "". */
export function formatExplain({ items, timeline }: Explained, style: TableStyle, nowEpochMillis: number): string {
  const groups = groupItems(items);
  const parts = style.wide
    ? groupsOfOne(items).map((group) => formatGroup(group, style))
    : [groups.length > 1 ? formatTable(OVERVIEW, groups, style) : "", ...groups.map((group) => formatGroup(group, style))];
  return [...parts, formatEvents(timeline, style, nowEpochMillis)].filter((part) => part !== "").join("\n");
}

/** The timeline of each node as one. */
export function mergeTimelines(
  answers: readonly { readonly node: string; readonly timeline: readonly TimelineEvent[] | null }[],
): NodeEvent[] {
  const events = answers.flatMap(({ node, timeline }) => (timeline ?? []).map((event) => ({ ...event, node })));
  return events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

function groupsOfOne(items: readonly ExplainItem[]): ExplainGroup[] {
  return items.flatMap((item) => groupItems([item]));
}

const MARKS = { pass: "✓", fail: "✗", notReached: "–" } as const;
/** Nodes or peers named before the rest is a number, and texts of one check that are quoted. */
const MOST = { inOverview: 3, inList: 40, variants: 3, deciding: 5 } as const;

const OVERVIEW: readonly Column<ExplainGroup>[] = [
  { header: "SERVICE", fit: "cut", value: ({ first }) => first.service },
  { header: "ADDRESS", value: ({ first }) => orNone(first.address) },
  { header: "KIND", optional: true, fit: "cut", value: ({ first }) => orNone(first.kind) },
  {
    header: "NODES",
    fit: "cut",
    value: ({ places }) =>
      briefly(
        places.flatMap(({ nodes }) => nodes),
        "nodes",
      ),
  },
  { header: "PEERS", fit: "cut", least: 5, value: ({ places }) => briefly([...new Set(places.flatMap(({ peers }) => peers))], "peers") },
  { header: "VERDICT", value: ({ first }) => (first.announced ? `${MARKS.pass} announced` : `${MARKS.fail} ${first.reason}`) },
];

function formatGroup(group: ExplainGroup, style: TableStyle): string {
  const { first, deciding } = group;
  const what = [first.service, first.address, first.kind].filter((part) => part !== null).join(" ");
  const verdict = first.announced ? `${MARKS.pass} ${what} announced` : `${MARKS.fail} ${what} not announced: ${first.reason}`;
  const facts: Fact[] = group.places.flatMap(placeFacts);
  facts.push(["advertisement", [orNone(first.advertisement)]]);
  if (!first.announced && deciding !== null) facts.push(["decided by", variantLines(deciding, MOST.deciding, style, decisionOf)]);
  if (first.remedy !== "") facts.push(["to change this", [first.remedy]]);
  const narrower = { ...style, columns: TABLE_COLUMNS - INDENT.length };
  const checks = style.wide ? formatTable(WIDE_CHECKS, first.checks, style) : formatTable(CHECKS, groupedChecks(group, style), narrower);
  return `${shownText(verdict, style)}\n${facts.map((fact) => formatFact(fact, style)).join("")}${indent(checks)}`;
}

/** A name and what stands beside it, a line each. */
type Fact = readonly [string, readonly string[]];

function placeFacts({ nodes, peers }: Place): Fact[] {
  return [
    [nodes.length === 1 ? "node" : "nodes", [listed(nodes)]],
    [peers.length > 1 ? "peers" : "peer", [peers.length === 0 ? "any" : listed(peers)]],
  ];
}

/** Wrapped under itself. */
function formatFact([name, values]: Fact, style: TableStyle): string {
  const label = `${INDENT}${name.padEnd(FACT_WIDTH)}${INDENT}`;
  const texts = values.map((value) => shownText(value, style));
  const lines = style.wide ? texts : texts.flatMap((text) => wrapText(text, TABLE_COLUMNS - label.length));
  return lines.map((line, i) => `${i === 0 ? label : " ".repeat(label.length)}${line}\n`).join("");
}

const INDENT = "  ";
const FACT_WIDTH = "to change this".length;

interface CheckRow {
  readonly check: CheckReport;
  readonly why: readonly string[];
}

function groupedChecks({ checks }: ExplainGroup, style: TableStyle): CheckRow[] {
  return checks.map((grouped) => ({ check: grouped.check, why: variantLines(grouped, MOST.variants, style, ({ text }) => text) }));
}

const CHECKS: readonly Column<CheckRow>[] = [
  { header: "#", value: ({ check }) => String(check.number).padStart(2) },
  { header: "CHECK", value: ({ check }) => check.name },
  { header: "RESULT", value: ({ check }) => resultOf(check) },
  { header: "WHY", fit: "wrap", value: ({ why }) => why },
];

const WIDE_CHECKS: readonly Column<CheckReport>[] = [
  { header: "#", value: ({ number }) => String(number).padStart(2) },
  { header: "CHECK", value: ({ name }) => name },
  { header: "RESULT", value: resultOf },
  { header: "OBJECT", value: ({ object }) => orNone(object === null ? null : [object.kind, qualified(object)].join(" ")) },
  { header: "FIELD", value: ({ field }) => orNone(field) },
  { header: "VALUE", value: ({ value }) => orNone(value) },
  { header: "WHY", value: whyOf },
];

function resultOf({ result, assumed }: CheckReport): string {
  return assumed ? `${MARKS[result]} assumed` : MARKS[result];
}

function whyOf({ text, reason, result }: CheckReport): string {
  return text !== "" ? text : result === "notReached" ? "not reached" : reason;
}

/** What a check says, or whom it says it about where it does not say the same about all. */
function variantLines({ check, variants }: GroupedCheck, most: number, style: TableStyle, show: (variant: Variant) => string): string[] {
  const [only] = variants;
  if (variants.length <= 1) return [only === undefined || show(only) === "" ? whyOf(check) : show(only)];
  const lines = variants
    .slice(0, style.wide ? variants.length : most)
    .map((variant) => `${briefly(variant.from, "more")}: ${show(variant)}`);
  const left = variants.length - lines.length;
  return left > 0 ? [...lines, `and ${left} more: -o wide shows each`] : lines;
}

/** The object, its field and value, and the sentence. */
function decisionOf({ basis, text }: Variant): string {
  return [basis, text].filter((part) => part !== "").join(": ");
}

function listed(names: readonly string[]): string {
  if (names.length <= MOST.inList) return names.join(", ");
  return `${names.slice(0, MOST.inList).join(", ")} and ${names.length - MOST.inList} more (${names.length} in all)`;
}

function briefly(names: readonly string[], noun: string): string {
  if (names.length === 0) return "any";
  if (names.length <= MOST.inOverview) return names.join(", ");
  return noun === "more" ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more` : `${names.length} ${noun}`;
}

function qualified({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

function indent(table: string): string {
  return table.replace(/^(?=.)/gm, INDENT);
}
