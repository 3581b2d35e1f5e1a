import { EXIT } from "./failure.ts";

/** Resolves with the first SIGTERM or SIGINT; the second ends the process at once. Standard input that ends counts as the first. */
export function stopAsked(whileStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (code: number): void => {
      if (asked) process.exit(code);
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
