// Behind `npm start` (argument `demo`) and `npm test` (argument `test`): brings a fresh clone to where the command can run, then runs it.
//
// Node built-ins only, and stderr only: stdout belongs to the command. When nothing changed it does nothing, in well under 0.3 s. This file stays
// readable for old versions of Node, so that they can say what is missing; the rest is imported after that.
const required = [20, 19];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < required[0] || (major === required[0] && minor < required[1])) {
  process.stderr.write(
    `herald: needs Node ${required.join(".")} or newer, this is Node ${process.versions.node}: see https://nodejs.org\n`,
  );
  process.exit(1);
}
const { run } = await import("./setup/run.mjs");
await run(process.argv.slice(2));
