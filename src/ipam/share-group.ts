import type { Address } from "../ip/address.ts";

/** An address that somebody holds. */
export interface Holding {
  readonly address: Address;
  readonly value: bigint;
}

/**
 * Addresses of one family on which somebody of one sharing key and backend is, and which ports are taken on each. Made for the question "which is the
 * least one where these ports are free": per port it is remembered up to where there is none, so that a full group is not looked through again.
 */
export class ShareGroup<H extends Holding> {
  /** By value. */
  readonly #members: H[] = [];
  /** How many are on each. */
  readonly #holders = new Map<H, number>();
  readonly #ports = new Map<number, PortUse<H>>();

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** Somebody with these ports is on it now. */
  join(holding: H, ports: readonly number[]): void {
    if (count(this.#holders, holding, 1) === 1) this.#insert(holding);
    for (const port of ports) {
      let use = this.#ports.get(port);
      if (use === undefined) {
        use = { holders: new Map(), fullBelow: 0n };
        this.#ports.set(port, use);
      }
      count(use.holders, holding, 1);
    }
  }

  /** One who joined with these ports left. */
  leave(holding: H, ports: readonly number[]): void {
    if (count(this.#holders, holding, -1) === 0) this.#members.splice(this.#indexOf(holding.value), 1);
    for (const port of ports) {
      const use = this.#ports.get(port);
      if (use === undefined || count(use.holders, holding, -1) > 0) continue;
      if (use.holders.size === 0) this.#ports.delete(port);
      else if (holding.value < use.fullBelow) use.fullBelow = holding.value;
    }
  }

  /** The least on which none of the ports is taken and that will do; null = none. */
  least(ports: readonly number[], willDo: (holding: H) => boolean): H | null {
    const taken: PortUse<H>[] = [];
    let from = 0;
    for (const port of ports) {
      const use = this.#ports.get(port);
      if (use === undefined) continue;
      taken.push(use);
      from = Math.max(from, this.#firstWithout(use));
    }
    for (let at = from; at < this.#members.length; at++) {
      const holding = this.#members[at];
      if (holding !== undefined && !taken.some(({ holders }) => holders.has(holding)) && willDo(holding)) return holding;
    }
    return null;
  }

  #firstWithout(use: PortUse<H>): number {
    let at = this.#indexOf(use.fullBelow);
    for (let holding = this.#members[at]; holding !== undefined && use.holders.has(holding); holding = this.#members[at]) {
      use.fullBelow = holding.value + 1n;
      at++;
    }
    return at;
  }

  #insert(holding: H): void {
    const at = this.#indexOf(holding.value);
    if (at === this.#members.length) {
      this.#members.push(holding);
      return;
    }
    this.#members.splice(at, 0, holding);
    for (const use of this.#ports.values()) if (holding.value < use.fullBelow) use.fullBelow = holding.value;
  }

  /** Of the first member at or after `value`. */
  #indexOf(value: bigint): number {
    let low = 0;
    let high = this.#members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#members[middle]?.value ?? 0n) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Where a port is taken; counted, since two who are in conflict may both have it on one address. */
interface PortUse<H> {
  readonly holders: Map<H, number>;
  /** Members below this number all have it. */
  fullBelow: bigint;
}

/** How many there are then. */
function count<H>(counts: Map<H, number>, holding: H, by: number): number {
  const now = (counts.get(holding) ?? 0) + by;
  if (now > 0) counts.set(holding, now);
  else counts.delete(holding);
  return now;
}
