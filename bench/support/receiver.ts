import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

/** Where the receiver listens; an address of its own, so that no daemon is in the way. */
export const RECEIVER_ADDRESS = "127.0.0.9";
export const RECEIVER_AS = 65000;

export interface Measurement {
  /** Milliseconds from the KEEPALIVE that establishes the session; null when no End-of-RIB came. */
  readonly endOfRib: number | null;
  /** The same, to the last prefix expected; -1 when fewer came. */
  readonly lastPrefix: number;
  readonly prefixes: number;
  readonly withdrawn: number;
  readonly updates: number;
  readonly octets: number;
  /** Longest silence between two messages while routes came, ms. */
  readonly longestGap: number;
}

/** The null receiver of `receiver.c`, compiled once per process, as a process that is never what a measurement waits for. */
export class Receiver {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(process: ChildProcess, reader: Interface) {
    this.#process = process;
    this.#reader = reader;
    this.#lines = reader[Symbol.asyncIterator]();
  }

  static async start(port: number, family: 4 | 6, count: number): Promise<Receiver> {
    const args = [RECEIVER_ADDRESS, String(port), String(RECEIVER_AS), String(family), String(count)];
    const child = spawn(compiled(), args, { stdio: ["pipe", "pipe", "inherit"] });
    if (child.stdout === null) throw new Error("no output");
    const receiver = new Receiver(child, createInterface({ input: child.stdout }));
    await receiver.#line();
    return receiver;
  }

  /** Answers the OPEN of the peer that waits, or of the next one, and counts until the table is there. */
  async measure(): Promise<Measurement> {
    this.#process.stdin?.write("go\n");
    return JSON.parse(await this.#line()) as Measurement;
  }

  stop(): void {
    this.#process.kill();
    this.#reader.close();
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the receiver ended");
    return value;
  }
}

let binary = "";

function compiled(): string {
  if (binary !== "") return binary;
  const source = join(process.env["HERALD_ROOT"] ?? ".", "bench/support/receiver.c");
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  binary = join(folder, "receiver");
  execFileSync("gcc", ["-O2", "-o", binary, source], { stdio: "inherit" });
  return binary;
}
