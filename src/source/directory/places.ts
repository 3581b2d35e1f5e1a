/**
 * Where the objects of files stand, for findings that nobody made while reading: about what objects make of each other. Texts are not kept;
 * the few files that somebody has to be told about are read again.
 */

import { type FieldPath, parsePath } from "../../objects/findings.ts";
import type { Finding } from "../../objects/kinds.ts";
import { readContents } from "./contents.ts";
import { type Entry, locator } from "./reading.ts";

/** What is wrong in files that were read. */
export class Places {
  /** In the order in which they were met. */
  readonly #files = new Map<string, { readonly length: number; readonly once: string | null }>();
  readonly #objects = new Map<string, { readonly file: string; readonly entry: Entry }>();

  /** A file was met; `text` "" = it could not be read. `isOnce`: it cannot be read a second time, as stdin. */
  addFile(file: string, text: string, isOnce: boolean): void {
    if (!this.#files.has(file)) this.#files.set(file, { length: text.length, once: isOnce ? text : null });
  }

  addObject(file: string, entry: Entry): void {
    this.#objects.set(entry.key, { file, entry });
  }

  /** The file of an object; undefined = no such object was read. */
  fileOf(key: string): string | undefined {
    return this.#objects.get(key)?.file;
  }

  /** Both lists with file, line and column, in the order of the files, then of the lines; what stands in no file comes last. */
  async merge(placed: readonly Finding[], unplaced: readonly Finding[]): Promise<Finding[]> {
    const locators = new Map<string, Locate | null>();
    const found: Finding[] = [...placed];
    for (const finding of unplaced) found.push(await this.#place(finding, locators));
    const order = new Map([...this.#files.keys()].map((file, i) => [file, i]));
    const rank = ({ file }: Finding) => order.get(file) ?? order.size;
    return found
      .map((finding, i) => ({ finding, i }))
      .sort(
        (a, b) => rank(a.finding) - rank(b.finding) || a.finding.line - b.finding.line || a.finding.column - b.finding.column || a.i - b.i,
      )
      .map(({ finding }) => finding);
  }

  async #place(finding: Finding, locators: Map<string, Locate | null>): Promise<Finding> {
    const { object } = finding;
    const known = object === null ? undefined : this.#objects.get(`${object.kind}/${object.namespace}/${object.name}`);
    if (known === undefined) return finding;
    let locate = locators.get(known.file);
    if (locate === undefined) {
      locate = await this.#locatorOf(known.file);
      locators.set(known.file, locate);
    }
    const position = locate?.(known.entry, parsePath(finding.field)) ?? { line: 0, column: 0 };
    return { ...finding, file: known.file, ...position };
  }

  async #locatorOf(file: string): Promise<Locate | null> {
    const known = this.#files.get(file);
    if (known === undefined) return null;
    const text = known.once ?? (await readContents(file).catch(() => null));
    // Gone or changed since: better no line than a wrong one.
    return text === null || text.length !== known.length ? null : locator(file, text);
  }
}

type Locate = (entry: Entry, field: FieldPath) => { readonly line: number; readonly column: number };
