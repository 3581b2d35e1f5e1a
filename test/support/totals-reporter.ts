import type { Reporter, TestModule, Vitest } from "vitest/node";

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * The last line of every run: `N passed, N failed, N skipped`, over all levels. Whatever kept a test from being run or judged counts as failed:
 * a file that does not load, a hook that throws, an error nobody awaited, a run that was stopped or never began. Before it, what was skipped and why.
 */
export default class TotalsReporter implements Reporter {
  #totals: Totals = { passed: 0, failed: 1, skipped: 0 };
  readonly #notRun = new Map<string, number>();

  onInit(vitest: Vitest): void {
    if (vitest.config.watch) return;
    // At exit, because other reporters and the closing of the run print later than onTestRunEnd.
    process.on("exit", (code) => this.#print(code));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const totals: Totals = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) this.#add(totals, module);
    this.#totals = totals;
    if (totals.failed > 0) process.exitCode = 1;
  }

  #add(totals: Totals, module: TestModule): void {
    totals.failed += module.errors().length;
    for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") totals.passed += 1;
      else if (result.state === "skipped") {
        totals.skipped += 1;
        const reason = /\[not run: (.*)\]/.exec(test.fullName)?.[1] ?? result.note ?? "skipped by the test itself";
        const line = `${module.relativeModuleId}: ${reason}`;
        this.#notRun.set(line, (this.#notRun.get(line) ?? 0) + 1);
      } else totals.failed += 1;
    }
  }

  #print(code: number): void {
    const { passed, skipped } = this.#totals;
    // A run that ends badly without a failed test, as when its set-up throws, has failed all the same.
    const failed = code === 0 ? this.#totals.failed : Math.max(this.#totals.failed, 1);
    const notRun = [...this.#notRun].map(([line, count]) => `not run: ${count} in ${line}\n`);
    process.stdout.write(`${notRun.join("")}${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
