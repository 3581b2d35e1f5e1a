import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A fenced block of docs/install.md. */
export interface Block {
  /** Heading of the section, without its signs. */
  readonly section: string;
  readonly language: string;
  readonly text: string;
  /** The file that the words before it name; "" = none. */
  readonly file: string;
}

export const INSTALL_PAGE = readFileSync(join(ROOT, "docs/install.md"), "utf8");

export function blocksOf(page: string): readonly Block[] {
  return page.split(/^## /m).flatMap((part) => {
    const section = part.split("\n")[0] ?? "";
    const pieces = part.split(/^```(\w*)\n([\s\S]*?)^```$/m);
    // Words, language, text, words, language, text, …, words.
    return Array.from({ length: Math.floor(pieces.length / 3) }, (_, index) => {
      const paragraph = (pieces[index * 3] ?? "").trim().split("\n\n").at(-1) ?? "";
      const file = /`([\w./-]+\.yaml)`:$/.exec(paragraph)?.[1] ?? "";
      return { section, language: pieces[index * 3 + 1] ?? "", text: pieces[index * 3 + 2] ?? "", file };
    });
  });
}

/** The commands of a section in their order. */
export function commandsOf(section: string): readonly string[] {
  return blocksOf(INSTALL_PAGE)
    .filter((block) => block.section === section && block.language === "sh")
    .flatMap(({ text }) => text.trim().split("\n"));
}

/** A folder as a reader of the page has it: `deploy/`, and every file that the page names, with what it says. */
export function playReader(directory: string): void {
  cpSync(join(ROOT, "deploy"), join(directory, "deploy"), { recursive: true });
  for (const { file, text } of blocksOf(INSTALL_PAGE)) {
    if (file === "") continue;
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
}
