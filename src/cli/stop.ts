import { EXIT } from "./failure.ts";

/**
 * Resolves with the first SIGTERM or SIGINT; a later one ends the process at once, unless `hurry` could give up something that the first still waits for.
 * Standard input that ends counts as the first.
 * @param hurry is told the exit code of a process that was not left the time it asked for; false = there is nothing to give up
 */
export function stopAsked(whileStdin: boolean, hurry: (code: number) => boolean = () => false): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (code: number): void => {
      if (asked && !hurry(code)) process.exit(code);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", () => ask(143));
    process.on("SIGINT", () => ask(130));
    if (!whileStdin) return;
    const ended = (): void => {
      if (!asked) ask(EXIT.done);
    };
    process.stdin.once("end", ended).once("error", ended).resume();
  });
}
