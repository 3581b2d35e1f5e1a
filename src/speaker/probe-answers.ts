import type { ProbeAnswer } from "../plan/facts.ts";

/** The answer that opens a gate, and after which nobody asks any more. */
export function isOpen(answer: ProbeAnswer): boolean {
  return answer.answer === "status" && answer.status === 200;
}

/** Another answer than the one stated last, or the one that opens: the rest is known. */
export function isNews(answer: ProbeAnswer, stated: ProbeAnswer | null): boolean {
  return isOpen(answer) || stated === null || wordsOf(answer) !== wordsOf(stated);
}

function wordsOf(answer: ProbeAnswer): string {
  switch (answer.answer) {
    case "status":
      return `${answer.status}`;
    case "refused":
      return "refused";
    case "failed":
    case "notAsked":
      return `${answer.answer}: ${answer.why}`;
  }
}
