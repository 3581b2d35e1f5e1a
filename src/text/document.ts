/** Values of a text that know where they stand. */

/** Steps from the root of a value to a field: keys and indexes. */
export type Path = readonly (string | number)[];

/** 1-based line and column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One YAML document or JSON value. */
export interface TextDocument {
  readonly value: unknown;
  /**
   * Where the value at `path` starts, or its key with `part` = "key". A path that leads nowhere gives the key of the deepest part that
   * exists: the place at which a missing field would have to be added.
   */
  locate(path: Path, part?: "key" | "value"): Position;
}

/** Why a text is not what it should be; `message` has no position in it. */
export interface TextProblem extends Position {
  readonly code: "syntax" | "duplicateKey" | "tooLarge";
  readonly message: string;
}

/** Documents that could be read, in order, and what was wrong with the others. */
export interface ParsedText {
  readonly documents: readonly TextDocument[];
  readonly problems: readonly TextProblem[];
}

/** Deeper values than this are refused: nothing that Kubernetes knows is nested half as deep. */
export const MAX_DEPTH = 100;

/** Line and column of an offset. Costs a scan of the text before it: for error messages only. */
export function positionAt(text: string, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, column: Math.min(offset, text.length) - start + 1 };
}

/** Line and column of many offsets of one text. */
export class LineStarts {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
