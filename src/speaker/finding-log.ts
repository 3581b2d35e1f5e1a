import type { Log } from "../log.ts";
import type { Finding } from "../objects/kinds.ts";

/** So many lines a change of the objects may cost. */
const LINES = 50;

/** Says once what is wrong with the objects, and once that it no longer is; counts what is refused. */
export class FindingLog {
  readonly #log: Log;
  #known: ReadonlyMap<string, Finding> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  /** The findings that are true now. */
  replace(findings: readonly Finding[]): void {
    const next = new Map(findings.map((finding) => [keyOf(finding), finding]));
    let lines = 0;
    for (const [key, finding] of next) {
      if (this.#known.has(key) || ++lines > LINES) continue;
      const { severity, code, message } = finding;
      this.#log({ event: "object.invalid", severity, code, object: nameOf(finding), at: placeOf(finding), message });
    }
    if (lines > LINES) this.#log({ event: "object.more", count: lines - LINES });
    for (const [key, finding] of this.#known) {
      if (next.has(key) || ++lines > LINES) continue;
      this.#log({ event: "object.mended", object: nameOf(finding), at: placeOf(finding), code: finding.code });
    }
    this.#known = next;
  }

  /** Objects refused, by kind. Unreadable files count as kind `File`. */
  refused(): ReadonlyMap<string, number> {
    const objects = new Map<string, Set<string>>();
    for (const finding of this.#known.values()) {
      if (finding.severity !== "error") continue;
      const kind = finding.object?.kind ?? "File";
      const names = objects.get(kind) ?? new Set();
      names.add(nameOf(finding) ?? finding.file);
      objects.set(kind, names);
    }
    return new Map([...objects].map(([kind, names]) => [kind, names.size]));
  }
}

function keyOf({ code, file, line, column, field, message, object }: Finding): string {
  return `${file}:${line}:${column} ${code} ${object?.kind ?? ""} ${object?.namespace ?? ""}/${object?.name ?? ""} ${field} ${message}`;
}

function nameOf({ object }: Finding): string | null {
  if (object === null) return null;
  return object.namespace === "" ? `${object.kind} ${object.name}` : `${object.kind} ${object.namespace}/${object.name}`;
}

function placeOf({ file, line, column, field }: Finding): string {
  const place = file === "" ? "" : line === 0 ? file : `${file}:${line}:${column}`;
  return [place, field].filter((part) => part !== "").join(" ");
}
