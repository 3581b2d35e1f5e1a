import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { fieldsOf } from "./fields.ts";

/**
 * `tokenFile` of a kubeconfig's user, which `@kubernetes/client-node` does not know. As client-go has it: relative to the kubeconfig, it wins over
 * `token`, and it is read again and again, since whoever writes it replaces it.
 */
export class TokenFile {
  readonly #path: string;
  #last: string | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** The token; the last one while the file cannot be read; null = there was none yet. */
  async read(): Promise<string | null> {
    try {
      this.#last = (await readFile(this.#path, "utf8")).trim() || this.#last;
    } catch (error) {
      if (this.#last === null) throw error;
    }
    return this.#last;
  }
}

/** The file that a user of a kubeconfig names. `path` "" = the files that KUBECONFIG names, else ~/.kube/config; the first that has the user counts. */
export function tokenFileOf(user: string, path: string): TokenFile | null {
  for (const file of path === "" ? defaultFiles() : [path]) {
    const users: unknown = fieldsOf(parse(readFileSync(file, "utf8")))["users"];
    if (!Array.isArray(users)) continue;
    const entry = users.map(fieldsOf).find(({ name }) => name === user);
    if (entry === undefined) continue;
    const { tokenFile } = fieldsOf(entry["user"]);
    return typeof tokenFile === "string" && tokenFile !== "" ? new TokenFile(resolve(dirname(file), tokenFile)) : null;
  }
  return null;
}

function defaultFiles(): readonly string[] {
  const named = (process.env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  return named.length > 0 ? named : [join(homedir(), ".kube", "config")];
}
