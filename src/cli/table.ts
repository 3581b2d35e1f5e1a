/**
 * Tables in kubectl's style: upper-case headers, columns aligned by three spaces, no lines. A table for people fits {@link TABLE_COLUMNS}
 * columns: text that may be long says how it gives way (`fit`), cut with an ellipsis or continued on the next line. `-o wide` gives every row one
 * line, cuts nothing and shows the other columns too.
 */

import { cutText, padText, printable, textWidth, toAscii, wrapText } from "./terminal-text.ts";

export interface Column<Row> {
  readonly header: string;
  /** Several lines stand one below the other; `-o wide` puts them behind each other. */
  readonly value: (row: Row) => string | readonly string[];
  /** Only with `-o wide`, or only without. */
  readonly only?: "wide" | "narrow";
  /** Left out, except from `-o wide`, where it says nothing in any row. */
  readonly optional?: boolean;
  readonly fit?: "cut" | "wrap";
  /** Giving way ends here: a narrower column says nothing any more, and the row is longer instead. Default 12. */
  readonly least?: number;
}

export interface TableStyle {
  readonly wide: boolean;
  /** The terminal shows nothing but ASCII. */
  readonly ascii?: boolean;
  /** Default {@link TABLE_COLUMNS}. */
  readonly columns?: number;
}

/** Lines of each cell of each row. */
type Cells = readonly (readonly (readonly string[])[])[];

export const TABLE_COLUMNS = 100;
const GAP = "   ";
const LEAST_WIDTH = 12;
const NONE = "<none>";

/** Header and a row each, ended by newlines. Without rows the header alone would be noise: "". */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: TableStyle): string {
  if (rows.length === 0) return "";
  const left = style.wide ? "narrow" : "wide";
  const candidates = columns.filter(({ only }) => only !== left);
  const read = rows.map((row) => candidates.map((column) => cellOf(column.value(row), style)));
  const keep = candidates.map(({ optional }, i) => style.wide || optional !== true || read.some((cells) => !isNothing(cells[i])));
  const shown = candidates.filter((_, i) => keep[i]);
  const lines = [shown.map(({ header }) => [header]), ...read.map((cells) => cells.filter((_, i) => keep[i]))];
  const natural = shown.map((_, i) => widest(lines, (cells) => widest(cells[i] ?? [], textWidth)));
  const widths = style.wide ? natural : shrink(shown, lines, natural, style.columns ?? TABLE_COLUMNS);
  return lines.map((cells) => formatRow(shown, cells, widths, style)).join("");
}

/** What an empty value looks like, as in kubectl. */
export function orNone(text: string | null | undefined): string {
  return text === null || text === undefined || text === "" ? NONE : text;
}

/** Text as this terminal can show it. */
export function shownText(text: string, style: TableStyle): string {
  return style.ascii === true ? toAscii(printable(text)) : printable(text);
}

function cellOf(value: string | readonly string[], style: TableStyle): readonly string[] {
  if (typeof value === "string") return [shownText(value, style)];
  const lines = value.map((line) => shownText(line, style));
  return style.wide ? [lines.join("; ")] : lines;
}

function isNothing(cell: readonly string[] | undefined): boolean {
  return cell === undefined || cell.every((line) => line === "" || line === NONE);
}

function formatRow<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  { ascii }: TableStyle,
): string {
  const ellipsis = ascii === true ? "..." : "…";
  const fitted = cells.map((lines, i) => {
    const width = widths[i] ?? 0;
    return lines.flatMap((line) => (columns[i]?.fit === "wrap" ? wrapText(line, width) : cutText(line, width, ellipsis)));
  });
  let text = "";
  for (
    let at = 0;
    at <
    Math.max(
      1,
      widest(fitted, ({ length }) => length),
    );
    at++
  ) {
    const line = fitted.map((lines, i) => padText(lines[at] ?? "", i === fitted.length - 1 ? 0 : (widths[i] ?? 0)));
    text += `${line.join(GAP).trimEnd()}\n`;
  }
  return text;
}

/** Takes what is too much from the columns that give way, the widest first; words are broken only where there is no other way. */
function shrink<Row>(columns: readonly Column<Row>[], lines: Cells, natural: readonly number[], limit: number): number[] {
  const widths = [...natural];
  const least = columns.map((column) => Math.max(column.least ?? LEAST_WIDTH, column.header.length));
  const words = columns.map(({ fit }, i) => (fit === "wrap" ? widest(lines, (cells) => widest(cells[i] ?? [], widestWord)) : 0));
  const whole = least.map((width, i) => Math.max(width, words[i] ?? 0));
  for (const bounds of [whole, least]) {
    let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - limit;
    while (excess > 0) {
      let chosen = -1;
      for (const [index, { fit }] of columns.entries()) {
        const width = widths[index] ?? 0;
        if (fit !== undefined && width > (bounds[index] ?? 0) && (chosen < 0 || width > (widths[chosen] ?? 0))) chosen = index;
      }
      if (chosen < 0) break;
      widths[chosen] = (widths[chosen] ?? 0) - 1;
      excess--;
    }
  }
  return widths;
}

function widestWord(line: string): number {
  return widest(line.split(" "), textWidth);
}

/** A loop, since `Math.max(...rows)` of a million rows overflows the stack. */
function widest<T>(items: readonly T[], measure: (item: T) => number): number {
  let most = 0;
  for (const item of items) most = Math.max(most, measure(item));
  return most;
}
