import { createHash } from "node:crypto";
import { type CheckOptions, checkObject, expandList, refKey } from "../../objects/check.ts";
import type { FieldPath, Where } from "../../objects/findings.ts";
import type { ClusterObject, Finding, ObjectRef } from "../../objects/kinds.ts";
import type { ParsedText, Position, TextProblem } from "../../text/document.ts";
import { parseJson } from "../../text/json.ts";
import { type Chunk, parseYaml, splitYaml } from "../../text/yaml.ts";

/** One object that a text holds. */
export interface Entry {
  readonly key: string;
  readonly ref: ObjectRef;
  /** null = refused. */
  readonly object: ClusterObject | null;
  /** Where in the text: enough to find line and column again. */
  readonly at: { readonly chunk: number; readonly document: number; readonly path: FieldPath };
}

/** What a text says. */
export interface Reading {
  /** In the order of the text; the same key may come twice. */
  readonly entries: readonly Entry[];
  readonly findings: readonly Finding[];
  /** Objects of kinds that are not read. */
  readonly ignored: number;
  /** Part of the text cannot be read, or holds objects that cannot be named: what it held before may still be meant. */
  readonly broken: boolean;
  /** Pieces by content, for the next reading of the same file. */
  readonly pieces: ReadonlyMap<string, Piece>;
}

/** What one piece of a text says, lines counted from its own start. */
interface Piece {
  readonly entries: readonly Entry[];
  readonly findings: readonly Finding[];
  readonly ignored: number;
  readonly broken: boolean;
}

const NO_PIECES: ReadonlyMap<string, Piece> = new Map();

/**
 * Reads the objects of a text: JSON where the file is called so or the text starts like it, else YAML. Pieces of a multi-document YAML that `known` holds are not read again:
 * the cost of an edit follows the edit.
 */
export function readText(file: string, text: string, options: CheckOptions, known: ReadonlyMap<string, Piece> = NO_PIECES): Reading {
  const chunks = chunksOf(file, text);
  const reading = { entries: [] as Entry[], findings: [] as Finding[], ignored: 0, broken: false };
  const pieces = new Map<string, Piece>();
  for (const [index, chunk] of chunks.entries()) {
    const name = chunks.length > 1 ? createHash("sha1").update(chunk.text).digest("base64") : "";
    const piece = (name === "" ? undefined : known.get(name)) ?? readPiece(file, chunk, options);
    if (name !== "") pieces.set(name, piece);
    for (const entry of piece.entries)
      reading.entries.push(entry.at.chunk === index ? entry : { ...entry, at: { ...entry.at, chunk: index } });
    for (const finding of piece.findings) reading.findings.push(shift(finding, chunk.linesBefore));
    reading.ignored += piece.ignored;
    reading.broken ||= piece.broken;
  }
  return { ...reading, pieces };
}

/** A reading of a file that could not be read at all. */
export function unreadable(file: string, message: string): Reading {
  const finding: Finding = {
    severity: "error",
    code: "unreadable",
    object: null,
    file,
    line: 0,
    column: 0,
    field: "",
    message,
    allowed: "",
  };
  return { entries: [], findings: [finding], ignored: 0, broken: true, pieces: NO_PIECES };
}

/** Finds the line and column of entries of a text, or of their fields, again. Nothing of a text is kept for it: few are ever asked for. */
export function locator(file: string, text: string): (entry: Entry, field?: FieldPath) => Position {
  const chunks = chunksOf(file, text);
  const parsed = new Map<number, ParsedText>();
  return ({ at }, field = []) => {
    const chunk = chunks[at.chunk];
    if (chunk === undefined) return UNKNOWN;
    const documents = parsed.get(at.chunk) ?? parseChunk(file, chunk);
    parsed.set(at.chunk, documents);
    const position = documents.documents[at.document]?.locate([...at.path, ...field]);
    return position === undefined ? UNKNOWN : { line: position.line + chunk.linesBefore, column: position.column };
  };
}

/** A second object of one name. */
export function duplicateFinding(file: string, { ref }: Entry, { line, column }: Position, first: string): Finding {
  const object = { kind: ref.kind, namespace: ref.namespace, name: ref.name };
  const message = first === file ? "stands in this file twice: the first counts" : `is already in ${first}: that one counts`;
  return {
    severity: "error",
    code: "duplicateObject",
    object,
    file,
    line,
    column,
    field: "",
    message,
    allowed: "one object of a kind, namespace and name",
  };
}

const UNKNOWN: Position = { line: 0, column: 0 };

/** JSON is one piece. */
function chunksOf(file: string, text: string): readonly Chunk[] {
  return looksLikeJson(text) || isJsonFile(file) ? [{ text, linesBefore: 0 }] : splitYaml(text);
}

/** The text starts like JSON. */
export function looksLikeJson(text: string): boolean {
  return /^\uFEFF?\s*[{[]/.test(text);
}

function parseChunk(file: string, { text }: Chunk): ParsedText {
  if (!looksLikeJson(text) && !isJsonFile(file)) return parseYaml(text);
  const json = parseJson(text);
  if (json.problems.length === 0) return json;
  // A mapping in braces may be YAML, unless the file is called JSON. Where it is neither, what JSON says about it is the better message.
  const yaml = isJsonFile(file) || text.length > SMALL ? json : parseYaml(text);
  return yaml.problems.length === 0 ? yaml : json;
}

/** No person writes more flow-style YAML than this. */
const SMALL = 1_048_576;

function isJsonFile(file: string): boolean {
  return /\.json$/i.test(file);
}

function readPiece(file: string, chunk: Chunk, options: CheckOptions): Piece {
  const { documents, problems } = parseChunk(file, chunk);
  const entries: Entry[] = [];
  const findings = problems.map((problem) => problemFinding(file, problem));
  let ignored = 0;
  let broken = problems.length > 0;
  for (const [document, parsed] of documents.entries()) {
    for (const { raw, path } of expandList(parsed.value)) {
      const where: Where = { file, locate: (field, part) => parsed.locate([...path, ...field], part) };
      const checked = checkObject(raw, where, options);
      for (const finding of checked.findings) findings.push(finding);
      if (checked.result === "ignored") ignored++;
      else if (checked.result === "object") entries.push(entryOf(checked.object, { chunk: 0, document, path }));
      else if (checked.ref !== null)
        entries.push({ key: refKey(checked.ref), ref: checked.ref, object: null, at: { chunk: 0, document, path } });
      else broken = true;
    }
  }
  return { entries, findings, ignored, broken };
}

function entryOf(object: ClusterObject, at: Entry["at"]): Entry {
  const ref: ObjectRef = { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
  return { key: refKey(ref), ref, object, at };
}

function problemFinding(file: string, { code, message, line, column }: TextProblem): Finding {
  return { severity: "error", code, object: null, file, line, column, field: "", message, allowed: "" };
}

function shift(finding: Finding, lines: number): Finding {
  return lines === 0 || finding.line === 0 ? finding : { ...finding, line: finding.line + lines };
}
