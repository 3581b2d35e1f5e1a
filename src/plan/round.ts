/** What one call of the planner finds different: route changes, lines for the timeline, and addresses that have to be settled at its end. */

import type { Address } from "../ip/address.ts";
import type { ObjectChange } from "../objects/kinds.ts";
import { type Announcement, attributesTo, NOTHING } from "./announcement.ts";
import type { Cause, RouteChange, Transition } from "./change.ts";
import type { Emit } from "./outlet.ts";
import { type Describe, type Redecision, Redecisions } from "./redecisions.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** A host prefix that changed hands or is joint: what was announced. What is to be shows once all is planned. */
export interface Touch {
  readonly address: Address;
  readonly cause: Cause | null;
  before: Announcement;
  /** Owners planned since: what they say of before was never told to anybody. */
  readonly planned: Set<ServiceEntry>;
  /** Owners of a joint address that are to be decided, with what touched them; and whether who may announce was judged since. */
  readonly undecided: Map<ServiceEntry, Cause | null>;
  judged: boolean;
}

export class Round {
  readonly routes: RouteChange[] = [];
  readonly transitions: Transition[] = [];
  transitionsOmitted = 0;
  /** By address key. */
  readonly touched: Map<string, Touch>;
  /** Services whose covering wishes have to be looked at. */
  readonly recover = new Set<ServiceEntry>();
  readonly #transitionLimit: number;
  readonly #redecisions = new Redecisions();

  /** @param touched of the step, which may take several rounds. */
  constructor(transitionLimit: number, touched: Map<string, Touch>) {
    this.#transitionLimit = transitionLimit;
    this.touched = touched;
  }

  /** Marks an address to be settled at the end. */
  touch(key: string, address: Address, cause: Cause | null): Touch {
    let touched = this.touched.get(key);
    if (touched === undefined) {
      touched = { address, cause, before: NOTHING, planned: new Set(), undecided: new Map(), judged: false };
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

  redecided(redecision: Redecision): void {
    if (this.#redecisions.has(redecision)) return;
    if (this.transitions.length + this.#redecisions.count >= this.#transitionLimit) this.transitionsOmitted++;
    else this.#redecisions.note(redecision);
  }

  /** Lines for the timeline, about decisions as they are now. */
  describe(words: Describe): Transition[] {
    this.#redecisions.describe(words, this.transitions);
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
