import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SpeakerError } from "../errors.ts";
import { processIsAlive } from "../processes.ts";
import type { DemoNode } from "./router.ts";
import type { Edit } from "./scenario.ts";

const OURS = /^herald-demo-(\d+)-/;

/**
 * The demo's scratch directory: a copy of the cluster that may be edited, a configuration and a state file per speaker. It goes with
 * {@link Workspace.remove}; those of demos that were killed go when the next one starts.
 */
export class Workspace {
  readonly directory: string;
  readonly cluster: string;
  readonly #origin: string;

  constructor() {
    this.#origin = findCluster();
    removeLeftovers();
    this.directory = mkdtempSync(join(tmpdir(), `herald-demo-${process.pid}-`));
    // A reader that goes away ends the process at once; only a kill leaves this to the next demo.
    process.once("exit", () => this.remove());
    this.cluster = join(this.directory, "cluster");
    // Services come later: that is the first step of the scenario.
    mkdirSync(join(this.cluster, "services"), { recursive: true });
    for (const file of ["nodes.yaml", "advertisements.yaml"]) cpSync(join(this.#origin, file), join(this.cluster, file));
  }

  /** A directory inside for a daemon's own files. */
  subdirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  writePeers(yaml: string): void {
    writeFileSync(join(this.cluster, "peers.yaml"), yaml);
  }

  /** Writes a speaker's configuration and returns its path. `listens`: the router calls it, at `port` (0 = any that is free). */
  writeConfiguration(node: DemoNode, listens: boolean, port = 0): string {
    const path = join(this.directory, `${node.name}.yaml`);
    const listen = listens ? `[${node.sessionAddress}]` : "[]";
    // Weights change at most every ten seconds by default, longer than somebody who watches a demo waits for its next line.
    writeFileSync(
      path,
      `nodeName: ${node.name}
bgp: { listen: ${listen}, port: ${port}, routerID: ${node.routerId} }
admin: { listen: "127.0.0.1:0" }
stateFile: ${join(this.directory, `${node.name}.state.json`)}
shutdown: gracefulRestart
drain: { gracePeriod: 2s }
weightHoldDown: 500ms
log: { level: info, format: json }
`,
    );
    return path;
  }

  /** @returns how many there are, each in a file of its own */
  placeServices(): number {
    const files = readdirSync(join(this.#origin, "services"));
    for (const file of files) this.#replace(join("services", file), readFileSync(join(this.#origin, "services", file), "utf8"));
    return files.length;
  }

  /** Edits files of the cluster, each file at once. @throws {Error} when a text is not there: files and scenario have come apart */
  edit(edits: readonly Edit[]): void {
    const texts = new Map<string, string>();
    for (const { file, from, to } of edits) {
      const text = texts.get(file) ?? readFileSync(join(this.cluster, file), "utf8");
      if (!text.includes(from)) throw new Error(`config/demo/${file} does not hold ${JSON.stringify(from)}`);
      texts.set(file, text.replaceAll(from, to));
    }
    for (const [file, text] of texts) this.#replace(file, text);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Through a name that is not read, so that nobody sees half a file. */
  #replace(file: string, text: string): void {
    const temporary = join(this.directory, "next");
    writeFileSync(temporary, text);
    renameSync(temporary, join(this.cluster, file));
  }
}

/** config/demo of the package this code belongs to, from the bundle as from the sources. */
function findCluster(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, "config", "demo");
    if (existsSync(join(candidate, "nodes.yaml"))) return candidate;
    if (folder === dirname(folder)) {
      throw new SpeakerError("UNREADABLE", "the demo's cluster config/demo is not beside this program", {
        remedy: "install the whole package",
      });
    }
  }
}

function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = OURS.exec(name)?.[1];
    if (pid !== undefined && !processIsAlive(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
