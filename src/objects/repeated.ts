/** More than a cluster has nodes and namespaces. */
const MOST = 20_000;
const texts = new Map<string, string>();

/** The text, as the same value every time: a cluster's endpoints name the same few nodes, and need not hold a hundred thousand copies of their names. */
export function repeated(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  // What is forgotten costs a copy more, and nothing else.
  if (texts.size >= MOST) texts.clear();
  texts.set(text, text);
  return text;
}
