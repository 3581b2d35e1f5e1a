/** A drain as the admin API tells of it. */

/** The answer to `POST /api/v1/drain`. */
export interface DrainAnswer {
  readonly drained: true;
  readonly reason: string;
  /** RFC 3339. */
  readonly since: string;
  /** The next process on this node goes on with it. */
  readonly kept: boolean;
  /** Why it is not kept; "" = it is. */
  readonly note: string;
}

/** The answer to `POST /api/v1/undrain`. */
export interface UndrainAnswer {
  readonly drained: false;
  /** What could not be cleared; "" = nothing is left. */
  readonly note: string;
}
