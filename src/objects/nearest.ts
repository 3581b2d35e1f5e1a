/** The name a person most likely meant: at most two edits away and less than half of the word; undefined when none is near. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const limit = Math.min(2, Math.floor(written.length / 2));
  let best: string | undefined;
  let least = limit + 1;
  for (const name of names) {
    if (Math.abs(name.length - written.length) > limit) continue;
    const edits = distance(written.toLowerCase(), name.toLowerCase());
    if (edits >= least) continue;
    best = name;
    least = edits;
  }
  return best;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
