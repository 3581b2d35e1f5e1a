import { isBuiltin } from "node:module";

/**
 * Modules of Node as the process has them, instead of as `import` does: an ES module of a built-in one is made by reading each of its exports, and one of
 * node:http's loads all of undici (13 MiB, and 50 ms of every start, on Node 24).
 */
export const builtins = {
  name: "builtins",
  setup(build) {
    build.onResolve({ filter: /^[\w:/]+$/ }, ({ path, kind }) =>
      kind !== "require-call" && isBuiltin(path) ? { path: path.replace(/^(node:)?/, "node:"), namespace: "builtin" } : null,
    );
    build.onLoad({ filter: /^/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
