import { inspect } from "node:util";

/** A text that no log, no error and no inspection shows. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the wire alone. */
  reveal(): string {
    return this.#text;
  }

  equals(other: Secret | null): boolean {
    return other !== null && other.#text === this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
