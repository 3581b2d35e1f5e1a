/** Text of others on a terminal: what of it is safe to print, how many columns it takes, and how it is cut or wrapped. */

import { UNSEEN } from "../text/unseen-characters.ts";

const UNSAFE = new RegExp(`(?:${UNSEEN.source})+`, "gu");
const PLAIN = /^[\x20-\x7e]*$/;

/** Names and words of others: control and format characters become a space, half a character the mark for one that is broken. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, " ").replace(/\p{Cs}/gu, "\ufffd");
}

/** False where the locale names another encoding. One that names none, as in most containers, is taken for UTF-8. */
export function speaksUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return locale === "" || /utf-?8/i.test(locale);
}

/** Of our own signs, those that have a likeness in ASCII. */
const LIKENESS: Readonly<Record<string, string>> = { "…": "...", "–": "-", "✓": "ok", "✗": "FAIL", "×": "x", "→": "->" };

/** For a terminal that knows ASCII alone: our own signs in words, every other character a question mark. */
export function toAscii(text: string): string {
  if (PLAIN.test(text)) return text;
  return graphemes(text)
    .map((one) => (PLAIN.test(one) ? one : (LIKENESS[one] ?? "?")))
    .join("");
}

/** Columns on a terminal. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return graphemes(text).reduce((sum, one) => sum + graphemeWidth(one), 0);
}

/** The beginning of the text in so many columns, with `ellipsis` where something is missing. */
export function cutText(text: string, width: number, ellipsis: string): string {
  if (textWidth(text) <= width) return text;
  const [head = ""] = breakText(text, Math.max(1, width - textWidth(ellipsis)), 1);
  return head.trimEnd() + ellipsis;
}

/** Lines of so many columns at most, broken at spaces; a word that no line could hold is broken where the line ends. At least one line. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (textWidth(longer) <= width) {
      line = longer;
      continue;
    }
    const isTooLong = textWidth(word) > width;
    if (line !== "" && !isTooLong) lines.push(line);
    const broken = isTooLong ? breakText(longer, width) : [word];
    line = broken.pop() ?? "";
    for (const one of broken) lines.push(one.trim());
  }
  return [...lines, line];
}

export function padText(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** Pieces of so many columns at most, of one character at least; no more than `most` of them. */
function breakText(text: string, width: number, most = Number.POSITIVE_INFINITY): string[] {
  const pieces: string[] = [];
  let piece = "";
  let taken = 0;
  for (const one of graphemes(text)) {
    const needs = graphemeWidth(one);
    if (piece !== "" && taken + needs > width) {
      pieces.push(piece);
      if (pieces.length >= most) return pieces;
      piece = "";
      taken = 0;
    }
    piece += one;
    taken += needs;
  }
  return [...pieces, piece];
}

/**
 * Characters as people see them: flags, emoji with their joiners and modifiers, letters with their marks. Short of Unicode Standard Annex 29, whose
 * implementation in Intl.Segmenter takes time with the square of the length.
 */
const GRAPHEME = /\p{RI}\p{RI}|\P{M}(?:\u200d\P{M}|[\p{M}\p{Emoji_Modifier}])*|\p{M}+/gsu;

function graphemes(text: string): readonly string[] {
  return text.match(GRAPHEME) ?? [];
}

/** Two for what stands in the East Asian "wide" ranges (Unicode Standard Annex 11) or is shown as an emoji. */
function graphemeWidth(grapheme: string): number {
  if (/^[\p{M}\u200d]*$/u.test(grapheme)) return 0;
  if (/\p{Emoji_Presentation}|\ufe0f/u.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0) ?? 0;
  // Vowels and finals of a Hangul syllable stand inside it.
  if (code >= 0x1160 && code <= 0x11ff) return 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd],
];
