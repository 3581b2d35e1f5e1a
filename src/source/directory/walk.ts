import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Directories as they are now. Names that start with a dot are left alone: editors' lock files, and the `..data` directories behind the
 * links of a mounted ConfigMap, which would be every object a second time. Links are followed; a directory is entered once, so loops end.
 */

/** A file and what tells one version of it from another. */
export interface FileVersion {
  readonly path: string;
  /** Device, inode, size, mtime and ctime. */
  readonly id: string;
  readonly octets: number;
  readonly mtimeMillis: number;
}

/** Something that could not be looked at, with the system's code. */
export interface Obstacle {
  readonly path: string;
  readonly code: string;
  readonly cause: unknown;
}

interface Directory {
  readonly path: string;
  readonly id: string;
}

/** What is in one directory. */
export interface Listing {
  /** Device and inode; "" = it could not be asked. */
  readonly id: string;
  readonly files: readonly FileVersion[];
  readonly directories: readonly Directory[];
  readonly obstacles: readonly Obstacle[];
}

/** Extensions of files that are read. */
const EXTENSION = /\.(?:ya?ml|json)$/i;
/** Calls to the system under way at once: enough for a disk, few for the thread pool. */
export const CONCURRENCY = 32;

/**
 * Lists `root` and what is below it, in order of names. Directories of `known` that `isDirty` denies are not read again. A directory that
 * cannot be read keeps its known listing, with an obstacle.
 */
export async function walk(
  root: string,
  options: {
    readonly known?: ReadonlyMap<string, Listing>;
    readonly isDirty?: (path: string) => boolean;
    /** Names to look at in directories that are not dirty. */
    readonly hints?: ReadonlyMap<string, ReadonlySet<string>>;
    /** Called before a directory is read. */
    readonly entering?: (path: string, id: string) => void;
  } = {},
): Promise<ReadonlyMap<string, Listing>> {
  const { known = new Map<string, Listing>(), isDirty = () => true, hints, entering } = options;
  const listings = new Map<string, Listing>();
  const id = await stat(root, { bigint: true }).then(directoryId, () => "");
  const entered = new Set([id]);
  const listAgain = async (directory: Directory, before: Listing | undefined): Promise<Listing> => {
    // Another directory may have taken the name: a link that points elsewhere now.
    if (before?.id === directory.id && !isDirty(directory.path)) return await amend(before, directory, hints?.get(directory.path));
    return await list(directory, before, directory.path === root);
  };
  const queue = [{ path: root, id, kept: false }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    entering?.(next.path, next.id);
    const before = known.get(next.path);
    const listing = next.kept && before !== undefined ? before : await listAgain(next, before);
    listings.set(next.path, listing);
    // What is below a directory that cannot be read cannot be judged either: it stays as it was.
    const kept = next.kept || listing.obstacles.some(({ path }) => path === next.path);
    for (const directory of listing.directories) {
      if (entered.has(directory.id)) continue;
      entered.add(directory.id);
      queue.push({ ...directory, kept });
    }
  }
  return listings;
}

/** Word for a system error: `permission denied`. */
export function wordsFor(code: string): string {
  return WORDS[code] ?? code;
}

/** Code of a system error, "" for other values. */
export function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}

/** What `stat` says of a file, as a version. */
export function versionOf(path: string, { dev, ino, size, mtimeNs, ctimeNs, mtimeMs }: BigIntStats): FileVersion {
  return { path, id: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, octets: Number(size), mtimeMillis: Number(mtimeMs) };
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOTDIR: "is not a directory",
  EISDIR: "is a directory",
  ELOOP: "links lead in a circle",
  EIO: "input/output error",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ESTALE: "the file server has lost it",
};

async function list({ path, id }: Directory, before: Listing | undefined, isRoot: boolean): Promise<Listing> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    // Gone since its parent was read, with everything in it. That the root is gone is rather a mount or a rename under way.
    if (!isRoot && codeOf(cause) === "ENOENT") return { id, files: [], directories: [], obstacles: [] };
    const obstacle = { path, code: codeOf(cause), cause };
    return { id, files: before?.files ?? [], directories: before?.directories ?? [], obstacles: [obstacle] };
  }
  const kept = names.filter((name) => !name.startsWith(".")).sort();
  const files: FileVersion[] = [];
  const directories: Directory[] = [];
  const obstacles: Obstacle[] = [];
  for (let start = 0; start < kept.length; start += CONCURRENCY) {
    const some = kept.slice(start, start + CONCURRENCY).map((name) => join(path, name));
    for (const found of await Promise.all(some.map(look))) {
      if (found.type === "directory") directories.push(found);
      else if (found.type === "obstacle") obstacles.push(found);
      else if (found.type === "file" && EXTENSION.test(found.path)) files.push(found.version);
    }
  }
  return { id, files, directories, obstacles };
}

/** A listing with some names looked at again; the same listing where there are none. */
async function amend(before: Listing, directory: Directory, names: ReadonlySet<string> | undefined): Promise<Listing> {
  const paths = [...(names ?? [])].filter((name) => !name.startsWith(".")).map((name) => join(directory.path, name));
  if (paths.length === 0) return before;
  const found = await Promise.all(paths.map(look));
  // What is not simply a file, or no file any more, deserves the whole look.
  const plain =
    found.every(({ type }) => type === "file" || type === "other") && !before.directories.some(({ path }) => paths.includes(path));
  if (!plain) return await list(directory, before, false);
  const again = new Set(paths);
  const files = before.files.filter(({ path }) => !again.has(path));
  for (const one of found) if (one.type === "file" && EXTENSION.test(one.path)) files.push(one.version);
  return { ...before, files };
}

type Found =
  | { readonly type: "file"; readonly path: string; readonly version: FileVersion }
  | { readonly type: "directory"; readonly path: string; readonly id: string }
  | { readonly type: "other" }
  | ({ readonly type: "obstacle" } & Obstacle);

async function look(path: string): Promise<Found> {
  try {
    const stats = await stat(path, { bigint: true });
    if (stats.isDirectory()) return { type: "directory", path, id: directoryId(stats) };
    // Pipes and devices would never end.
    return stats.isFile() ? { type: "file", path, version: versionOf(path, stats) } : { type: "other" };
  } catch (cause) {
    const code = codeOf(cause);
    // Deleted since it was listed, or a link to nothing: not there.
    if (code === "ENOENT" || !EXTENSION.test(path)) return { type: "other" };
    return { type: "obstacle", path, code, cause };
  }
}

function directoryId({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
