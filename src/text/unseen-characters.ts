/**
 * Characters that a terminal obeys or that nobody sees: controls, format characters such as marks that turn the direction of writing, line separators
 * of Unicode. The joiner inside emoji is none of them: without it an emoji is another one.
 */
export const UNSEEN = /(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** The same, but for line ends, which are the layout of a text around its values. */
export const UNSEEN_IN_LINES = /(?![\n\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** JSON text with every such character as an escape: the same value for every reader, and nothing for a terminal to obey. */
export function escapeJson(json: string): string {
  return json.replace(UNSEEN_IN_LINES, (one) =>
    Array.from({ length: one.length }, (_, i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}
