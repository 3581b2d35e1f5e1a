import { EXIT, type ExitCode } from "./failure.ts";
import { type OutputFormat, printResult } from "./output.ts";

/** Set by the build. */
declare const HERALD_VERSION: string | undefined;
declare const HERALD_COMMIT: string | undefined;

/** Of the package this code was built from; a source tree that was not built says so. */
export const VERSION = typeof HERALD_VERSION === "string" ? HERALD_VERSION : "0.0.0";
export const COMMIT = typeof HERALD_COMMIT === "string" ? HERALD_COMMIT : "unknown";

/** `herald version`: what this is, and whether kernel socket options (TCP-MD5, TTL) can be set here. */
export async function runVersion(output: OutputFormat): Promise<ExitCode> {
  const value = { version: VERSION, commit: COMMIT, node: process.versions.node, koffi: await koffiLoads() };
  await printResult(output, value, ({ wide }) => {
    const line = `herald ${value.version} (commit ${value.commit}), Node ${value.node}, socket options ${value.koffi ? "available" : "not available"}\n`;
    return wide ? `${line}${process.platform} ${process.arch}\n` : line;
  });
  return EXIT.done;
}

async function koffiLoads(): Promise<boolean> {
  try {
    await import("koffi");
    return true;
  } catch {
    return false; // No prebuilt library for this system: Herald runs without.
  }
}
