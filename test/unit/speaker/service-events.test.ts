import { describe, expect, it } from "vitest";
import type { ObjectEvent } from "../../../src/kube/events.ts";
import type { PlanChange } from "../../../src/plan/change.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { ServiceEvents } from "../../../src/speaker/service-events.ts";
import { advertisement, endpoint, gone, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { planned } from "../../support/plan-outcome.ts";

function web(name: string, address: string) {
  return service(name, { loadBalancerIPs: [ip(address)], metadata: { uid: `uid-${name}` } });
}

function rig(planner: Planner, nodes = 3) {
  const clock = new FakeClock();
  const emitted: ObjectEvent[] = [];
  const events = new ServiceEvents({
    clock,
    node: "n1",
    emit: (event) => emitted.push(event),
    serviceUid: (key) => planner.serviceUid(key),
    nodeUid: () => "uid-n1",
    nodes: () => nodes,
  });
  const pass = (change: PlanChange): void => events.changed(change);
  const told = (): string[] => emitted.splice(0).map(({ type, reason, regarding, note }) => `${type} ${reason} ${regarding.name}: ${note}`);
  return { clock, emitted, events, pass, told };
}

const WORLD = [node("n1"), peer("tor"), peer("tor-2"), advertisement("all")];
const ENDPOINT = slice("web", [endpoint("10.1.0.1", "n1")]);

describe("Events on Services", () => {
  it("say when an address is announced and withdrawn, once whatever the number of peers, with the reason code", () => {
    const planner = planned([...WORLD, web("web", "203.0.113.1")]);
    const { events, pass, told, emitted } = rig(planner);
    events.synced(0);
    pass(planner.apply([set(ENDPOINT)]));
    expect(emitted[0]).toMatchObject({
      regarding: { apiVersion: "v1", kind: "Service", namespace: "default", name: "web", uid: "uid-web" },
      action: "Announce",
    });
    expect(told()).toEqual(["Normal Announced web: 203.0.113.1 on n1: announced by advertisement all to tor, tor-2"]);
    pass(planner.apply([gone(ENDPOINT)]));
    expect(told()).toEqual([expect.stringMatching(/^Warning Withdrawn web: 203\.0\.113\.1 on n1: noEndpoints: /)]);
  });

  it("say nothing where an address stays announced to somebody, or stays unannounced for another reason", () => {
    const planner = planned([...WORLD, web("web", "203.0.113.1"), ENDPOINT]);
    const { events, pass, told } = rig(planner);
    events.synced(1);
    expect(told()).toEqual(["Normal Announced n1: 1 address of a Service announced by this node since the speaker started"]);
    pass(planner.apply([gone(peer("tor-2"))]));
    pass(planner.apply([set(peer("tor-3"))]));
    expect(told()).toEqual([]);
    pass(planner.apply([gone(advertisement("all"))]));
    expect(told()).toEqual([expect.stringMatching(/^Normal Withdrawn web: .* noMatchingAdvertisement/)]);
    pass(planner.apply([gone(ENDPOINT)]));
    expect(told()).toEqual([]);
  });

  it("of the first decisions are one, on the Node", () => {
    const services = Array.from({ length: 200 }, (_, i) => web(`s${i}`, `203.0.113.${i}`));
    const slices = services.map(({ metadata: { name } }) => slice(name, [endpoint("10.1.0.1", "n1")]));
    const planner = planned([node("n1")]);
    const { events, pass, told, emitted } = rig(planner);
    pass(planner.apply([...WORLD, ...services, ...slices].map(set)));
    events.synced(planner.decisions().announced);
    expect(emitted[0]?.regarding).toEqual({ apiVersion: "v1", kind: "Node", namespace: "", name: "n1", uid: "uid-n1" });
    expect(told()).toEqual(["Normal Announced n1: 200 addresses of Services announced by this node since the speaker started"]);
  });

  it("in a crowd are told on some Services, and the rest on the Node by reason", () => {
    const services = Array.from({ length: 200 }, (_, i) => web(`s${i}`, `203.0.113.${i}`));
    const slices = services.map(({ metadata: { name } }) => slice(name, [endpoint("10.1.0.1", "n1")]));
    const planner = planned([...WORLD, ...services, ...slices]);
    const { clock, events, pass, told } = rig(planner);
    events.synced(0);
    pass(planner.apply([{ input: "fact", fact: { name: "drain", reason: "test" } }]));
    expect(told().length).toBe(20);
    clock.advance(10_000);
    expect(told()).toEqual(["Normal Withdrawn n1: 180 addresses of Services withdrawn by this node: nodeDrained 180"]);
    pass(planner.apply([{ input: "fact", fact: { name: "drain", reason: null } }]));
    clock.advance(10_000);
    expect(told().at(-1)).toMatch(/Normal Announced n1: 1[89]\d addresses of Services announced by this node/);
  });

  it("are not written about a Service that is gone", () => {
    const planner = planned([...WORLD, web("web", "203.0.113.1"), ENDPOINT]);
    const { events, pass, told } = rig(planner);
    events.synced(0);
    pass(planner.apply([gone(web("web", "203.0.113.1"))]));
    expect(told()).toEqual([]);
  });

  it("come from about fifty nodes of a great cluster", () => {
    let tellers = 0;
    const planner = planned([...WORLD, web("web", "203.0.113.1")]);
    const change = planner.apply([set(ENDPOINT)]);
    for (let i = 0; i < 2000; i++) {
      const emitted: ObjectEvent[] = [];
      const events = new ServiceEvents({
        clock: new FakeClock(),
        node: `node-${i}`,
        emit: (event) => emitted.push(event),
        serviceUid: () => "u",
        nodeUid: () => "u",
        nodes: () => 2000,
      });
      events.synced(0);
      events.changed(change);
      tellers += emitted.length;
    }
    expect(tellers).toBeGreaterThan(25);
    expect(tellers).toBeLessThan(100);
  });
});
