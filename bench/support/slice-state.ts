import { createHash } from "node:crypto";

/** One text for which version of which EndpointSlice there is, `namespace/name` → version: equal exactly when nothing is lost, added or old. */
export function sliceState(versions: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const key of [...versions.keys()].sort()) hash.update(`${key} ${versions.get(key)}\n`);
  return hash.digest("hex");
}
