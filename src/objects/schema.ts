import type { FieldPath, Report } from "./findings.ts";

/**
 * One description of a value gives its TypeScript type, its checks and its CRD schema. `read` reports every fault it meets and goes on, so
 * that a person mends a file once; a value with a fault is INVALID.
 */

/** A value that was reported and must not be used. */
export const INVALID: unique symbol = Symbol("invalid");
export type Invalid = typeof INVALID;

/** A structural schema of apiextensions.k8s.io/v1, or any other plain value in it. */
export type CrdSchema = { readonly [key: string]: unknown };

export interface Schema<T> {
  readonly description: string;
  /** Without `description`. */
  readonly crd: CrdSchema;
  /** What would be right, in a few words. */
  readonly allowed: string;
  read(value: unknown, path: FieldPath, report: Report): T | Invalid;
}

export type TypeOf<S> = S extends Schema<infer T> ? T : never;
/** The CRD schema of a value with its description. */
export function describe(schema: Schema<unknown>): CrdSchema {
  return { description: schema.description, ...schema.crd };
}

/** A plain mapping. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text in double quotes, cut where it is long. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}

/** `x-kubernetes-validations`, where there are any. */
export function celOf(rules: readonly { readonly rule: string; readonly message: string }[]): CrdSchema {
  return rules.length === 0 ? {} : { "x-kubernetes-validations": rules.map(({ rule, message }) => ({ rule, message })) };
}

/** Reports a value of another type. */
export function wrongType(value: unknown, path: FieldPath, report: Report, expected: string, allowed: string): Invalid {
  report.add({
    code: "wrongType",
    path,
    message: `${typeof value === "string" ? "the text " : ""}${shown(value)} where ${expected} is expected`,
    allowed,
  });
  return INVALID;
}

/** A value in a message. Never `String(value)`: a mapping may hold a key called toString. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? quoted(value) : String(value);
}
