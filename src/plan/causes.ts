import { FAMILIES, type Family } from "../ip/address.ts";
import type { Cause } from "./change.ts";

/**
 * What touched a Service since it was planned, the newest of each sort: a slice speaks for the addresses of its family alone, whatever came after
 * it speaks for all.
 */
export class Causes {
  #common: Cause | null;
  readonly #slices: Partial<Record<Family, Cause | null>> = {};

  constructor(cause: Cause | null) {
    this.#common = cause;
  }

  /** `family`: of the slice that changed; null = not a slice. */
  add(cause: Cause | null, family: Family | null): void {
    if (family !== null) {
      this.#slices[family] = cause;
      return;
    }
    this.#common = cause;
    for (const one of FAMILIES) delete this.#slices[one];
  }

  /** For an address of the family, or (null) for the Service as a whole. */
  of(family: Family | null): Cause | null {
    const own = family === null ? undefined : this.#slices[family];
    return own ?? this.#common ?? this.#slices.IPv4 ?? this.#slices.IPv6 ?? null;
  }
}
