import { nearest } from "./nearest.ts";
import { celOf, INVALID, quoted, type Schema, wrongType } from "./schema.ts";

/** Values without parts: booleans, numbers, and texts that stand for something. */

export function boolean(description: string): Schema<boolean> {
  const allowed = "true or false";
  return {
    description,
    allowed,
    crd: { type: "boolean" },
    read: (value, path, report) => (typeof value === "boolean" ? value : wrongType(value, path, report, "a boolean", allowed)),
  };
}

export function integer(description: string, range: { readonly min: number; readonly max: number }): Schema<number> {
  const allowed = `a whole number in ${range.min}..${range.max}`;
  return {
    description,
    allowed,
    crd: { type: "integer", ...(range.max > 0x7fff_ffff ? { format: "int64" } : {}), minimum: range.min, maximum: range.max },
    read(value, path, report) {
      if (typeof value !== "number" || !Number.isInteger(value)) return wrongType(value, path, report, "a whole number", allowed);
      if (value >= range.min && value <= range.max) return value;
      report.add({ code: "outOfRange", path, message: `${value} is outside ${range.min}..${range.max}`, allowed });
      return INVALID;
    },
  };
}

export interface TextOptions {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Also in the CRD: an RE2 pattern, anchored. */
  readonly pattern?: string;
  /** Rules of the API server for this one value (`self`). */
  readonly cel?: readonly { readonly rule: string; readonly message: string }[];
  readonly allowed?: string;
}

export function string(description: string, options: TextOptions = {}): Schema<string> {
  return text(description, (value) => ({ ok: true, value }), options);
}

/** Text that must not be seen: whatever is wrong with it, no fault quotes it. */
export function secret(description: string, options: TextOptions, accept: (value: string) => boolean): Schema<string> {
  const { allowed = "text" } = options;
  const schema = string(description, options);
  return {
    ...schema,
    read(value, path, report) {
      if (typeof value === "string" && (value === "" || accept(value))) return schema.read(value, path, report);
      const message =
        typeof value === "string"
          ? "cannot be used"
          : `is ${typeof value === "object" ? "not text" : `a ${typeof value}: put it in quotes`}`;
      report.add({ code: typeof value === "string" ? "invalidValue" : "wrongType", path, message, allowed });
      return INVALID;
    },
  };
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string; readonly allowed?: string };

/** Text that stands for a value of another type. */
export function text<T>(description: string, parse: (value: string) => Parsed<T>, options: TextOptions = {}): Schema<T> {
  const { minLength = 1, maxLength = 253, allowed = "text" } = options;
  const pattern = options.pattern === undefined ? undefined : new RegExp(options.pattern, "u");
  return {
    description,
    allowed,
    crd: {
      type: "string",
      ...(minLength > 0 ? { minLength } : {}),
      maxLength,
      ...(options.pattern === undefined ? {} : { pattern: options.pattern }),
      ...celOf(options.cel ?? []),
    },
    read(value, path, report) {
      if (typeof value !== "string") {
        const quote = typeof value === "number" || typeof value === "boolean" ? " (put it in quotes)" : "";
        return wrongType(value, path, report, `text${quote}`, allowed);
      }
      if (value.length < minLength || value.length > maxLength) {
        const message = value === "" ? "is empty" : `has ${value.length} characters, which is outside ${minLength}..${maxLength}`;
        report.add({ code: "outOfRange", path, message, allowed });
        return INVALID;
      }
      // What `parse` says is better than "does not match".
      const parsed = parse(value);
      if (!parsed.ok) report.add({ code: "invalidValue", path, message: parsed.why, allowed: parsed.allowed ?? allowed });
      else if (pattern !== undefined && !pattern.test(value))
        report.add({ code: "invalidValue", path, message: `${quoted(value)} is not ${allowed}`, allowed });
      else return parsed.value;
      return INVALID;
    },
  };
}

export function choice<const V extends string>(description: string, values: readonly V[]): Schema<V> {
  const allowed = values.join(", ");
  return {
    description,
    allowed,
    crd: { type: "string", enum: values },
    read(value, path, report) {
      const found = values.find((one) => one === value);
      if (found !== undefined) return found;
      if (typeof value !== "string") return wrongType(value, path, report, "one of the words", allowed);
      const near = nearest(value, values);
      report.add({
        code: "invalidValue",
        path,
        message: `${quoted(value)} is not known${near === undefined ? "" : `: did you mean ${near}?`}`,
        allowed,
      });
      return INVALID;
    },
  };
}

/** A number or a text, as Kubernetes' IntOrString. */
export function numberOrText<T>(
  description: string,
  parse: (value: number | string) => Parsed<T>,
  options: { readonly allowed: string; readonly cel?: readonly { readonly rule: string; readonly message: string }[] },
): Schema<T> {
  return {
    description,
    allowed: options.allowed,
    crd: { "x-kubernetes-int-or-string": true, ...celOf(options.cel ?? []) },
    read(value, path, report) {
      if (typeof value !== "number" && typeof value !== "string")
        return wrongType(value, path, report, "a number or text", options.allowed);
      const parsed = parse(value);
      if (parsed.ok) return parsed.value;
      report.add({ code: "invalidValue", path, message: parsed.why, allowed: parsed.allowed ?? options.allowed });
      return INVALID;
    },
  };
}
