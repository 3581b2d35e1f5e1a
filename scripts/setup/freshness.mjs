// Whether dist/ is what the sources make: a digest of every input of the bundle, kept beside it. Contents, not times: a checkout, a copy or an
// unpacked archive changes times and nothing else.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const RECORD = "dist/.build.json";
/** What the program cannot be without, whatever a record says. */
const LEAST = ["herald.mjs", "herald.mjs.map", "THIRD-PARTY.txt"];

/** Digest of everything the bundle is made from, in the tree at `root`. */
export function digestInputs(root) {
  const digest = createHash("sha256");
  const single = ["package.json", "package-lock.json", "scripts/build.mjs", "scripts/third-party.mjs"];
  for (const path of [...single, ...filesBelow(root, "scripts/bundle"), ...filesBelow(root, "src")])
    digest
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  return digest.digest("hex");
}

/** Digest of what a build wrote, file by file; throws when the program or its licences are missing. */
function digestOutputs(root) {
  const digest = createHash("sha256");
  const written = readdirSync(join(root, "dist")).filter((name) => /\.(mjs|map|txt)$/.test(name));
  for (const name of [...new Set([...LEAST, ...written])].sort())
    digest
      .update(`${name}\0`)
      .update(readFileSync(join(root, "dist", name)))
      .update("\0");
  return digest.digest("hex");
}

/** The text of the record that {@link isBuilt} trusts; to be written last, after the outputs. */
export function buildRecord(root, inputs) {
  return { path: join(root, RECORD), text: `${JSON.stringify({ inputs, outputs: digestOutputs(root) })}\n` };
}

/** True when dist/ holds what the sources in the tree at `root` make, whole. */
export function isBuilt(root) {
  try {
    const record = JSON.parse(readFileSync(join(root, RECORD), "utf8"));
    return record.outputs === digestOutputs(root) && record.inputs === digestInputs(root);
  } catch {
    return false; // Missing, half-written or not ours: the answer is to build again.
  }
}

function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(root, `${folder}/${entry.name}`) : [`${folder}/${entry.name}`]))
    .sort();
}
