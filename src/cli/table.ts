/**
 * Tables in kubectl's style: upper-case headers, columns aligned by three spaces, no lines. A table for people fits {@link TABLE_COLUMNS}
 * columns: text that may be long says so (`shrinks`) and is cut with an ellipsis; `-o wide` cuts nothing and shows the other columns too.
 */

export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  /** May be cut so that the row fits. */
  readonly shrinks?: boolean;
}

export const TABLE_COLUMNS = 100;
const GAP = "   ";
/** Cutting a column below this says nothing any more: then the row is longer instead. */
const LEAST_WIDTH = 12;

/** Header and a line per row, each ended by a newline. Without rows the header alone would be noise: "". */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: { readonly wide: boolean }): string {
  if (rows.length === 0) return "";
  const shown = columns.filter((column) => options.wide || column.wide !== true);
  const lines = [shown.map((column) => column.header), ...rows.map((row) => shown.map((column) => printable(column.value(row))))];
  const natural = shown.map((_, index) => widest(lines, (line) => textWidth(line[index] ?? "")));
  const widths = options.wide ? natural : shrink(shown, natural);
  return lines.map((line) => `${formatLine(line, widths)}\n`).join("");
}

/** What an empty value looks like, as in kubectl. */
export function orNone(text: string | null | undefined): string {
  return text === null || text === undefined || text === "" ? "<none>" : text;
}

/** Names and words of others on a terminal: control characters would move the cursor, or worse. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
}

function formatLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((text, index) => pad(cut(text, widths[index] ?? 0), index === cells.length - 1 ? 0 : (widths[index] ?? 0)))
    .join(GAP)
    .trimEnd();
}

/** Takes what is too much from the columns that may shrink, the widest first. */
function shrink<Row>(columns: readonly Column<Row>[], natural: readonly number[]): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - TABLE_COLUMNS;
  while (excess > 0) {
    let chosen = -1;
    for (const [index, column] of columns.entries()) {
      const width = widths[index] ?? 0;
      const least = Math.max(LEAST_WIDTH, column.header.length);
      if (column.shrinks === true && width > least && (chosen < 0 || width > (widths[chosen] ?? 0))) chosen = index;
    }
    if (chosen < 0) return widths;
    widths[chosen] = (widths[chosen] ?? 0) - 1;
    excess--;
  }
  return widths;
}

function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return `${[...text]
    .slice(0, width - 1)
    .join("")
    .trimEnd()}…`;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** Columns on a terminal; names here are ASCII, words mostly, so that a code point is a column. */
function textWidth(text: string): number {
  let width = 0;
  for (const _ of text) width++;
  return width;
}

/** A loop, since `Math.max(...rows)` of a million rows overflows the stack. */
function widest<T>(items: readonly T[], measure: (item: T) => number): number {
  let most = 0;
  for (const item of items) most = Math.max(most, measure(item));
  return most;
}
