import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { blocksOf, INSTALL_PAGE, playReader } from "../../support/install-page.ts";
import { kustomize } from "../../support/lab/kubectl.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { requireTools } from "../../support/requirements.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const BUNDLE = join(ROOT, "dist/herald.mjs");
const blocks = blocksOf(INSTALL_PAGE);
const commands = blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => text.trim().split("\n"));
const objects = blocks.filter(({ language, text }) => language === "yaml" && text.includes("herald.dev/v1alpha1"));
const kustomizations = blocks.filter(({ language, text }) => language === "yaml" && text.includes("kind: Kustomization"));

/** docs/install.md is followed to the letter by test/cluster/install.test.ts; here is what needs no cluster. */
describe("docs/install.md", () => {
  it("has the blocks that the tests of it read", () => {
    const languages = blocks.map(({ language }) => language);
    expect([...new Set(languages)].sort()).toEqual(["bird", "frr", "sh", "yaml"]);
    expect(blocks.flatMap(({ file }) => (file === "" ? [] : [file]))).toEqual(["my-cluster/kustomization.yaml", "bgp.yaml", "web.yaml"]);
    expect({ objects: objects.length, kustomizations: kustomizations.length }).toEqual({ objects: 2, kustomizations: 3 });
    expect(commands.length).toBeGreaterThan(15);
  });

  it("shows objects that validate accepts", () => {
    const directory = testDirectory("install-objects");
    try {
      for (const [index, { text }] of objects.entries()) {
        const file = join(directory, `${index}.yaml`);
        writeFileSync(file, text);
        const { status, stdout, stderr } = spawnSync(process.execPath, [BUNDLE, "validate", file], { encoding: "utf8" });
        expect({ status, stdout }, stderr).toMatchObject({ status: 0 });
        expect(stdout, stdout).not.toContain(": error:");
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("names only commands of herald that exist", () => {
    const named = [...INSTALL_PAGE.matchAll(/(?:`|-- )herald (\w+)/g)].map(([, name = ""]) => name);
    expect(new Set(named).size).toBeGreaterThan(5);
    for (const name of new Set(named)) {
      const { status, stderr } = spawnSync(process.execPath, [BUNDLE, name, "--help"], { encoding: "utf8" });
      expect(status, `${name}: ${stderr}`).toBe(0);
    }
  });

  it("links to files and headings that are there", () => {
    const links = [...INSTALL_PAGE.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(10);
    const lost = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const file = path === "" ? join(ROOT, "docs/install.md") : join(ROOT, "docs", path);
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(file, "utf8")).includes(anchor);
    });
    expect(lost).toEqual([]);
  });

  it("names files of this repository that are there", () => {
    const paths = [...INSTALL_PAGE.matchAll(/`((?:overlays|components|examples|deploy)\/[\w./-]+[\w])`/g)].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(6);
    const lost = paths.filter((path) => !existsSync(join(ROOT, path.startsWith("deploy/") ? path : `deploy/kustomize/${path}`)));
    expect(lost).toEqual([]);
  });
});

requireTools("kubectl")("the kustomizations of docs/install.md", () => {
  const directory = testDirectory("install-kustomize");

  beforeAll(() => playReader(directory));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("build as they stand, with the image that they name and no other", async () => {
    for (const [index, { text }] of kustomizations.entries()) {
      const folder = join(directory, `my-cluster-${index}`);
      mkdirSync(folder);
      writeFileSync(join(folder, "kustomization.yaml"), text);
      const images = JSON.stringify(await kustomize(folder)).match(/"image":"[^"]+"/g) ?? [];
      expect(images.length).toBeGreaterThan(1);
      expect([...new Set(images)]).toEqual(['"image":"registry.example.com/network/herald:0.1.0"']);
    }
  });

  it("are each one document", () => {
    for (const { text } of kustomizations) expect(parseAllDocuments(text).length).toBe(1);
  });
});

/** As GitHub makes them. */
function anchorsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}
