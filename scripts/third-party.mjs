// The licences of everything Herald ships: packages inside the bundle (esbuild's metafile names every file) and koffi beside it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/**
 * The text of dist/THIRD-PARTY.txt.
 * @throws {Error} when a shipped package names no licence, or keeps no licence text that could be passed on.
 */
export function thirdParty(root, metafile) {
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const bundled = new Set(files.flatMap((path) => packageFolder(path) ?? []));
  const packages = [
    ...[...bundled].map((folder) => describe(root, folder, "inside dist/*.mjs")),
    describe(root, "node_modules/koffi", "installed beside it"),
  ].sort((left, right) => (left.name < right.name ? -1 : 1));
  const list = packages.map(({ name, version, licence, place }) => `  ${name} ${version} (${licence}), ${place}`);
  const texts = packages.map(({ name, version, licence, text }) => `${"=".repeat(80)}\n${name} ${version} (${licence})\n\n${text}\n`);
  return `Herald ships these packages of others, under their own licences.\n\n${list.join("\n")}\n\n${texts.join("\n")}`;
}

/** The package folder of a bundled file; undefined for our own sources. */
function packageFolder(path) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

function describe(root, folder, place) {
  const { name, version, license: licence } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  if (typeof licence !== "string") throw new Error(`${folder}/package.json names no licence`);
  const texts = readdirSync(join(root, folder))
    .filter((file) => LICENCE_FILE.test(file))
    .sort()
    .map((file) => readFileSync(join(root, folder, file), "utf8").trim());
  if (texts.length === 0) throw new Error(`${folder} has no licence text to pass on`);
  return { name, version, licence, place, text: texts.join("\n\n") };
}
