import {
  type Alias,
  Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  Scalar,
  visit,
  type YAMLMap,
} from "yaml";
import { MAX_DEPTH, type ParsedText, type Path, type Position, positionAt, type TextDocument, type TextProblem } from "./document.ts";
import { UNSEEN, UNSEEN_IN_LINES } from "./unseen-characters.ts";

/** Values an alias may stand for, all uses counted: more is a bomb, not a document. */
const MAX_EXPANDED = 1_000_000;
/** Characters of YAML read at once. Larger sets come as JSON, which is a hundred times faster to read. */
export const MAX_YAML_LENGTH = 33_554_432;

/**
 * All documents of a text (YAML 1.2 core schema, with `<<` merges). A document with an error gives one problem and is left out; the others
 * are kept. Empty documents are skipped.
 */
export function parseYaml(text: string): ParsedText {
  if (text.length > MAX_YAML_LENGTH) {
    return refused({
      code: "tooLarge",
      message: `${text.length} characters of YAML are more than ${MAX_YAML_LENGTH}: write JSON`,
      line: 1,
      column: 1,
    });
  }
  const lines = new LineCounter();
  let parsed: ReturnType<typeof parseAllDocuments>;
  try {
    parsed = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      keepSourceTokens: false,
      logLevel: "silent",
    });
  } catch (cause) {
    // The composer recurses: only absurd nesting gets here.
    const message = cause instanceof RangeError ? "nested too deep" : `not readable as YAML: ${String(cause)}`;
    return refused({ code: cause instanceof RangeError ? "tooLarge" : "syntax", message, line: 1, column: 1 });
  }
  if (!Array.isArray(parsed)) return { documents: [], problems: [] };
  const documents: TextDocument[] = [];
  const problems: TextProblem[] = [];
  for (const document of parsed) {
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push({ code: "syntax", message: plain(error.message), ...at(lines, error.pos[0]) });
      continue;
    }
    const root = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) continue;
    try {
      documents.push(new YamlDocument(new Reader().read(root, 0).value, root, lines));
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      problems.push({ code: fault.code, message: fault.message, ...at(lines, fault.offset) });
    }
  }
  return { documents, problems };
}

/** One piece of a multi-document text and the lines before it. */
export interface Chunk {
  readonly text: string;
  readonly linesBefore: number;
}

/**
 * Cuts a text at its `---` lines, so that pieces can be read, kept and be wrong apart. A line that starts with `---` ends a document
 * whatever it stands in (YAML 1.2 §9.1.2). Texts with directives or `...` are not cut.
 */
export function splitYaml(text: string): readonly Chunk[] {
  if (/^(?:%|\.\.\.(?:\s|$))/m.test(text)) return [{ text, linesBefore: 0 }];
  const chunks: Chunk[] = [];
  let start = 0;
  let linesBefore = 0;
  for (const match of text.matchAll(/^---(?=\s|$)/gm)) {
    if (match.index === start) continue;
    const piece = text.slice(start, match.index);
    chunks.push({ text: piece, linesBefore });
    linesBefore += count(piece);
    start = match.index;
  }
  chunks.push({ text: text.slice(start), linesBefore });
  return chunks;
}

/**
 * YAML for people: no folded lines, no aliases, strings quoted only where they must be. Characters that nobody sees stand as escapes, so that what is
 * read back is the same value and a terminal obeys none of them.
 */
export function stringifyYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      const { value: text } = node;
      // A key that only looks like a merge.
      if (typeof text === "string" && (text === "<<" || UNSEEN.test(text.replaceAll("\n", "")) || LONE_SURROGATE.test(text)))
        node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Those that the library leaves raw stand in double quotes now.
  return document.toString({ lineWidth: 0 }).replace(UNSEEN_IN_LINES, escaped);
}

const LONE_SURROGATE = /\p{Cs}/u;
function escaped(character: string): string {
  return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`;
}

function refused(problem: TextProblem): ParsedText {
  return { documents: [], problems: [problem] };
}

class YamlDocument implements TextDocument {
  readonly value: unknown;
  readonly #root: Node;
  readonly #lines: LineCounter;

  constructor(value: unknown, root: Node, lines: LineCounter) {
    this.value = value;
    this.#root = root;
    this.#lines = lines;
  }

  locate(path: Path, part: "key" | "value" = "value"): Position {
    let node: unknown = this.#root;
    let known = offsetOf(this.#root);
    for (const [depth, step] of path.entries()) {
      const next = child(node, step);
      if (next === undefined) break;
      const last = depth === path.length - 1;
      known = last && part === "value" && next.value !== undefined ? offsetOf(next.value) : offsetOf(next.key ?? next.value);
      node = next.value;
    }
    return at(this.#lines, known);
  }
}

function child(node: unknown, step: string | number): { readonly key: unknown; readonly value: unknown } | undefined {
  if (isSeq(node) && typeof step === "number") return step < node.items.length ? { key: undefined, value: node.items[step] } : undefined;
  if (!isMap(node)) return undefined;
  for (const { key, value } of node.items) {
    // A key without a value has no node to point at.
    if (isScalar(key) && String(key.value) === String(step)) return { key, value: value === null ? undefined : value };
  }
  return undefined;
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}

interface Read {
  readonly value: unknown;
  /** Values in it, aliases expanded. */
  readonly size: number;
}

class Fault extends Error {
  readonly offset: number;
  readonly code: TextProblem["code"];

  constructor(node: unknown, message: string, code: TextProblem["code"] = "syntax") {
    super(message);
    this.offset = offsetOf(node);
    this.code = code;
  }
}

/** Nodes → plain values. Aliases share the value of their anchor; an anchor that is still being read cannot be referred to. */
class Reader {
  readonly #anchors = new Map<string, Read>();
  #expanded = 0;

  read(node: unknown, depth: number): Read {
    if (depth > MAX_DEPTH) throw new Fault(node, `nested deeper than ${MAX_DEPTH}`, "tooLarge");
    if (isAlias(node)) return this.#alias(node);
    let read: Read;
    if (isMap(node)) read = this.#map(node, depth);
    else if (isSeq(node)) read = this.#sequence(node.items, depth);
    else if (isScalar(node)) read = { value: node.value, size: 1 };
    else read = { value: null, size: 1 };
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) this.#anchors.set(node.anchor, read);
    return read;
  }

  #alias(node: Alias): Read {
    const read = this.#anchors.get(node.source);
    if (read === undefined) throw new Fault(node, `alias *${node.source} has no anchor before it`);
    this.#expanded += read.size;
    if (this.#expanded > MAX_EXPANDED) throw new Fault(node, `aliases stand for more than ${MAX_EXPANDED} values`, "tooLarge");
    return read;
  }

  #sequence(items: readonly unknown[], depth: number): Read {
    const value: unknown[] = [];
    let size = 1;
    for (const item of items) {
      const read = this.read(item, depth + 1);
      value.push(read.value);
      size += read.size;
    }
    return { value, size };
  }

  #map(node: YAMLMap, depth: number): Read {
    const entries = new Map<string, unknown>();
    const merged: Read[] = [];
    let size = 1;
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = keyOf(pair.key);
      const read = this.read(pair.value, depth + 1);
      size += read.size;
      if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN") {
        merged.push(read);
        continue;
      }
      if (entries.has(key)) throw new Fault(pair.key, `key "${key}" stands here twice`, "duplicateKey");
      entries.set(key, read.value);
    }
    for (const read of merged) mergeInto(entries, read.value, node);
    // fromEntries defines own properties, also one that is called __proto__.
    return { value: Object.fromEntries(entries), size };
  }
}

function keyOf(key: unknown): string {
  if (isScalar(key)) return String((key as Scalar).value);
  throw new Fault(key, "a key must be a plain word or a string");
}

function mergeInto(entries: Map<string, unknown>, value: unknown, node: Node): void {
  for (const source of Array.isArray(value) ? value : [value]) {
    if (typeof source !== "object" || source === null || Array.isArray(source))
      throw new Fault(node, "<< needs a mapping, or a list of mappings");
    for (const [key, inner] of Object.entries(source)) if (!entries.has(key)) entries.set(key, inner);
  }
}

function at(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** First line, without a closing stop or colon. */
function plain(message: string): string {
  const [line = message] = message.split("\n");
  return line.replace(/[.:\s]+$/, "");
}

function count(text: string): number {
  return positionAt(text, text.length).line - 1;
}
