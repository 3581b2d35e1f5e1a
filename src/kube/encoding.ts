import type { Clock } from "../clock.ts";
import { type ObjectReader, PROTOBUF_TYPE } from "./meta-messages.ts";

export const JSON_TYPE = "application/json";

/** How long a kind is read in JSON that could not be read in protobuf. */
const JSON_MILLIS = 10 * 60_000;

/**
 * What watches are asked for in: protobuf where the kind has a reader of its messages, and JSON for a while after that failed, so that
 * nothing between us and the server that cannot pass it on, and nothing we do not understand of it, keeps a kind from being read.
 */
export class Encodings {
  readonly #clock: Clock;
  readonly #failedAt = new Map<ObjectReader, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The reader, where it is to be used now. */
  readerOf({ read }: { readonly read?: ObjectReader }): ObjectReader | null {
    if (read === undefined) return null;
    const failedAt = this.#failedAt.get(read);
    return failedAt !== undefined && this.#clock.now() - failedAt < JSON_MILLIS ? null : read;
  }

  /** `read` met what it cannot read, or a server that refuses the type. */
  failed(read: ObjectReader): void {
    this.#failedAt.set(read, this.#clock.now());
  }
}

/** The `Accept` of a watch. Who does not write messages, such as the server of an aggregated API may, writes JSON. */
export function acceptOf(read: ObjectReader | null): string {
  return read === null ? JSON_TYPE : `${PROTOBUF_TYPE},${JSON_TYPE}`;
}

/** Not Acceptable and Unsupported Media Type (RFC 9110 §15.5.7, §15.5.16). */
export function isTypeRefused(status: number | null): boolean {
  return status === 406 || status === 415;
}
