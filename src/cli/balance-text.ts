/**
 * `herald balance` for people: a line per address; with `-o wide` a paragraph per address, a line per node and per pod with a bar each.
 * Shares are shown as they are with the weights in force.
 */

import type { BalanceItem, BalanceNode, BalancePod, FlowShare } from "../plan/report.ts";
import { type Column, formatTable, orNone, shownText, type TableStyle } from "./table.ts";
import { formatRate } from "./units.ts";

/** One report; `node` is the speaker that gave it, null = made from files. */
export interface Report {
  readonly node: string | null;
  readonly items: readonly BalanceItem[];
}

/** Nothing to show gives "". */
export function formatBalance(reports: readonly Report[], style: TableStyle): string {
  const several = reports.length > 1;
  if (style.wide)
    return reports.flatMap(({ node, items }) => items.map((item) => formatItem(item, several ? node : null, style))).join("\n");
  const rows = reports.flatMap(({ node, items }) => items.map((item): Row => ({ node, item })));
  return formatTable(several ? [SPEAKER, ...COLUMNS] : COLUMNS, rows, style);
}

interface Row {
  readonly node: string | null;
  readonly item: BalanceItem;
}

/** Every speaker knows all nodes: who gave the answer matters only where several did. */
const SPEAKER: Column<Row> = { header: "SPEAKER", value: ({ node }) => orNone(node) };

const COLUMNS: readonly Column<Row>[] = [
  { header: "SERVICE", fit: "cut", value: ({ item }) => item.service },
  { header: "ADDRESS", value: ({ item }) => item.address },
  { header: "PATHS", value: ({ item }) => pathsOf(item) },
  { header: "NODES", fit: "cut", value: ({ item }) => orNone(nodesOf(item)) },
  { header: "MAX/MIN", value: ({ item }) => ratioOf(item) },
  { header: "ADVICE", fit: "wrap", least: 20, value: ({ item }) => orNone(item.advice) },
];

/** `3`; `65 > 64` where the router cannot use them all. */
function pathsOf({ paths, ecmpWidth, exceedsEcmpWidth }: BalanceItem): string {
  return exceedsEcmpWidth ? `${paths} > ${ecmpWidth}` : String(paths);
}

/** Where all get the same, that says it: the advice needs the room. */
function nodesOf({ nodes }: BalanceItem): string {
  const shares = new Set(nodes.map(({ share }) => percent(share.weighted)));
  const [same] = shares;
  if (nodes.length > 1 && shares.size === 1 && same !== undefined) return `${same} each`;
  return nodes.map(({ node, share }) => `${node} ${percent(share.weighted)}`).join(" ");
}

/** `3.00 -> 1.00`: what it would be without weights, and with them. */
function ratioOf({ maxMinRatio }: BalanceItem): string {
  if (maxMinRatio === null) return "-";
  const { equal, weighted } = maxMinRatio;
  return equal === weighted ? equal.toFixed(2) : `${equal.toFixed(2)} -> ${weighted.toFixed(2)}`;
}

/** `33%`; finer where the whole is little. */
function percent(share: number): string {
  const hundredths = share * 100;
  return `${hundredths === 0 || hundredths >= 10 ? hundredths.toFixed(0) : hundredths.toFixed(1)}%`;
}

function formatItem(item: BalanceItem, speaker: string | null, style: TableStyle): string {
  const head = [speaker, item.service, item.address, item.kind, `paths ${pathsOf(item)}`, `max/min ${ratioOf(item)}`];
  const lines = [head.filter((part) => part !== null).join("  ")];
  if (item.advice !== "") lines.push(`  advice: ${item.advice}`);
  const nodes = formatTable<BalanceNode>(NODE_COLUMNS, item.nodes, style);
  const pods = formatTable<BalancePod>(POD_COLUMNS, item.pods, style);
  const tables = [nodes, pods].flatMap((table) => table.split("\n").filter((line) => line !== ""));
  return [...lines.map((line) => shownText(line, style)), ...tables.map((line) => `  ${line}`)]
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

const SHARES = [
  { header: "EQUAL", value: ({ share }: Shared) => percent(share.equal) },
  { header: "WEIGHTED", value: ({ share }: Shared) => `${percent(share.weighted).padStart(4)} ${bar(share.weighted)}` },
] as const;

interface Shared {
  readonly share: FlowShare;
}

const NODE_COLUMNS: readonly Column<BalanceNode>[] = [
  { header: "NODE", value: ({ node }) => node },
  { header: "ENDPOINTS", value: ({ endpoints }) => String(endpoints) },
  { header: "WEIGHT", value: ({ linkBandwidth }) => orNone(linkBandwidth === null ? null : formatRate(linkBandwidth)) },
  ...SHARES,
];

const POD_COLUMNS: readonly Column<BalancePod>[] = [
  { header: "POD", value: ({ endpoint }) => endpoint },
  { header: "ON", value: ({ node }) => orNone(node) },
  ...SHARES,
];

const BAR_WIDTH = 40;

/** A share above zero has a mark of its own. */
function bar(share: number): string {
  return "#".repeat(share === 0 ? 0 : Math.max(1, Math.round(share * BAR_WIDTH)));
}
