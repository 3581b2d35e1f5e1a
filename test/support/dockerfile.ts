/** As much of a Dockerfile as ours uses, so that its build can be played without an engine: stages, COPY with --from and --chmod, and the rest as words. */

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface Instruction {
  /** Upper case. */
  readonly name: string;
  readonly rest: string;
}

export interface Stage {
  readonly base: string;
  /** "" = the last stage, which nobody copies from. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

export interface Copy {
  /** null = the build context. */
  readonly from: string | null;
  readonly mode: number | null;
  readonly sources: readonly string[];
  readonly target: string;
}

/** @throws on a line that is no instruction. */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string; instructions: Instruction[] }[] = [];
  for (const line of text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n")) {
    if (line.trim() === "") continue;
    const [, name, rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (name === undefined) throw new Error(`not an instruction: ${line}`);
    if (name === "FROM") {
      const [base = "", , stage = ""] = rest.split(/\s+/);
      stages.push({ base, name: stage, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, rest: rest.replace(/\s+/g, " ").trim() });
  }
  return stages;
}

export function parseCopy(rest: string): Copy {
  const words = rest.split(" ");
  const flags = new Map(words.filter((word) => word.startsWith("--")).map((word): [string, string] => [word.split("=")[0] ?? "", word]));
  const value = (flag: string): string | null => flags.get(flag)?.split("=")[1] ?? null;
  const unknown = [...flags.keys()].filter((flag) => flag !== "--from" && flag !== "--chmod");
  if (unknown.length > 0) throw new Error(`COPY ${unknown.join(" ")}: this reader does not know that`);
  const paths = words.filter((word) => !word.startsWith("--"));
  const mode = value("--chmod");
  return {
    from: value("--from"),
    mode: mode === null ? null : Number.parseInt(mode, 8),
    sources: paths.slice(0, -1),
    target: paths.at(-1) ?? "",
  };
}

/**
 * Copies into the stage's root as COPY does: a folder's content, a file under its name where the target ends with `/` or is `.`.
 * @throws where a source is not there, or left out of the context by .dockerignore.
 */
export function playCopy(
  copy: Copy,
  source: { readonly root: string; ignores(path: string): boolean },
  root: string,
  workdir: string,
): void {
  for (const path of copy.sources) {
    const from = join(source.root, path);
    if (source.ignores(path) || !existsSync(from)) throw new Error(`COPY ${path}: not in the build context`);
    const isFolder = statSync(from).isDirectory();
    const target = join(root, copy.target.startsWith("/") ? "" : workdir, copy.target);
    const to = !isFolder && /(^\.|\/)$/.test(copy.target) ? join(target, basename(path)) : target;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, { recursive: true, filter: (file) => !source.ignores(file.slice(source.root.length).replace(/^\//, "")) });
    if (copy.mode !== null) chmodSync(to, copy.mode);
  }
}

/** What .dockerignore leaves out: the last pattern that matches a path, or a folder above it, decides. */
export function dockerIgnore(text: string): (path: string) => boolean {
  const patterns = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ keeps: line.startsWith("!"), expression: expressionOf(line.replace(/^!/, "").replace(/\/$/, "")) }));
  return (path) => {
    const above = path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
    let ignored = false;
    for (const { keeps, expression } of patterns) if (above.some((one) => expression.test(one))) ignored = !keeps;
    return ignored;
  };
}

/** Every file below a folder that `ignores` lets through, relative to it. */
export function contextFiles(root: string, ignores: (path: string) => boolean, skip: readonly string[]): readonly string[] {
  const visit = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (skip.includes(path)) return ignores(path) ? [] : [path];
      return entry.isDirectory() ? visit(path) : ignores(path) ? [] : [path];
    });
  return visit("");
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .split("**")
    .map((part) => part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, "[^/]*"))
    .join(".*");
  return new RegExp(`^${source}$`);
}
