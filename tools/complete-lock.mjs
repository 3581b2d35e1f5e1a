// Completes tools/package-lock.json with the optional platform packages that npm left out of it.
//
// A registry may not serve every platform package of a release; npm then drops the missing ones from the lock, and `npm ci` refuses the lock
// it wrote itself ("Missing: … from lock file"). An entry with a version and its platform is all that `npm ci` needs to pass over a package for
// another platform. Run after every `npm install` in tools/:  node tools/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];
const path = new URL("package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const present = new Set(Object.keys(lock.packages).map((place) => place.split("node_modules/").at(-1)));
const added = [];

for (const { optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (present.has(name)) continue;
    const words = name.split("/").at(-1).split("-");
    const system = SYSTEMS.find((candidate) => words.includes(candidate));
    const processor = PROCESSORS.find((candidate) => words.includes(candidate));
    if (system === undefined || processor === undefined) throw new Error(`the platform of ${name} cannot be read from its name`);
    const libc = words.find((word) => word.startsWith("musl") || word.startsWith("gnu"));
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [processor],
      dev: true,
      ...(system === "linux" && libc !== undefined && { libc: [libc.startsWith("musl") ? "musl" : "glibc"] }),
      optional: true,
      os: [system],
    };
    added.push(name);
  }
}

const [root, ...others] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...others.sort(([left], [right]) => (left < right ? -1 : 1))]);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "package-lock.json lacks nothing" : `added ${added.join(", ")}`);
