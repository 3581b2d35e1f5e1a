import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SpeakerError } from "../../../../src/errors.ts";
import { formatFinding } from "../../../../src/objects/findings.ts";
import type { Finding } from "../../../../src/objects/kinds.ts";
import { type Loaded, loadPaths } from "../../../../src/source/directory/files.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "herald-files-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const SERVICE = { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { clusterIP: "10.96.0.1" } };

function put(name: string, text: string | Uint8Array): string {
  const path = join(root, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function load(...paths: readonly string[]): Promise<Loaded> {
  return loadPaths(paths.length === 0 ? [root] : paths, { heraldNamespace: "herald-system" });
}

function lines({ findings }: Loaded): readonly string[] {
  return findings.map((finding) => formatFinding(finding).replace(`${root}/`, ""));
}

const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n";

describe("reading files once", () => {
  it("reads yaml, yml and json below a directory, and nothing else", async () => {
    put("a.yaml", NAMESPACE);
    put("deep/er/b.yml", NAMESPACE.replace("shop", "b"));
    put("deep/c.json", JSON.stringify(SERVICE));
    put("notes.txt", "apiVersion: [");
    put(".hidden.yaml", "apiVersion: [");
    put("..data/d.yaml", "apiVersion: [");
    const loaded = await load();
    expect(loaded).toMatchObject({ files: 3, ignored: 0, refused: 0, findings: [] });
    expect(loaded.objects.map(({ metadata }) => metadata.name)).toEqual(["shop", "web", "b"]);
  });

  it("reads a file that was named whatever it is called, and each file once", async () => {
    const path = put("dump.txt", NAMESPACE);
    expect(await load(path, path)).toMatchObject({ files: 1, findings: [] });
    const inside = put("x.yaml", NAMESPACE);
    expect(await load(root, inside)).toMatchObject({ files: 1, findings: [] });
  });

  it("reads stdin as -, JSON or YAML", async () => {
    async function* stdin(): AsyncIterable<Uint8Array> {
      const text = JSON.stringify({ apiVersion: "v1", kind: "List", items: [SERVICE] });
      yield Buffer.from(text.slice(0, 20));
      yield Buffer.from(text.slice(20));
    }
    const loaded = await loadPaths(["-"], { heraldNamespace: "herald-system", stdin: stdin() });
    expect(loaded.objects).toHaveLength(1);
    expect(loaded.files).toBe(1);
  });

  it("reads dumps of kubectl: List in JSON and YAML, lists of one kind, UTF-16 of PowerShell", async () => {
    put(
      "a.json",
      JSON.stringify({ apiVersion: "v1", kind: "List", items: [SERVICE, { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } }] }),
    );
    put("b.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: { name: shop }\n");
    put("c.yaml", JSON.stringify({ apiVersion: "v1", kind: "NodeList", items: [{ metadata: { name: "node1" } }] }));
    put("d.yaml", Buffer.from(`\uFEFF${NAMESPACE.replace("shop", "utf16").replaceAll("\n", "\r\n")}`, "utf16le"));
    const loaded = await load();
    expect(lines(loaded)).toEqual([]);
    expect(loaded).toMatchObject({ files: 4, ignored: 1 });
    expect(loaded.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "Service web",
      "Namespace shop",
      "Node node1",
      "Namespace utf16",
    ]);
  });

  it("says everything that is wrong at once, with line and column in the file, and keeps the good objects", async () => {
    put(
      "peers.yaml",
      `# peers
apiVersion: herald.dev/v1alpha1
kind: BGPPeer
metadata:
  name: tor
spec:
  myASN: 0
  peerASN: 64513
  peerAddres: 192.0.2.1
---
apiVersion: herald.dev/v1alpha1
kind: BGPAdvertisement
metadata: { name: adv }
spec:
  cidrs:
    - 192.0.2.0/24
    - 192.0.2.9/24
---
a: 1
a: 2
---
${NAMESPACE}`,
    );
    const loaded = await load();
    expect(lines(loaded)).toEqual([
      "peers.yaml:7:10: error: BGPPeer herald-system/tor spec.myASN: 0 is outside 1..4294967295; allowed: a whole number in 1..4294967295",
      expect.stringMatching(
        /^peers\.yaml:9:3: error: BGPPeer herald-system\/tor spec\.peerAddres: unknown field "peerAddres": did you mean peerAddress\?; allowed: myASN, /,
      ),
      'peers.yaml:17:7: error: BGPAdvertisement herald-system/adv spec.cidrs[1]: "192.0.2.9/24" has host bits: did you mean 192.0.2.0/24?; allowed: a prefix like 192.0.2.0/24 or 2001:db8::/64',
      'peers.yaml:20:1: error: key "a" stands here twice',
    ]);
    expect(loaded.objects.map(({ metadata }) => metadata.name)).toEqual(["shop"]);
    expect(loaded.refused).toBe(2);
  });

  it("finds line and column in JSON, lists included", async () => {
    const peer = {
      apiVersion: "herald.dev/v1alpha1",
      kind: "BGPPeer",
      metadata: { name: "tor" },
      spec: { myASN: 1, peerASN: 2, peerAddress: "x" },
    };
    put("a.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: [SERVICE, peer] }, null, 2));
    put("b.json", '{"apiVersion": "v1",\n "kind": }');
    put("c.json", "");
    put("flow.yaml", "{ apiVersion: v1, kind: Namespace, metadata: { name: flow } }");
    expect(lines(await load())).toEqual([
      'a.json:24:24: error: BGPPeer herald-system/tor spec.peerAddress: "x" is not an IP address; allowed: an IPv4 or IPv6 address',
      'b.json:2:10: error: a value was expected, not "}"',
      "c.json:1:1: error: a value was expected, not the end of the text",
    ]);
  });

  it("calls the second object of a name an error, in the same file and in another", async () => {
    put("a.yaml", `${NAMESPACE}---\n${NAMESPACE}`);
    put("b.json", JSON.stringify({ kind: "List", items: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }] }, null, 1));
    const loaded = await load();
    expect(lines(loaded)).toEqual([
      "a.yaml:5:1: error: Namespace shop: stands in this file twice: the first counts; allowed: one object of a kind, namespace and name",
      `b.json:4:3: error: Namespace shop: is already in ${root}/a.yaml: that one counts; allowed: one object of a kind, namespace and name`,
    ]);
    expect(loaded).toMatchObject({ refused: 2, objects: [{ kind: "Namespace" }] });
  });

  it("counts objects of ours in other namespaces as ignored, with a warning", async () => {
    put("a.yaml", "apiVersion: herald.dev/v1alpha1\nkind: BGPPeer\nmetadata:\n  name: tor\n  namespace: shop\nspec: {}\n");
    const loaded = await load();
    expect(loaded).toMatchObject({ ignored: 1, refused: 0 });
    expect(lines(loaded)).toEqual([
      "a.yaml:5:14: warning: BGPPeer shop/tor metadata.namespace: is ignored: Herald reads its own kinds from herald-system alone; allowed: herald-system",
    ]);
  });

  it("ends links that lead in a circle, and passes over links to nothing", async () => {
    put("a/x.yaml", NAMESPACE);
    symlinkSync("..", join(root, "a/loop"));
    symlinkSync("self.yaml", join(root, "self.yaml"));
    symlinkSync("nothing.yaml", join(root, "dangling.yaml"));
    const loaded = await load();
    expect(loaded).toMatchObject({ files: 1, objects: [{ kind: "Namespace" }] });
    expect(lines(loaded)).toEqual(["self.yaml: error: links lead in a circle"]);
  });

  it("fails where a path that was named cannot be read", async () => {
    const error = await load(join(root, "nothing")).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(SpeakerError);
    expect(error).toMatchObject({ code: "UNREADABLE", message: `${root}/nothing: there is no such file or directory` });
  });

  it("finds where an object, and a field of it, stands, for findings made later", async () => {
    const about = (kind: string, namespace: string, name: string, field: string): Finding => ({
      ...{ severity: "warning", code: "coveringPrefix", object: { kind, namespace, name }, file: "", line: 0, column: 0 },
      ...{ field, message: field, allowed: "" },
    });
    put(
      "a.yaml",
      `${NAMESPACE}---\napiVersion: herald.dev/v1alpha1\nkind: BGPAdvertisement\nmetadata: { name: net }\nspec:\n  blocks:\n    - 192.0.2.0/24\n`,
    );
    put("b.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: [SERVICE] }, null, 2));
    put("c.yaml", "a: [\n");
    const loaded = await load();
    const found = [
      about("Node", "", "nowhere", ""),
      about("Service", "default", "web", "spec.clusterIP"),
      about("BGPAdvertisement", "herald-system", "net", "spec.med"),
      about("BGPAdvertisement", "herald-system", "net", "spec.blocks[0]"),
    ];
    const placed = await loaded.withPlaces(found);
    expect(placed.map(({ file, line, column, field }) => [file.replace(`${root}/`, ""), line, column, field])).toEqual([
      ["a.yaml", 8, 1, "spec.med"],
      ["a.yaml", 10, 7, "spec.blocks[0]"],
      ["b.json", 12, 22, "spec.clusterIP"],
      ["c.yaml", 2, 1, ""],
      ["", 0, 0, ""],
    ]);
    put("a.yaml", "changed: since\n");
    expect((await loaded.withPlaces(found.slice(3))).slice(0, 1)).toMatchObject([{ file: join(root, "a.yaml"), line: 0 }]);
  });

  it("finds the place in stdin too, which is read once", async () => {
    const object = { kind: "Namespace", namespace: "", name: "shop" };
    async function* stdin(): AsyncIterable<string> {
      yield NAMESPACE;
    }
    const loaded = await loadPaths(["-"], { heraldNamespace: "herald-system", stdin: stdin() });
    const finding: Finding = {
      severity: "warning",
      code: "x",
      object,
      file: "",
      line: 0,
      column: 0,
      field: "metadata.name",
      message: "",
      allowed: "",
    };
    expect(await loaded.withPlaces([finding])).toMatchObject([{ file: "<stdin>", line: 3, column: 19 }]);
  });
});
