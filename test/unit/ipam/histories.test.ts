import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import { Allocator, type Decision } from "../../../src/ipam/allocator.ts";
import { problemText } from "../../../src/ipam/problem.ts";
import type { ClusterObject, IPAddressPool, ObjectChange, Service } from "../../../src/objects/kinds.ts";
import { HERALD_NAMESPACE, ip, labelled, namespace, pool, service, wish } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { mayShare, NaiveAllocator, offers } from "../../support/naive-allocator.ts";

/** Random histories of Services, pools and namespaces, small enough that everything collides with everything. */

const OPTIONS = { loadBalancerClass: "", heraldNamespace: HERALD_NAMESPACE };
const STEPS = 30;
const RUNS = 40;

describe("an allocator over random histories", () => {
  it("gives what the plainest reading of the rules gives, after every step", () => {
    const outcome = { steps: 0, given: 0, shared: 0, troubled: 0 };
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const play = new Play(seed);
        for (let step = 0; step < STEPS; step++) {
          play.step();
          expect(play.given(), `seed ${seed} step ${step}`).toEqual(play.naive.held());
          outcome.steps++;
          outcome.given += play.holders().length;
          outcome.shared += play.holders().length - new Set(play.holders().map(({ address }) => address)).size;
          outcome.troubled += [...play.problems.values()].filter((text) => text !== "").length;
        }
      }),
      { numRuns: RUNS },
    );
    // A history in which nothing happens proves nothing.
    expect(outcome.steps).toBe(RUNS * STEPS);
    expect(outcome.given).toBeGreaterThan(outcome.steps);
    expect(outcome.shared).toBeGreaterThan(outcome.steps / 10);
    expect(outcome.troubled).toBeGreaterThan(outcome.steps / 10);
  });

  it("never puts two on an address that do not share it", () => {
    let pairs = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const play = new Play(seed);
        for (let step = 0; step < STEPS; step++) {
          play.step();
          const holders = play.holders();
          for (const a of holders)
            for (const b of holders) {
              if (a.address !== b.address || a.service === b.service) continue;
              pairs++;
              expect(mayShare(a.service, b.service), `seed ${seed} step ${step} ${a.address}`).toBe(true);
            }
        }
      }),
      { numRuns: RUNS },
    );
    expect(pairs).toBeGreaterThan(50);
  });

  it("gives addresses of pools that exist, and set aside for nobody else, alone", () => {
    let given = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const play = new Play(seed);
        for (let step = 0; step < STEPS; step++) {
          for (const { service: one, gained } of play.step()) {
            for (const { address, pool: from } of gained) {
              given++;
              const source = play.pools().find(({ metadata }) => metadata.name === from);
              expect(source !== undefined && offers(source, formatAddress(address)), `seed ${seed} step ${step}`).toBe(true);
              const named = one.metadata.annotations["herald.dev/address-pool"];
              expect(named ?? from).toBe(from);
            }
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(given).toBeGreaterThan(300);
  });

  it("decides nothing new after a restart", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const play = new Play(seed);
        for (let step = 0; step < STEPS; step++) play.step();
        const again = new Allocator(OPTIONS);
        again.apply(play.restored());
        const problems = new Map(again.decide().map((decision) => [keyOf(decision), textOf(decision)]));
        for (const [key, addresses] of play.given()) {
          expect((again.held(key) ?? []).map(formatAddress).sort(), `seed ${seed} ${key}`).toEqual(addresses);
          // The words of one that lacks two things may be from when it lacked one: that nothing is given was true then and is now.
          expect(problems.get(key) !== "", `seed ${seed} ${key}`).toBe(play.problems.get(key) !== "");
        }
        expect(again.usage()).toEqual(play.allocator.usage());
      }),
      { numRuns: RUNS },
    );
  });
});

class Play {
  readonly allocator = new Allocator(OPTIONS);
  readonly naive = new NaiveAllocator("");
  readonly problems = new Map<string, string>();
  readonly #dice: Dice;
  readonly #objects = new Map<string, ClusterObject>();

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  step(): readonly Decision[] {
    const changes = Array.from({ length: 1 + this.#dice.below(4) }, () => this.#change());
    this.allocator.apply(changes);
    this.naive.step(changes);
    const decisions = this.allocator.decide();
    for (const decision of decisions) this.problems.set(keyOf(decision), textOf(decision));
    return decisions;
  }

  services(): Service[] {
    return [...this.#objects.values()].flatMap((object) => (object.kind === "Service" ? [object] : []));
  }

  pools(): IPAddressPool[] {
    return [...this.#objects.values()].flatMap((object) => (object.kind === "IPAddressPool" ? [object] : []));
  }

  given(): ReadonlyMap<string, readonly string[]> {
    const held = (key: string): readonly Address[] | null => this.allocator.held(key);
    return new Map(
      this.services().flatMap(({ metadata }) => {
        const key = `${metadata.namespace}/${metadata.name}`;
        const addresses = held(key);
        return addresses === null ? [] : [[key, addresses.map(formatAddress).sort()] as const];
      }),
    );
  }

  holders(): { readonly service: Service; readonly address: string }[] {
    return this.services().flatMap((one) =>
      (this.given().get(`${one.metadata.namespace}/${one.metadata.name}`) ?? []).map((address) => ({ service: one, address })),
    );
  }

  /** Everything as a server would tell a process that has just started, in any order. */
  restored(): readonly ObjectChange[] {
    const objects = [...this.#objects.values()].map((object): ClusterObject => {
      if (object.kind !== "Service") return object;
      const { namespace: space, name } = object.metadata;
      return { ...object, loadBalancerIPs: this.allocator.held(`${space}/${name}`) ?? [] };
    });
    return this.#dice.shuffled(objects).map((object) => ({ type: "set", object }));
  }

  #change(): ObjectChange {
    const dice = this.#dice;
    const object = dice.chance(4) ? this.#pool() : dice.chance(8) ? this.#namespace() : this.#service();
    const { kind } = object;
    const { namespace: space, name } = object.metadata;
    const key = `${kind} ${space}/${name}`;
    if (this.#objects.has(key) && dice.chance(4)) {
      this.#objects.delete(key);
      if (kind === "Service") this.problems.delete(`${space}/${name}`);
      return { type: "delete", ref: { kind, namespace: space, name }, resourceVersion: "" };
    }
    this.#objects.set(key, object);
    if (object.kind === "Service" && object.type !== "LoadBalancer") this.problems.delete(`${space}/${name}`);
    return { type: "set", object };
  }

  #service(): Service {
    const dice = this.#dice;
    const annotations: Record<string, string> = {};
    if (dice.chance(3)) annotations["herald.dev/allow-shared-ip"] = dice.pick(["k1", "k2"]);
    if (dice.chance(6)) annotations["herald.dev/address-pool"] = dice.pick(["p1", "p2", "p3"]);
    if (dice.chance(6))
      annotations["herald.dev/loadBalancerIPs"] = dice.pick(["10.0.0.2", "10.0.0.5", "fd00::2", "10.0.0.2,fd00::2", "10.0.0.255"]);
    const index = dice.below(9);
    const type = dice.chance(10) ? "ClusterIP" : "LoadBalancer";
    return service(`${dice.pick(["a", "b"])}/s${index}`, {
      metadata: {
        annotations,
        creationTimestamp: `2026-01-01T00:00:0${index % 3}Z`,
        labels: dice.chance(2) ? { tier: "gold" } : {},
        deleting: dice.chance(20),
      },
      type,
      externalTrafficPolicy: dice.chance(4) ? "Local" : "Cluster",
      loadBalancerClass: dice.chance(12) ? "other" : null,
      loadBalancer:
        type === "ClusterIP"
          ? null
          : wish({
              ipFamilyPolicy: dice.pick(["SingleStack", "PreferDualStack", "RequireDualStack"]),
              ipFamilies: dice.pick([["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]]),
              ports: dice.some([80, 443, 53], 2).map((port) => ({ protocol: dice.pick(["TCP", "UDP"]), port })),
              selector: dice.chance(2) ? { app: "x" } : {},
            }),
    });
  }

  #pool(): IPAddressPool {
    const dice = this.#dice;
    const [from, to] = dice.pick<readonly [string, string]>([
      ["10.0.0.0", "10.0.0.3"],
      ["10.0.0.2", "10.0.0.6"],
      ["10.0.0.254", "10.0.1.1"],
      ["10.0.0.5", "10.0.0.5"],
    ]);
    const plain = pool(dice.pick(["p1", "p2", "p3"]), from, to);
    const both = dice.chance(2) ? [{ from: ip("fd00::1"), to: ip(dice.pick(["fd00::1", "fd00::3"])) }] : [];
    return {
      ...plain,
      ranges: [...plain.ranges, ...both],
      autoAssign: !dice.chance(5),
      avoidBuggyIPs: dice.chance(3),
      serviceAllocation: dice.chance(2)
        ? null
        : {
            priority: dice.below(3),
            namespaces: dice.some(["a", "b"], 1),
            namespaceSelectors: dice.chance(3) ? [labelled("team", "x")] : [],
            serviceSelectors: dice.chance(3) ? [labelled("tier", "gold")] : [],
          },
    };
  }

  #namespace(): ClusterObject {
    return namespace(this.#dice.pick(["a", "b"]), this.#dice.chance(2) ? { team: "x" } : {});
  }
}

function keyOf({ service: { metadata } }: Decision): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function textOf({ problems }: Decision): string {
  return problems.map(problemText).join("; ");
}
