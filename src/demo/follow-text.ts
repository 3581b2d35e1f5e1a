import type { RouterTable } from "./table.ts";

/** An address that a node does not announce, and why. */
export interface Negative {
  readonly node: string;
  readonly service: string;
  readonly address: string;
  readonly reason: string;
  readonly detail: string;
}

/** Colours, or nothing where none are wanted. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

export function paintWith(colour: boolean): Paint {
  const code = (number: number) => (text: string) => (colour ? `\u001b[${number}m${text}\u001b[0m` : text);
  return { bold: code(1), dim: code(2), good: code(32), bad: code(31) };
}

const GAP = "   ";
const ABSENT = "·";

/** The table as a matrix, prefixes × next hops with the weight of each path, per family; under it the nodes that do not announce, with the reason. */
export function formatTables(
  table: RouterTable,
  owners: ReadonlyMap<string, string>,
  negatives: readonly Negative[],
  paint: Paint,
): string {
  const families = [table.filter(({ prefix }) => !prefix.includes(":")), table.filter(({ prefix }) => prefix.includes(":"))];
  const parts = families.filter((family) => family.length > 0).map((family) => formatMatrix(family, owners, paint));
  if (negatives.length > 0) parts.push(formatNegatives(negatives, paint));
  return parts.join("\n");
}

function formatMatrix(table: RouterTable, owners: ReadonlyMap<string, string>, paint: Paint): string {
  const hops = [...new Set(table.flatMap(({ paths }) => paths.map(({ nextHop }) => nextHop)))].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  const widest = Math.max("PREFIX".length, ...table.map(({ prefix }) => prefix.length));
  const lines = [paint.bold(["PREFIX".padEnd(widest), ...hops, "SERVICE"].join(GAP))];
  for (const { prefix, paths } of table) {
    const cells = hops.map((hop) => {
      const weight = paths.find(({ nextHop }) => nextHop === hop)?.weight;
      const padded = (weight === undefined ? ABSENT : String(weight)).padStart(hop.length);
      return weight === undefined ? paint.dim(padded) : paint.good(padded);
    });
    lines.push([prefix.padEnd(widest), ...cells, owners.get(prefix) ?? ""].join(GAP).trimEnd());
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** A line per Service and reason: its addresses share both, and so mostly do its nodes. */
function formatNegatives(negatives: readonly Negative[], paint: Paint): string {
  const groups = new Map<string, { service: string; reason: string; detail: string; nodes: Set<string> }>();
  for (const { node, service, reason, detail } of negatives) {
    const group = groups.get(`${service} ${reason}`);
    if (group === undefined) groups.set(`${service} ${reason}`, { service, reason, detail, nodes: new Set([node]) });
    else group.nodes.add(node);
  }
  const rows = [...groups.values()];
  const nodesOf = (nodes: ReadonlySet<string>): string => [...nodes].sort().join(", ");
  const width = (header: string, values: readonly string[]): number => Math.max(header.length, ...values.map(({ length }) => length));
  const widths = [
    width(
      "NOT ANNOUNCED",
      rows.map(({ service }) => service),
    ),
    width(
      "BY",
      rows.map(({ nodes }) => nodesOf(nodes)),
    ),
    width(
      "REASON",
      rows.map(({ reason }) => reason),
    ),
  ] as const;
  const line = (service: string, nodes: string, reason: string): string =>
    [service.padEnd(widths[0]), nodes.padEnd(widths[1]), reason.padEnd(widths[2])].join(GAP);
  const header = paint.bold([line("NOT ANNOUNCED", "BY", "REASON"), "DETAIL"].join(GAP));
  const body = rows.map(({ service, reason, detail, nodes }) =>
    [line(service, nodesOf(nodes), reason), paint.dim(detail)].join(GAP).trimEnd(),
  );
  return [header, ...body].map((text) => `${text}\n`).join("");
}
