import type { Clock } from "../clock.ts";
import type { PoolUsage } from "../ipam/pool.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Resource } from "../kube/resource.ts";
import { wait } from "../kube/waiting.ts";
import type { Log } from "../log.ts";
import { GROUP, VERSION } from "../objects/definitions.ts";
import type { Duty } from "./duty.ts";

export interface PoolStatusPorts {
  readonly client: Pick<KubeClient, "apply">;
  readonly clock: Clock;
  readonly log: Log;
  readonly heraldNamespace: string;
  usage(): readonly PoolUsage[];
  holds(): boolean;
}

/** Addresses come and go by the hundred; the status says so at most this often. Milliseconds. */
const COALESCE = 5000;
/** Its own fields alone are its: whoever writes the conditions of pools is another manager. */
const MANAGER = "herald-controller-pools";

/** Writes `status.assigned` and `status.available` of IPAddressPools, those that changed. */
export class PoolStatus implements Duty {
  readonly #ports: PoolStatusPorts;
  readonly #place: Resource;
  #dirty = false;
  #wake: () => void = () => {};

  constructor(ports: PoolStatusPorts) {
    this.#ports = ports;
    this.#place = { group: GROUP, version: VERSION, plural: "ipaddresspools", namespace: ports.heraldNamespace };
  }

  observe(): void {
    // What it writes follows from what was given, and of that it is told.
  }

  /** {@link PoolStatusPorts.usage} may say something else now. */
  changed(): void {
    this.#dirty = true;
    this.#wake();
  }

  async lead(signal: AbortSignal): Promise<void> {
    const written = new Map<string, string>();
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      if (!this.#dirty) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (this.#dirty || signal.aborted) resolve();
        });
      }
      // What comes within this time goes with it.
      await wait(this.#ports.clock, COALESCE, signal);
      this.#dirty = false;
      if (!signal.aborted) await this.#write(written, signal);
    }
  }

  async #write(written: Map<string, string>, signal: AbortSignal): Promise<void> {
    const { client, log, usage, holds } = this.#ports;
    for (const [name, status] of statuses(usage())) {
      const text = JSON.stringify(status);
      if (signal.aborted || !holds() || written.get(name) === text) continue;
      const object = { apiVersion: `${GROUP}/${VERSION}`, kind: "IPAddressPool", metadata: { name }, status };
      const answer = await client.apply(this.#place, object, { manager: MANAGER, subresource: "status" }, signal);
      if (answer.ok) written.set(name, text);
      else if (answer.failure.condition !== "NotFound" && answer.failure.condition !== "Aborted") {
        log({ event: "pool.writeFailed", pool: name, why: `${answer.failure.condition}: ${answer.failure.message}` });
        this.#dirty = true;
      }
    }
  }
}

interface Counts {
  ipv4?: number;
  /** Text, because there may be more than an integer of JSON holds. */
  ipv6?: string;
}

function statuses(usage: readonly PoolUsage[]): ReadonlyMap<string, { readonly assigned: Counts; readonly available: Counts }> {
  const found = new Map<string, { readonly assigned: Counts; readonly available: Counts }>();
  for (const { pool, family, assigned, available } of usage) {
    const status = found.get(pool) ?? { assigned: {}, available: {} };
    found.set(pool, status);
    if (family === "IPv4") {
      status.assigned.ipv4 = Number(assigned);
      status.available.ipv4 = Number(available);
    } else {
      status.assigned.ipv6 = String(assigned);
      status.available.ipv6 = String(available);
    }
  }
  return found;
}
