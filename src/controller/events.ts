/** An Event for people, about one object. */
export interface ObjectEvent {
  readonly regarding: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly apiVersion: string;
  };
  readonly type: "Normal" | "Warning";
  /** CamelCase, of a small set. */
  readonly reason: string;
  /** What was being done. */
  readonly action: string;
  readonly note: string;
}

/** Where Events go. Does not wait, and does not fail. */
export interface EventSink {
  emit(event: ObjectEvent): void;
}
