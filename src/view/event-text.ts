/**
 * How long an event took stands at the end of its text: from the moment the source saw the change to the decision, and to the kernel for each peer. One
 * grammar, written here and read back here:
 * `DETAIL; decided after 0.4 ms; handed to the kernel for tor-1 after 0.8 ms, tor-2 after 1.3 ms; waiting for the kernel for tor-3; for tor-4 with its next session`.
 */

/** Milliseconds since the source saw the change. */
export interface EventTiming {
  /** null = not known. */
  readonly decidedAfter: number | null;
  /** None = there was nothing to send. */
  readonly handed: readonly HandOver[];
}

/** Of what an event sends to a peer: with the kernel, on its way there, or left for the peer's next session. */
export type HandOver =
  | { readonly peer: string; readonly state: "handed"; readonly after: number }
  | { readonly peer: string; readonly state: "waiting" | "noSession" };

/** The text of an event; null = it has no times, as those of sessions. */
export function joinEventText(detail: string, timing: EventTiming | null): string {
  if (timing === null) return detail;
  const { decidedAfter, handed } = timing;
  const parts = [detail];
  if (decidedAfter !== null) parts.push(`decided after ${millis(decidedAfter)}`);
  const there = handed.flatMap((one) => (one.state === "handed" ? [`${one.peer} after ${millis(one.after)}`] : []));
  const namesOf = (state: HandOver["state"]) => handed.flatMap((one) => (one.state === state ? [one.peer] : [])).join(", ");
  if (there.length > 0) parts.push(`handed to the kernel for ${there.join(", ")}`);
  if (namesOf("waiting") !== "") parts.push(`waiting for the kernel for ${namesOf("waiting")}`);
  if (namesOf("noSession") !== "") parts.push(`for ${namesOf("noSession")} with its next session`);
  if (handed.length === 0) parts.push("nothing to send");
  return parts.join("; ");
}

/** What {@link joinEventText} put together. */
export function splitEventText(text: string): { readonly detail: string; readonly timing: EventTiming | null } {
  const { detail = text, decided, there, waiting, later, nothing } = SHAPE.exec(text)?.groups ?? {};
  if ([decided, there, waiting, later, nothing].every((part) => part === undefined)) return { detail: text, timing: null };
  const handed: HandOver[] = [];
  for (const [, peer = "", after] of (there ?? "").matchAll(/(.+?) after ([\d.]+) ms(?:, |$)/gs))
    handed.push({ peer, state: "handed", after: Number(after) });
  for (const peer of waiting?.split(", ") ?? []) handed.push({ peer, state: "waiting" });
  for (const peer of later?.split(", ") ?? []) handed.push({ peer, state: "noSession" });
  return { detail, timing: { decidedAfter: decided === undefined ? null : Number(decided), handed } };
}

const SHAPE = new RegExp(
  [
    "^(?<detail>.*?)",
    "(?:; decided after (?<decided>[\\d.]+) ms)?",
    "(?:; handed to the kernel for (?<there>.+? after [\\d.]+ ms))?",
    "(?:; waiting for the kernel for (?<waiting>.+?))?",
    "(?:; for (?<later>.+?) with its next session)?",
    "(?<nothing>; nothing to send)?$",
  ].join(""),
  "s",
);

function millis(value: number): string {
  return `${value.toFixed(1)} ms`;
}
