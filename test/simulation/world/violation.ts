/** A promise that was not kept. */
export class Violation extends Error {
  /** In a few words, the same for the same promise. */
  readonly promise: string;

  constructor(promise: string, what: string) {
    super(`${promise}: ${what}`);
    this.promise = promise;
  }
}
