import { type Checked, type CheckOptions, checkObject } from "../../src/objects/check.ts";
import { NOWHERE } from "../../src/objects/findings.ts";
import type { ClusterObject, Finding, Kind } from "../../src/objects/kinds.ts";

/** Raw objects as a file or an API server would say them. */

export const CHECK: CheckOptions = { heraldNamespace: "herald-system" };

/** The smallest spec of each kind of ours that is right. */
export const SPECS = {
  BGPPeer: { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.1" },
  BGPAdvertisement: {},
  BFDProfile: {},
  Community: { communities: [] },
  IPAddressPool: { addresses: ["192.0.2.0/24"] },
} as const satisfies Partial<Record<Kind, Readonly<Record<string, unknown>>>>;

/** One of our kinds; `spec` over the smallest right one. A field set to undefined is not there. */
export function ours(kind: keyof typeof SPECS, spec: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const entries = Object.entries({ ...SPECS[kind], ...spec }).filter(([, value]) => value !== undefined);
  return { apiVersion: "herald.dev/v1alpha1", kind, metadata: { name: "one" }, spec: Object.fromEntries(entries) };
}

export function check(raw: unknown): Checked {
  return checkObject(raw, NOWHERE, CHECK);
}

/** The object of one kind, or the test fails with what was found. */
export function accepted<K extends Kind>(kind: K, raw: unknown): ClusterObject & { kind: K } {
  const checked = check(raw);
  if (checked.result === "object" && isKind(checked.object, kind)) return checked.object;
  throw new Error(`${kind} was not accepted: ${JSON.stringify(checked)}`);
}

/** The findings of an object that must be refused. */
export function refusal(raw: unknown): readonly Finding[] {
  const checked = check(raw);
  if (checked.result !== "refused") throw new Error(`was not refused: ${JSON.stringify(raw)}`);
  return checked.findings;
}

function isKind<K extends Kind>(object: ClusterObject, kind: K): object is ClusterObject & { kind: K } {
  return object.kind === kind;
}
