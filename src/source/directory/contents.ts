import { readFile } from "node:fs/promises";

/** Files over this many octets are refused: V8 has no longer strings. */
export const MAX_FILE_OCTETS = 268_435_456;

/** Text of a file: UTF-8, or UTF-16 where it says so, as PowerShell's `>` does. */
export async function readContents(path: string): Promise<string> {
  return decodeContents(await readFile(path));
}

/** Octets → text without a byte order mark. */
export function decodeContents(octets: Uint8Array): string {
  const encoding = octets[0] === 0xff && octets[1] === 0xfe ? "utf-16le" : octets[0] === 0xfe && octets[1] === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(octets);
}
