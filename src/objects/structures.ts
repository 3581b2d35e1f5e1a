import type { FieldPath, Report } from "./findings.ts";
import { nearest } from "./nearest.ts";
import { type CrdSchema, celOf, describe, INVALID, type Invalid, isRecord, quoted, type Schema, shown, wrongType } from "./schema.ts";

/** Values with parts: objects, lists and maps. */

/** How an object treats a field of it. */
export interface Field<T> {
  readonly schema: Schema<unknown>;
  readonly required: boolean;
  /** Written into the CRD; undefined = none. */
  readonly default: unknown;
  read(value: unknown, path: FieldPath, report: Report): T | Invalid;
}

type FieldTypes<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A rule over several fields. Checked here and, as CEL, by the API server: both say `message`. */
export interface Rule<T> {
  readonly cel: string;
  readonly message: string;
  /** Field to point at, from the object. */
  readonly field: string;
  holds(value: T): boolean;
}

export function required<T>(schema: Schema<T>): Field<T> {
  return { schema, required: true, default: undefined, read: (value, path, report) => schema.read(value, path, report) };
}

/** null where the field is missing. */
export function optional<T>(schema: Schema<T>): Field<T | null> {
  return {
    schema,
    required: false,
    default: undefined,
    read: (value, path, report) => (isMissing(value) ? null : schema.read(value, path, report)),
  };
}

/** `fallback` as a person would write it; it must satisfy the schema. */
export function withDefault<T>(schema: Schema<T>, fallback: unknown): Field<T> {
  return {
    schema,
    required: false,
    default: fallback,
    read: (value, path, report) => schema.read(isMissing(value) ? fallback : value, path, report),
  };
}

/** A default that is not written into the CRD, because it depends on other fields or is an empty list or object. */
export function orElse<T>(schema: Schema<T>, fallback: unknown): Field<T> {
  return { ...withDefault(schema, fallback), default: undefined };
}

export interface ListOptions {
  readonly max: number;
  readonly min?: number;
  /** Two items with one key are a fault. */
  readonly unique?: { readonly key: string };
}

export function list<T>(description: string, item: Schema<T>, options: ListOptions): Schema<readonly T[]> {
  const { max, min = 0, unique } = options;
  const allowed = `a list of ${min}..${max} items`;
  const keys = unique === undefined ? {} : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [unique.key] };
  return {
    description,
    allowed,
    crd: { type: "array", ...(min > 0 ? { minItems: min } : {}), maxItems: max, items: describe(item), ...keys },
    read(value, path, report) {
      if (!Array.isArray(value)) return wrongType(value, path, report, "a list", `a list; each item: ${item.allowed}`);
      if (value.length > max || value.length < min) {
        report.add({ code: "outOfRange", path, message: `has ${value.length} items`, allowed });
        return INVALID;
      }
      const items: T[] = [];
      let valid = true;
      const seen = new Map<unknown, number>();
      for (const [index, raw] of value.entries()) {
        const read = item.read(raw, [...path, index], report);
        if (read === INVALID) valid = false;
        else items.push(read);
        if (unique === undefined || !isRecord(raw)) continue;
        const first = seen.get(raw[unique.key]);
        if (first === undefined) seen.set(raw[unique.key], index);
        else {
          report.add({
            code: "invalidValue",
            path: [...path, index, unique.key],
            message: `${shown(raw[unique.key])} is already item ${first}`,
          });
          valid = false;
        }
      }
      return valid ? items : INVALID;
    },
  };
}

/** A mapping of texts to texts, as labels. */
export function textMap(description: string, options: { readonly max: number }): Schema<Readonly<Record<string, string>>> {
  const allowed = "a mapping of text to text";
  return {
    description,
    allowed,
    crd: { type: "object", maxProperties: options.max, additionalProperties: { type: "string", maxLength: 317 } },
    read(value, path, report) {
      if (!isRecord(value)) return wrongType(value, path, report, "a mapping", allowed);
      let valid = true;
      for (const [key, inner] of Object.entries(value)) {
        if (typeof inner === "string") continue;
        wrongType(inner, [...path, key], report, "text (put it in quotes)", "text");
        valid = false;
      }
      return valid ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, String(inner)])) : INVALID;
    },
  };
}

/** A mapping with known fields; others are faults. `rules` are checked once all fields are right. */
export function object<const F extends Readonly<Record<string, Field<unknown>>>>(
  description: string,
  fields: F,
  rules: readonly Rule<FieldTypes<F>>[] = [],
): Schema<FieldTypes<F>> {
  const names = Object.keys(fields);
  const needed = names.filter((name) => fields[name]?.required === true);
  const properties = Object.fromEntries(names.map((name) => [name, property(fields[name])]));
  return {
    description,
    allowed: `a mapping with ${names.join(", ")}`,
    crd: {
      type: "object",
      properties,
      ...(needed.length > 0 ? { required: needed } : {}),
      ...celOf(rules.map(({ cel, message }) => ({ rule: cel, message }))),
    },
    read(value, path, report) {
      if (!isRecord(value)) return wrongType(value, path, report, "a mapping", `a mapping with ${names.join(", ")}`);
      let valid = true;
      for (const key of Object.keys(value)) {
        if (Object.hasOwn(fields, key)) continue;
        reportUnknown(key, names, path, report);
        valid = false;
      }
      const entries: [string, unknown][] = [];
      for (const name of names) {
        const field = fields[name];
        if (field === undefined) continue;
        const raw = Object.hasOwn(value, name) ? value[name] : undefined;
        if (field.required && isMissing(raw)) {
          report.add({ code: "requiredField", path: [...path, name], message: "is missing", allowed: field.schema.allowed, atKey: true });
          valid = false;
          continue;
        }
        const read = field.read(raw, [...path, name], report);
        if (read === INVALID) valid = false;
        else entries.push([name, read]);
      }
      if (!valid) return INVALID;
      // Every name of `fields` was read with its own schema just above.
      const result = Object.fromEntries(entries) as FieldTypes<F>;
      for (const rule of rules) {
        if (rule.holds(result)) continue;
        report.add({ code: "conflictingFields", path: [...path, rule.field], message: rule.message, atKey: true });
        valid = false;
      }
      return valid ? result : INVALID;
    },
  };
}

/** Reports a key that is not one of `names`. */
export function reportUnknown(key: string, names: readonly string[], path: FieldPath, report: Report): void {
  const near = nearest(key, names);
  const message = `unknown field ${quoted(key)}${near === undefined ? "" : `: did you mean ${near}?`}`;
  report.add({ code: "unknownField", path: [...path, key], message, allowed: names.join(", "), atKey: true });
}

function property(field: Field<unknown> | undefined): CrdSchema {
  if (field === undefined) return {};
  return { ...describe(field.schema), ...(field.default === undefined ? {} : { default: field.default }) };
}

/** An explicit null is a missing value, as for the API server. */
function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}
