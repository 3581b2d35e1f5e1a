/**
 * The BGP Identifier of this speaker (RFC 4271 §4.2): as configured, as the process before had it, or from the own Node's addresses. It stays for the life of the
 * process: a Node that gets another address later is no reason to reset every session.
 */

import type { Address } from "../ip/address.ts";
import { deriveRouterId } from "../ip/router-id.ts";
import type { ObjectChange } from "../objects/kinds.ts";

export class OwnRouterId {
  readonly #configured: number | null;
  readonly #node: string;
  #nodeAddresses: readonly Address[] = [];
  #value = 0;

  /** @param configured null = none. */
  constructor(configured: number | null, node: string) {
    this.#configured = configured;
    this.#node = node;
  }

  /** 0 = not known yet. */
  get value(): number {
    return this.#value;
  }

  /** What is known before the first objects. @param saved of the process where this one goes on; null = there is none. */
  begin(saved: number | null): void {
    this.#value = this.#configured ?? saved ?? 0;
  }

  note(change: ObjectChange): void {
    if (change.type === "set" && change.object.kind === "Node" && change.object.metadata.name === this.#node)
      this.#nodeAddresses = change.object.internalIPs;
  }

  /** The own Node has been read, if there is one. */
  settle(): void {
    if (this.#value === 0) this.#value = deriveRouterId(this.#nodeAddresses, this.#node);
  }
}
