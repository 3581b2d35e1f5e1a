/** From an edit of one file among many to the batch that says so. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { DirectorySource } from "../src/source/directory/directory-source.ts";
import type { SourceBatch } from "../src/source/source.ts";

const EDITS = 200;
const directory = mkdtempSync(join(tmpdir(), "herald-bench-"));
try {
  const rows: unknown[] = [];
  for (const files of [10, 1000, 10_000]) {
    for (let i = 0; i < files; i++) write(`n${i}.yaml`, i, 0);
    rows.push(await measure(files));
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  rmSync(directory, { recursive: true });
}

async function measure(files: number): Promise<Readonly<Record<string, unknown>>> {
  const controller = new AbortController();
  let seen: (batch: SourceBatch) => void = () => {};
  let start = performance.now();
  const source = new DirectorySource({ directory, heraldNamespace: "herald-system", clock: systemClock });
  let synced = 0;
  const ended = await new Promise<{ readonly run: Promise<void> }>((resolve) => {
    const run = source.run(
      {
        batch: (batch) => seen(batch),
        synced: () => {
          synced = performance.now() - start;
          resolve({ run });
        },
        fault: (what) => process.stderr.write(`${what}\n`),
      },
      controller.signal,
    );
  });
  const times: number[] = [];
  for (let edit = 1; edit <= EDITS; edit++) {
    const arrived = new Promise<SourceBatch>((resolve) => {
      seen = resolve;
    });
    start = performance.now();
    write(`n${edit % files}.yaml`, edit % files, edit);
    await arrived;
    times.push(performance.now() - start);
  }
  controller.abort();
  await ended.run;
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(share * (times.length - 1))] ?? 0) * 10) / 10;
  return { files, edits: EDITS, syncedMilliseconds: Math.round(synced), p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** As careful programs do it: write beside, rename over. */
function write(name: string, number: number, version: number): void {
  const text = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n${number}\n  labels: { v: "${version}" }\n`;
  writeFileSync(join(directory, ".next"), text);
  renameSync(join(directory, ".next"), join(directory, name));
}
