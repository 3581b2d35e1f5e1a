/** Conditions of a status (metav1.Condition): what is said of an object, aspect by aspect. */

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** metadata.generation that it is about; not there for a status without a spec. */
  readonly observedGeneration?: number;
  /** RFC 3339, in whole seconds. */
  readonly lastTransitionTime: string;
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** A condition before its time is known. */
export type Aspect = Pick<Condition, "type" | "status" | "reason" | "message">;

/** The API server takes more; nobody reads more. */
const MOST_TEXT = 1024;

export function aspect(type: string, status: Condition["status"], reason: string, message: string): Aspect {
  return { type, status, reason, message: cut(message) };
}

/** The time of a condition is that of its last change of status. @param generation null = the object has no spec to observe */
export function toConditions(aspects: readonly Aspect[], before: readonly Condition[], now: Date, generation: number | null): Condition[] {
  const at = `${now.toISOString().slice(0, 19)}Z`;
  return aspects.map(({ type, status, reason, message }) => {
    const known = before.find((condition) => condition.type === type);
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : at;
    return { type, status, ...(generation === null ? {} : { observedGeneration: generation }), lastTransitionTime, reason, message };
  });
}

/** The first names, and how many more there are. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length <= 5 ? shown : `${shown} and ${names.length - 5} more`;
}

/** A text that fits. */
export function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 3)}...`;
}
