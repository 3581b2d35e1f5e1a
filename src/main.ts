/** The process: its arguments become one command. */
import { run } from "./cli/program.ts";
import { runsAsThread } from "./cli/threads.ts";

if (!runsAsThread()) process.exitCode = await run(process.argv);
