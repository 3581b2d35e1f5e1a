import { addressOfKey, type Family } from "../ip/address.ts";
import type { Endpoint, EndpointList } from "./kinds.ts";
import { repeated } from "./repeated.ts";

const READY = 1;
const SERVING = 2;
const TERMINATING = 4;
/** No name of a Pod holds it; what does is none. */
const BETWEEN_PODS = "\n";
/** What longer slices have in common is rarely all of it. */
const LONGEST_REPEATED = 32;
const KEY_LENGTH = { IPv4: 4, IPv6: 16 } as const satisfies Record<Family, number>;

/**
 * The endpoints of a slice in four values instead of four for each: a cluster has a hundred thousand, which are counted when they change and not looked at
 * again. Each is made when somebody looks.
 */
export class PackedEndpoints implements EndpointList {
  readonly #family: Family;
  /** Keys of the addresses, one after the other. */
  readonly #keys: string;
  /** A character each: what is true of it. */
  readonly #flags: string;
  readonly #nodes: readonly (string | null)[];
  /** "" = the Pod is unknown. */
  readonly #pods: string;

  constructor(family: Family, endpoints: readonly Endpoint[]) {
    this.#family = family;
    this.#keys = endpoints.map(({ address }) => address.key).join("");
    const flags = endpoints.map((endpoint) => String.fromCharCode(flagsOf(endpoint))).join("");
    this.#flags = flags.length > LONGEST_REPEATED ? flags : repeated(flags);
    this.#nodes = endpoints.map(({ nodeName }) => nodeName);
    this.#pods = endpoints.map(({ pod }) => (pod === null || pod.includes(BETWEEN_PODS) ? "" : pod)).join(BETWEEN_PODS);
  }

  get length(): number {
    return this.#nodes.length;
  }

  *[Symbol.iterator](): Generator<Endpoint> {
    const pods = this.#pods.split(BETWEEN_PODS);
    for (let index = 0; index < this.#nodes.length; index++) yield this.#at(index, pods);
  }

  /** Whether both hold the same in the same order. */
  equals(other: PackedEndpoints): boolean {
    return (
      this.#family === other.#family &&
      this.#keys === other.#keys &&
      this.#flags === other.#flags &&
      this.#pods === other.#pods &&
      this.#nodes.every((node, index) => node === other.#nodes[index])
    );
  }

  #at(index: number, pods: readonly string[]): Endpoint {
    const length = KEY_LENGTH[this.#family];
    const flags = this.#flags.charCodeAt(index);
    return {
      address: addressOfKey(this.#keys.slice(index * length, (index + 1) * length)),
      nodeName: this.#nodes[index] ?? null,
      ready: (flags & READY) !== 0,
      serving: (flags & SERVING) !== 0,
      terminating: (flags & TERMINATING) !== 0,
      pod: pods[index] || null,
    };
  }
}

function flagsOf({ ready, serving, terminating }: Endpoint): number {
  return (ready ? READY : 0) | (serving ? SERVING : 0) | (terminating ? TERMINATING : 0);
}
