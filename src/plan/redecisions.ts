/** Decisions that became others in one round, and the lines of the timeline that tell of them. */

import type { Address } from "../ip/address.ts";
import { attributesTo, NOTHING } from "./announcement.ts";
import type { Cause, Transition } from "./change.ts";
import type { Decision } from "./judge.ts";
import type { ReasonCode } from "./reasons.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** What decided, in words; of one peer, or (null) of all. */
export type Describe = (entry: ServiceEntry, index: number, decision: Decision, peer: string | null) => string;

/** One decision became another: that at `index` of `decisions`. */
export interface Redecision {
  readonly entry: ServiceEntry;
  readonly address: Address | null;
  readonly cause: Cause | null;
  readonly decisions: readonly Decision[];
  readonly index: number;
  /** undefined = there was none. */
  readonly before: Decision | undefined;
}

interface Noted {
  readonly redecision: Redecision;
  /** Of the same Service, noted before this one. */
  readonly next: Noted | null;
}

export class Redecisions {
  /** By the Service's decisions, of which mostly one changes: the one noted last. */
  readonly #last = new Map<readonly Decision[], Noted>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  has({ decisions, index }: Redecision): boolean {
    for (let one = this.#last.get(decisions) ?? null; one !== null; one = one.next) if (one.redecision.index === index) return true;
    return false;
  }

  /** Of several changes of one decision the first `before` and the last of `decisions` count. */
  note(redecision: Redecision): void {
    const { decisions } = redecision;
    this.#count++;
    this.#last.set(decisions, { redecision, next: this.#last.get(decisions) ?? null });
  }

  /** Adds the lines about decisions as they are now. */
  describe(words: Describe, lines: Transition[]): void {
    let told: Told | null = null;
    for (const [decisions, last] of this.#last) {
      for (const { entry, address, cause, index, before } of inOrder(last)) {
        const after = decisions[index];
        // What nobody ever wanted announced has no history worth a line.
        if (after === undefined || (before === undefined && after.check <= 7 && !after.announced)) continue;
        // Crowds change alike.
        if (told === null || told.before !== before || told.after !== after) told = tell(before, after);
        const service = entry.key;
        for (const line of told.differences) {
          const { peer, announced, reason, text } = line;
          const turned = line !== told.teller ? null : announced ? "announced" : "withdrawn";
          const detail = text ?? words(entry, index, after, peer);
          lines.push({ service, address, peer, announced, reason, detail, cause, turned });
        }
      }
    }
  }
}

/** From one decision to another. */
interface Told {
  readonly before: Decision | undefined;
  readonly after: Decision;
  readonly differences: readonly Difference[];
  readonly teller: Difference | undefined;
}

interface Difference {
  readonly peer: string | null;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  /** null = what decided, in words. */
  readonly text: string | null;
}

/** As they were noted. */
function inOrder(last: Noted): readonly Redecision[] {
  const all = [last.redecision];
  for (let one = last.next; one !== null; one = one.next) all.push(one.redecision);
  return all.reverse();
}

function tell(before: Decision | undefined, after: Decision): Told {
  const lines = differences(before, after);
  return {
    before,
    after,
    differences: lines,
    teller: (before?.announced ?? false) === after.announced ? undefined : tellerOf(lines, after),
  };
}

/** The line that gives the reason of the whole decision. */
function tellerOf(lines: readonly Difference[], { announced, reason }: Decision): Difference | undefined {
  return lines.find((line) => line.announced === announced && line.reason === reason) ?? lines.find((line) => line.announced === announced);
}

/** A line for all peers, or one for each peer that sees a difference. */
function differences(before: Decision | undefined, after: Decision): Difference[] {
  if (after.peers.length === 0) {
    const same =
      before !== undefined && before.announced === after.announced && before.reason === after.reason && before.peers.length === 0;
    return same ? [] : [{ peer: null, announced: after.announced, reason: after.reason, text: null }];
  }
  return after.peers.flatMap(({ peer, announced, reason }): Difference[] => {
    const old = before?.peers.find((one) => one.peer === peer);
    if (old === undefined || old.announced !== announced || old.reason !== reason) return [{ peer, announced, reason, text: null }];
    const [was, is] = [attributesTo(before?.announcement ?? NOTHING, peer), attributesTo(after.announcement, peer)];
    return was === is || was === null || is === null ? [] : [{ peer, announced, reason, text: "announced with other attributes" }];
  });
}
