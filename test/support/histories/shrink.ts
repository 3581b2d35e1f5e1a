/**
 * Makes a history that fails as short and plain as it gets: chunks of steps go, then single inputs, then what is left is put together and its
 * objects lose whatever does not matter (delta debugging). Counts attempts, not time, so that it ends alike everywhere.
 */

import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import type { Input } from "../../../src/plan/facts.ts";
import { advertisement, community, namespace, node, peer, pool, service, set, slice } from "../cluster-objects.ts";
import type { History, Step } from "./random-history.ts";

/** @param fails whether a history still goes wrong in the way that matters; `history` does. */
export function shrink(history: History, fails: (history: History) => boolean, attempts = 3_000): History {
  let best = history;
  let left = attempts;
  const accept = (candidate: History): boolean => {
    if (left <= 0) return false;
    left--;
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before = ""; before !== sizeOf(best) && left > 0; ) {
    before = sizeOf(best);
    dropChunks(
      () => best.steps,
      (steps) => accept({ ...best, steps }),
    );
    dropChunks(
      () => flat(best.steps),
      (inputs) => accept({ ...best, steps: folded(inputs, best.steps) }),
    );
    joinSteps(() => best, accept);
    plainOptions(() => best, accept);
    plainObjects(() => best, accept);
  }
  return best;
}

/** Tries without ever smaller chunks of a list, from its end to its beginning. */
function dropChunks<T>(list: () => readonly T[], accept: (rest: readonly T[]) => boolean): void {
  for (let size = list().length; size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let end = list().length; end > 0; end -= size) {
      const all = list();
      const start = Math.max(0, end - size);
      accept([...all.slice(0, start), ...all.slice(end)]);
    }
  }
}

interface Placed {
  readonly step: number;
  readonly input: Input;
}

function flat(steps: readonly Step[]): Placed[] {
  return steps.flatMap(({ inputs }, step) => inputs.map((input) => ({ step, input })));
}

function folded(placed: readonly Placed[], steps: readonly Step[]): Step[] {
  return steps.flatMap((step, at) => {
    const inputs = placed.filter((one) => one.step === at).map(({ input }) => input);
    return inputs.length === 0 ? [] : [{ ...step, inputs }];
  });
}

/** All at once, if history has no part in it; else pairs of neighbours, and steps without anything special about them. */
function joinSteps(best: () => History, accept: (candidate: History) => boolean): void {
  const { steps } = best();
  const [first] = steps;
  if (first === undefined) return;
  if (steps.length > 1 && accept({ ...best(), steps: [{ ...first, inputs: steps.flatMap(({ inputs }) => inputs) }] })) return;
  for (let at = steps.length - 2; at >= 0; at--) {
    const [one, next] = best().steps.slice(at, at + 2);
    if (one === undefined || next === undefined) continue;
    accept({ ...best(), steps: best().steps.toSpliced(at, 2, { ...next, inputs: [...one.inputs, ...next.inputs] }) });
  }
  for (const special of ["sliced", "explained"] as const) {
    best().steps.forEach((step, at) => {
      if (step[special]) accept({ ...best(), steps: best().steps.with(at, { ...step, [special]: false }) });
    });
  }
}

function plainOptions(best: () => History, accept: (candidate: History) => boolean): void {
  const { node: name } = best().options;
  const plain = { ...DEFAULT_PLANNER_OPTIONS, node: name };
  if (JSON.stringify(best().options) !== JSON.stringify(plain)) accept({ ...best(), options: plain });
}

/** Field by field the default, list by list fewer items. */
function plainObjects(best: () => History, accept: (candidate: History) => boolean): void {
  for (const [step, { inputs }] of best().steps.entries()) {
    for (const at of inputs.keys()) {
      const current = (): ClusterObject | undefined => {
        const input = best().steps[step]?.inputs[at];
        return input?.input === "object" && input.change.type === "set" ? input.change.object : undefined;
      };
      const attempt = (object: ClusterObject): boolean => {
        const old = best().steps[step];
        if (old === undefined) return false;
        return accept({ ...best(), steps: best().steps.with(step, { ...old, inputs: old.inputs.with(at, set(object)) }) });
      };
      for (const plainer of plainerForms(current())) {
        const object = current();
        const candidate = object === undefined ? undefined : plainer(object);
        if (candidate !== undefined && JSON.stringify(candidate) !== JSON.stringify(object)) attempt(candidate);
      }
    }
  }
}

type Change = (object: ClusterObject) => ClusterObject | undefined;

function plainerForms(object: ClusterObject | undefined): Change[] {
  if (object === undefined) return [];
  const plain = plainOf(object);
  const fields = Object.keys(plain).filter((field) => field !== "kind" && field !== "metadata" && field !== "addressType");
  const defaults = fields.map(
    (field): Change =>
      (one) =>
        replaced(one, field, valueIn(plain, field)),
  );
  const metadata = (["labels", "annotations", "uid", "creationTimestamp", "deleting", "resourceVersion"] as const).map(
    (field): Change =>
      (one) => ({ ...one, metadata: { ...one.metadata, [field]: plain.metadata[field] } }),
  );
  const shorter = fields.flatMap((field) => {
    const value = valueIn(object, field);
    if (!Array.isArray(value)) return [];
    return value.map(
      (_, i): Change =>
        (one) => {
          const list = valueIn(one, field);
          return Array.isArray(list) ? replaced(one, field, list.toSpliced(value.length - 1 - i, 1)) : undefined;
        },
    );
  });
  return [...defaults, ...metadata, ...shorter];
}

/** The object of that name with nothing said about it. A slice keeps its owner and its family. */
export function plainOf(object: ClusterObject): ClusterObject {
  const { name, namespace: inNamespace } = object.metadata;
  const key = `${inNamespace}/${name}`;
  switch (object.kind) {
    case "Service":
      return service(key);
    case "EndpointSlice":
      return slice(key, [], { addressType: object.addressType, serviceName: object.serviceName });
    case "Node":
      return node(name);
    case "Namespace":
      return namespace(name);
    case "BGPPeer":
      return peer(key);
    case "BGPAdvertisement":
      return advertisement(key);
    case "Community":
      return community(key, {});
    case "IPAddressPool":
      return pool(key, "203.0.113.1", "203.0.113.9");
    case "BFDProfile":
    case "Secret":
      // No decision depends on one.
      return object;
  }
}

/** The value of a field that may not be there. */
export function valueIn(object: object, field: string): unknown {
  return Object.entries(object).find(([name]) => name === field)?.[1];
}

/** `value` comes from the same field of an object of the same kind. */
function replaced(object: ClusterObject, field: string, value: unknown): ClusterObject {
  return Object.assign({ ...object }, { [field]: value });
}

function sizeOf(history: History): string {
  return JSON.stringify(history);
}
