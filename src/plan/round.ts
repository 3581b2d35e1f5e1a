/** What one call of the planner finds different: route changes, lines for the timeline, and addresses that have to be settled at its end. */

import type { Address } from "../ip/address.ts";
import type { ObjectChange } from "../objects/kinds.ts";
import { type Announcement, attributesTo, NOTHING } from "./announcement.ts";
import type { Cause, RouteChange, Transition } from "./change.ts";
import type { Decision } from "./judge.ts";
import type { Emit } from "./outlet.ts";
import type { ReasonCode } from "./reasons.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** A host prefix that changed hands or is joint: what was announced, and what is to be once all is planned. */
export interface Touch {
  readonly address: Address;
  readonly cause: Cause | null;
  before: Announcement;
  after: Announcement;
  /** Owners planned since: what they say of before was never told to anybody. */
  readonly planned: Set<ServiceEntry>;
  /** Owners of a joint address that are to be decided, with what touched them; and whether who may announce was judged since. */
  readonly undecided: Map<ServiceEntry, Cause | null>;
  judged: boolean;
}

/** What decided, in words; of one peer, or (null) of all. */
type Describe = (peer: string | null) => string;

export class Round {
  readonly routes: RouteChange[] = [];
  readonly transitions: Transition[] = [];
  transitionsOmitted = 0;
  /** By address key. */
  readonly touched: Map<string, Touch>;
  /** Services whose covering wishes have to be looked at. */
  readonly recover = new Set<ServiceEntry>();
  readonly #transitionLimit: number;
  /** By the Service's decisions, then by index: what was decided before this round. */
  readonly #redecided = new Map<
    readonly Decision[],
    Map<
      number,
      {
        readonly place: Pick<Transition, "service" | "address" | "cause">;
        readonly before: Decision | undefined;
        readonly describe: Describe;
      }
    >
  >();
  #redecidedCount = 0;

  /** @param touched of the step, which may take several rounds. */
  constructor(transitionLimit: number, touched: Map<string, Touch>) {
    this.#transitionLimit = transitionLimit;
    this.touched = touched;
  }

  /** Marks an address to be settled at the end. */
  touch(key: string, address: Address, cause: Cause | null): Touch {
    let touched = this.touched.get(key);
    if (touched === undefined) {
      touched = { address, cause, before: NOTHING, after: NOTHING, planned: new Set(), undecided: new Map(), judged: false };
      this.touched.set(key, touched);
    }
    touched.judged = false;
    return touched;
  }

  /** Like {@link touch}, by an owner. @param announced what it alone had announced; null = does not know. */
  touchBy(entry: ServiceEntry, address: Address, cause: Cause | null, announced: Announcement | null): Touch {
    const touched = this.touch(address.key, address, cause);
    if (announced !== null && announced.peers.length > 0 && !touched.planned.has(entry)) touched.before = announced;
    touched.planned.add(entry);
    touched.undecided.set(entry, cause);
    return touched;
  }

  /** What is sent for the prefix becomes another. */
  readonly emit: Emit = (prefix, before, after) => {
    for (const { peer, wish } of after.peers) {
      if (attributesTo(before, peer) !== wish.attributes) this.routes.push({ peer, prefix, attributes: wish.attributes });
    }
    for (const { peer } of before.peers) if (attributesTo(after, peer) === null) this.routes.push({ peer, prefix, attributes: null });
  };

  transit(transition: Transition): void {
    if (this.transitions.length < this.#transitionLimit) this.transitions.push(transition);
    else this.transitionsOmitted++;
  }

  /** One decision became another; of several changes of one decision the first `before` and the last `after` count. */
  redecided(
    place: Pick<Transition, "service" | "address" | "cause">,
    at: { readonly decisions: readonly Decision[]; readonly index: number },
    before: Decision | undefined,
    describe: Describe,
  ): void {
    const known = this.#redecided.get(at.decisions);
    if (known?.has(at.index) === true) return;
    if (this.transitions.length + this.#redecidedCount >= this.#transitionLimit) {
      this.transitionsOmitted++;
      return;
    }
    this.#redecidedCount++;
    const change = { place, before, describe };
    if (known === undefined) this.#redecided.set(at.decisions, new Map([[at.index, change]]));
    else known.set(at.index, change);
  }

  /** Lines for the timeline, about decisions as they are now. */
  describe(): Transition[] {
    for (const [decisions, changes] of this.#redecided) {
      for (const [index, { place, before, describe }] of changes) {
        const after = decisions[index];
        // What nobody ever wanted announced has no history worth a line.
        if (after === undefined || (before === undefined && after.check <= 7 && !after.announced)) continue;
        const lines = differences(before, after);
        const teller = (before?.announced ?? false) === after.announced ? undefined : tellerOf(lines, after);
        for (const line of lines) {
          const { peer, announced, reason, text } = line;
          const turned = line !== teller ? null : announced ? "announced" : "withdrawn";
          this.transitions.push({ ...place, peer, announced, reason, detail: text ?? describe(peer), turned });
        }
      }
    }
    return this.transitions;
  }
}

/** Names what came in. */
export function causeOf(change: ObjectChange): Cause {
  if (change.type === "delete") {
    const { kind, namespace, name } = change.ref;
    return { kind, name: namespace === "" ? name : `${namespace}/${name}`, resourceVersion: change.resourceVersion };
  }
  const { kind, metadata } = change.object;
  const name = metadata.namespace === "" ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  return { kind, name, resourceVersion: metadata.resourceVersion };
}

interface Difference {
  readonly peer: string | null;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  /** null = what decided, in words. */
  readonly text: string | null;
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
