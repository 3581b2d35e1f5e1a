import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddress } from "../../../src/ip/format.ts";
import { DEFAULT_PLANNER_OPTIONS, type PlannerOptions } from "../../../src/plan/change.ts";
import type { Input } from "../../../src/plan/facts.ts";
import { formatManifests } from "../manifests.ts";
import { type Failure, type Played, play } from "./play.ts";
import type { History } from "./random-history.ts";
import { plainOf, shrink, valueIn } from "./shrink.ts";

/**
 * Shrinks a history that fails and says all one needs to see it again: the seed, the steps, the facts, and the path of a file with the objects
 * of the failing moment.
 */
export function reportFailure(seed: number, history: History, failure: Failure, makePlanner?: (options: PlannerOptions) => Played): string {
  const failing = { ...history, steps: history.steps.slice(0, failure.step + 1) };
  const shrunk = shrink(failing, (candidate) => play(candidate, makePlanner)?.subject === failure.subject);
  const { steps, options } = shrunk;
  const found = play(shrunk, makePlanner) ?? failure;
  const path = join(tmpdir(), `herald-history-${seed}.yaml`);
  writeFileSync(path, formatManifests(found.objects));
  const isStateless = steps.length === 1 && found.facts.length === 0 && isDefault(shrunk);
  return [
    `seed ${seed}, ${history.steps.length} steps, shrunk to ${steps.length}: ${found.message}`,
    `options: ${isDefault(shrunk) ? "the defaults" : JSON.stringify(options)}`,
    ...steps.flatMap(({ inputs, sliced }, i) => [`step ${i + 1}${sliced ? ", in slices" : ""}:`, ...inputs.map(describeInput)]),
    ...(found.step >= steps.length ? [`then time alone, wake ${found.step - steps.length + 1}`] : []),
    `facts: ${JSON.stringify(found.facts, readable)}`,
    `objects: herald plan ${path} --node ${options.node}${isStateless ? "" : " (as they are in the end; it takes the steps to fail)"}`,
  ].join("\n");
}

/** One line; of an object only what is not said by itself. */
function describeInput(input: Input): string {
  if (input.input === "fact") return `  fact ${JSON.stringify(input.fact, readable)}`;
  const { change } = input;
  if (change.type === "delete") return `  delete ${change.ref.kind} ${change.ref.namespace}/${change.ref.name}`;
  const { kind, metadata, ...fields } = change.object;
  const plain = plainOf(change.object);
  const said = Object.entries(fields).filter(([name, value]) => !isSame(value, valueIn(plain, name)));
  const about = Object.entries(metadata).filter(([name, value]) => !isSame(value, valueIn(plain.metadata, name)));
  const shown = Object.fromEntries([...about.map(([name, value]) => [`metadata.${name}`, value]), ...said]);
  return `  set ${kind} ${metadata.namespace}/${metadata.name} ${JSON.stringify(shown, readable)}`;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isDefault({ options }: History): boolean {
  return JSON.stringify(options) === JSON.stringify({ ...DEFAULT_PLANNER_OPTIONS, node: options.node });
}

/** Addresses as text. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("octets" in value) || !(value.octets instanceof Uint8Array)) return value;
  return formatAddress({ family: value.octets.length === 4 ? "IPv4" : "IPv6", octets: value.octets, key: "" });
}
