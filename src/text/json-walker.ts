import { MAX_DEPTH, type Path, type TextProblem } from "./document.ts";

/** The first thing wrong with a text. */
export class JsonFault extends Error {
  readonly offset: number;
  readonly code: TextProblem["code"];

  constructor(offset: number, message: string, code: TextProblem["code"] = "syntax") {
    super(message);
    this.offset = offset;
    this.code = code;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Below the space: not allowed in strings. */
const CONTROL = /[^ -\uffff]/;
const SPACE = /[ \t\n\r]*/y;

/** Reads RFC 8259 text by position. */
export class JsonWalker {
  readonly #text: string;
  /** Offset of the next character. */
  #at: number;

  constructor(text: string, start = 0) {
    this.#text = text;
    this.#at = start;
  }

  /** @throws {JsonFault} at the first character that is not JSON, or at a repeated key. */
  whole(): void {
    this.#space();
    this.#value(0, true);
    this.#space();
    if (this.#at < this.#text.length) throw new JsonFault(this.#at, `one JSON value was expected, but ${this.#seen()} follows it`);
  }

  /** Offset of the value (or key) at `path` in text known to be JSON; of the deepest key on the way where it leads nowhere. */
  find(path: Path, part: "key" | "value"): number {
    this.#space();
    let known = this.#at;
    for (const [depth, step] of path.entries()) {
      const found = typeof step === "number" ? this.#element(step) : this.#member(step);
      if (found === undefined) return known;
      known = part === "value" && depth === path.length - 1 ? this.#at : found;
    }
    return known;
  }

  /** Offsets of the elements of a list in the outermost object. */
  elementsOf(name: string): readonly number[] {
    this.#space();
    const offsets: number[] = [];
    if (this.#member(name) === undefined || this.#text[this.#at] !== "[") return offsets;
    this.#at++;
    this.#space();
    while (this.#at < this.#text.length && this.#text[this.#at] !== "]") {
      offsets.push(this.#at);
      this.#value(0, false);
      this.#space();
      if (this.#text[this.#at] !== ",") break;
      this.#at++;
      this.#space();
    }
    return offsets;
  }

  /** Moves to the value of a member; the offset of its key. */
  #member(name: string): number | undefined {
    if (this.#text[this.#at] !== "{") return undefined;
    const end = this.#at;
    let found: { readonly key: number; readonly value: number } | undefined;
    this.#at++;
    this.#space();
    while (this.#text[this.#at] === '"') {
      const key = this.#at;
      const text = this.#string();
      this.#colon();
      // Of a repeated key the last one counts, as for JSON.parse.
      if (text === name) found = { key, value: this.#at };
      this.#value(0, false);
      this.#space();
      if (this.#text[this.#at] !== ",") break;
      this.#at++;
      this.#space();
    }
    this.#at = found?.value ?? end;
    return found?.key;
  }

  #element(index: number): number | undefined {
    if (this.#text[this.#at] !== "[") return undefined;
    this.#at++;
    for (let i = 0; ; i++) {
      this.#space();
      if (this.#text[this.#at] === "]") return undefined;
      if (i === index) return this.#at;
      this.#value(0, false);
      this.#space();
      if (this.#text[this.#at] !== ",") return undefined;
      this.#at++;
    }
  }

  #value(depth: number, strict: boolean): void {
    if (strict && depth > MAX_DEPTH) throw new JsonFault(this.#at, `nested deeper than ${MAX_DEPTH}`, "tooLarge");
    switch (this.#text[this.#at]) {
      case "{":
        if (strict) this.#object(depth);
        else this.#skip();
        return;
      case "[":
        if (strict) this.#array(depth);
        else this.#skip();
        return;
      case '"':
        this.#string();
        return;
      default:
        for (const word of ["true", "false", "null"]) {
          if (this.#text.startsWith(word, this.#at)) {
            this.#at += word.length;
            return;
          }
        }
        if (!this.#match(NUMBER)) throw new JsonFault(this.#at, `a value was expected, not ${this.#seen()}`);
    }
  }

  /** Past an object or array of well-formed text, without recursion. */
  #skip(): void {
    let depth = 0;
    do {
      const character = this.#text[this.#at];
      if (character === undefined) throw new JsonFault(this.#at, "the text ends in the middle of a value");
      if (character === '"') {
        this.#string();
        continue;
      }
      if (character === "{" || character === "[") depth++;
      else if (character === "}" || character === "]") depth--;
      this.#at++;
    } while (depth > 0);
  }

  #object(depth: number): void {
    const keys = new Set<string>();
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === "}") {
      this.#at++;
      return;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw new JsonFault(this.#at, `a key in double quotes was expected, not ${this.#seen()}`);
      const start = this.#at;
      const key = this.#string();
      if (keys.has(key)) throw new JsonFault(start, `key "${key}" stands here twice`, "duplicateKey");
      keys.add(key);
      this.#colon();
      this.#value(depth + 1, true);
      this.#space();
      if (this.#end("}")) return;
    }
  }

  #array(depth: number): void {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === "]") {
      this.#at++;
      return;
    }
    for (;;) {
      this.#space();
      this.#value(depth + 1, true);
      this.#space();
      if (this.#end("]")) return;
    }
  }

  /** Past a comma (false) or the closing bracket (true). */
  #end(bracket: string): boolean {
    const character = this.#text[this.#at];
    if (character !== "," && character !== bracket) throw new JsonFault(this.#at, `"," or "${bracket}" was expected, not ${this.#seen()}`);
    this.#at++;
    return character === bracket;
  }

  #colon(): void {
    this.#space();
    if (this.#text[this.#at] !== ":") throw new JsonFault(this.#at, `":" was expected, not ${this.#seen()}`);
    this.#at++;
    this.#space();
  }

  #string(): string {
    const start = this.#at;
    // A regular expression recurses on long strings: those are looked through by hand.
    for (let end = this.#text.indexOf('"', start + 1); end !== -1; end = this.#text.indexOf('"', end + 1)) {
      if (this.#escaped(end)) continue;
      const literal = this.#text.slice(start, end + 1);
      this.#at = end + 1;
      if (!literal.includes("\\") && !CONTROL.test(literal)) return literal.slice(1, -1);
      return this.#unquote(literal, start);
    }
    throw new JsonFault(start, "this string does not end");
  }

  #unquote(literal: string, start: number): string {
    try {
      return String(JSON.parse(literal));
    } catch {
      // The literal has a control character or an escape that JSON lacks: said with its own position.
      const bad = literal.search(/[^ -\uffff]|\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})/);
      const line = literal.charAt(bad) === "\n" || literal.charAt(bad) === "\r";
      throw new JsonFault(
        start + Math.max(bad, 0),
        line ? "this string does not end on its line" : "this character or escape is not allowed in a string",
      );
    }
  }

  #escaped(quote: number): boolean {
    let slashes = 0;
    while (this.#text[quote - 1 - slashes] === "\\") slashes++;
    return slashes % 2 === 1;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #seen(): string {
    const character = this.#text[this.#at];
    if (character === undefined) return "the end of the text";
    const code = character.charCodeAt(0);
    return code < 0x20 ? `control character ${code}` : `"${character}"`;
  }
}
