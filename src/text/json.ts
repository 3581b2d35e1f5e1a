import { LineStarts, type ParsedText, type Path, type Position, positionAt, type TextDocument, type TextProblem } from "./document.ts";
import { JsonFault, JsonWalker } from "./json-walker.ts";

/**
 * `JSON.parse` does all the work while nothing is wrong; a walk over the text finds a position only once a message needs one. Its own
 * messages are not used: they differ between Node versions and often name no position.
 */

/** Repeated keys are looked for in texts up to this many characters: people write small files, programs do not repeat keys. */
export const DUPLICATE_KEY_LIMIT = 1_048_576;

/** One JSON value. A text that is not JSON gives one problem with line and column. */
export function parseJson(text: string): ParsedText {
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    return { documents: [], problems: [firstFault(body) ?? { code: "syntax", message: String(cause), line: 1, column: 1 }] };
  }
  if (body.length <= DUPLICATE_KEY_LIMIT) {
    const fault = firstFault(body);
    if (fault !== undefined) return { documents: [], problems: [fault] };
  }
  return { documents: [new JsonDocument(body, value)], problems: [] };
}

class JsonDocument implements TextDocument {
  readonly value: unknown;
  readonly #text: string;
  /** Offsets of the elements of `items`: the many objects of a dump are found with one walk. */
  #items: readonly number[] | undefined;
  #lines: LineStarts | undefined;

  constructor(text: string, value: unknown) {
    this.#text = text;
    this.value = value;
  }

  locate(path: Path, part: "key" | "value" = "value"): Position {
    this.#lines ??= new LineStarts(this.#text);
    return this.#lines.position(this.#find(path, part));
  }

  #find(path: Path, part: "key" | "value"): number {
    const [list, index, ...rest] = path;
    if (list === "items" && typeof index === "number") {
      this.#items ??= new JsonWalker(this.#text).elementsOf("items");
      const start = this.#items[index];
      if (start !== undefined) return new JsonWalker(this.#text, start).find(rest, part);
    }
    return new JsonWalker(this.#text).find(path, part);
  }
}

function firstFault(text: string): TextProblem | undefined {
  const walker = new JsonWalker(text);
  try {
    walker.whole();
    return undefined;
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault;
    return { code: fault.code, message: fault.message, ...positionAt(text, fault.offset) };
  }
}
