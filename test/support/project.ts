import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A file of the project; a benchmark, which is bundled elsewhere, says where that is. */
export function projectFile(path: string): string {
  return join(process.env["HERALD_ROOT"] ?? fileURLToPath(new URL("../..", import.meta.url)), path);
}
