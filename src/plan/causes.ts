import type { Family } from "../ip/address.ts";
import type { Cause } from "./change.ts";

/**
 * What touched a Service since it was planned, the newest of each sort: a slice speaks for the addresses of its family alone, whatever came after
 * it speaks for all.
 */
export class Causes {
  #common: Cause | null;
  #ipv4: Cause | null = null;
  #ipv6: Cause | null = null;

  constructor(cause: Cause | null) {
    this.#common = cause;
  }

  /** `family`: of the slice that changed; null = not a slice. */
  add(cause: Cause | null, family: Family | null): void {
    if (family === "IPv4") this.#ipv4 = cause;
    else if (family === "IPv6") this.#ipv6 = cause;
    else {
      this.#common = cause;
      this.#ipv4 = null;
      this.#ipv6 = null;
    }
  }

  /** For an address of the family, or (null) for the Service as a whole. */
  of(family: Family | null): Cause | null {
    const own = family === null ? null : family === "IPv4" ? this.#ipv4 : this.#ipv6;
    return own ?? this.#common ?? this.#ipv4 ?? this.#ipv6;
  }
}

/** Several causes, or the one there is. */
export function causeFor(causes: Causes | Cause | null, family: Family | null): Cause | null {
  return causes instanceof Causes ? causes.of(family) : causes;
}
