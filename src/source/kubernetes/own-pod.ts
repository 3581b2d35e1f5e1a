import type { Clock } from "../../clock.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { KubeFailure } from "../../kube/failure.ts";
import { fieldsOf } from "../../kube/fields.ts";
import { type Reflected, Reflector } from "./reflector.ts";

export interface OwnPodOptions {
  readonly client: Pick<KubeClient, "list" | "watch">;
  readonly namespace: string;
  /** "" = not known: then nobody is asked. */
  readonly name: string;
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** It cannot be seen, and why; said once. */
  unknown(why: string): void;
}

/**
 * Whether somebody deletes the Pod that this process runs in, as a rollout does: the evidence that a stop is no end of the node (docs/kubernetes.md,
 * "Its own Pod"). Followed beside the kinds that decide, and nobody waits for it: what cannot be seen counts as not deleted.
 */
export class OwnPod implements Reflected {
  readonly #options: OwnPodOptions;
  #deleting = false;
  #seen = false;
  #said = false;

  constructor(options: OwnPodOptions) {
    this.#options = options;
  }

  /** It carries a `deletionTimestamp`, which is never taken back. */
  get deleting(): boolean {
    return this.#deleting;
  }

  /** Ends with the signal alone. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, clock, random } = this.#options;
    if (name === "") return this.#say("POD_NAME is not set: set it from the field metadata.name of the Pod");
    const selection = { group: "", version: "v1", plural: "pods", namespace, fieldSelector: `metadata.name=${name}` };
    const reflector = new Reflector(selection, this, {
      client,
      clock,
      random,
      heard: () => {},
      deliver: () => {},
      listed: () => {
        if (!this.#seen) this.#say(`there is no Pod ${name} in namespace ${namespace}`);
      },
      recovered: () => {},
      failed: (failure) => this.#failed(failure),
    });
    await reflector.run(signal);
  }

  set(raw: unknown): null {
    this.#seen = true;
    this.#look(raw);
    return null;
  }

  /** Removed without waiting for this process, by force: evidence only where its last state says so. */
  delete(raw: unknown): null {
    this.#look(raw);
    return null;
  }

  beginReplace(): void {}

  endReplace(): readonly [] {
    return [];
  }

  #look(raw: unknown): void {
    if (typeof fieldsOf(fieldsOf(raw)["metadata"])["deletionTimestamp"] === "string") this.#deleting = true;
  }

  /** What passes by itself is told of the server as a whole. */
  #failed({ condition, message }: KubeFailure): void {
    if (condition !== "Forbidden" && condition !== "NotFound") return;
    const remedy = `allow list and watch on pods in namespace ${this.#options.namespace}`;
    this.#say(`${message} (${condition}): ${remedy}`);
  }

  #say(why: string): void {
    if (this.#said) return;
    this.#said = true;
    this.#options.unknown(why);
  }
}
