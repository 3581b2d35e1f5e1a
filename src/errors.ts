/**
 * The errors of the project. Expected outcomes are values; broken peers throw {@link WireError}; broken input, configuration or
 * environment throws {@link SpeakerError}; bugs throw plain `Error`. Imports nothing, so that everything may import it.
 */

/** What an error in received bytes does to the session (RFC 7606 §2), strongest first. */
export type Severity = "reset" | "withdraw" | "discard";

/** A peer broke the protocol: carries the NOTIFICATION that answers it and its RFC 7606 class. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: number;
  readonly subcode: number;
  /** Data field of the NOTIFICATION, empty when the RFC asks for none. */
  readonly data: Uint8Array;
  readonly severity: Severity;

  constructor(
    answer: { readonly code: number; readonly subcode: number },
    message: string,
    options: { readonly data?: Uint8Array; readonly severity?: Severity; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = answer.code;
    this.subcode = answer.subcode;
    this.data = options.data ?? new Uint8Array(0);
    this.severity = options.severity ?? "reset";
  }
}

/** Closed set of what can go wrong outside the protocol. Each has one exit code in the CLI (docs: README, exit codes). */
export type SpeakerErrorCode =
  | "USAGE" // flags and arguments
  | "CONFIG_INVALID" // the process's own file
  | "OBJECT_INVALID" // an object of the cluster
  | "SUBJECT_UNKNOWN" // explain, routes, drain of something that is not there
  | "UNREADABLE" // file, directory, socket that cannot be read
  | "ADDRESS_IN_USE"
  | "LOCKED" // state file held by a living process
  | "UNREACHABLE" // no answer from a speaker or an API server
  | "UNSUPPORTED"; // asked for something this build or system lacks

/**
 * An error a person has to mend. Printed as `herald: what: why: what to do` on one line.
 * `message` is `what: why`, `remedy` what to do ("" when the why says it).
 */
export class SpeakerError extends Error {
  override readonly name = "SpeakerError";
  readonly code: SpeakerErrorCode;
  readonly remedy: string;

  constructor(code: SpeakerErrorCode, message: string, options: { readonly remedy?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? "";
  }
}

/** Marks a branch the types prove unreachable. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
