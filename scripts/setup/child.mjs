import { spawn } from "node:child_process";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];
// One Ctrl-C or one `kill` of a process group reaches this process more than once: from the terminal or the group, and again from npm.
const SAME_SIGNAL_MILLIS = 300;

/** Runs a program to its end and hands it every signal this process gets. Resolves to `{ code, signal }`; a program that is not there has code 127. */
export function runChild(program, args, options) {
  return new Promise((resolve) => {
    const child = spawn(program, args, options);
    const last = new Map();
    const forward = (signal) => {
      const now = performance.now();
      const again = now - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MILLIS;
      last.set(signal, now);
      // At a terminal Ctrl-C goes to the whole foreground group, the child included: a second one would mean "at once" to it.
      if (!again && !(signal === "SIGINT" && process.stdin.isTTY)) child.kill(signal);
    };
    const settle = (result) => {
      for (const signal of FORWARDED) process.off(signal, forward);
      resolve(result);
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    child.on("error", (error) => {
      process.stderr.write(`herald: ${program} does not run: ${error.message}\n`);
      settle({ code: 127, signal: null });
    });
    child.on("close", (code, signal) => settle({ code, signal }));
  });
}

/** Ends this process the way the child ended: with its exit code, or by the same signal. Never returns to who awaits it. */
export function finishAs({ code, signal }) {
  if (signal === null) process.exit(code);
  process.kill(process.pid, signal);
  // The signal is on its way; should this process be deaf to it, say it as a shell would.
  return new Promise(() => setTimeout(() => process.exit(128), 1000));
}
