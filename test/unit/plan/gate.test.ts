import { describe, expect, it } from "vitest";
import type { BGPAdvertisement, ClusterObject, Endpoint } from "../../../src/objects/kinds.ts";
import type { Fact, Input, ProbeAnswer } from "../../../src/plan/facts.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { advertisement, cidr, endpoint, gone, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";
const HEALTHZ = "http://127.0.0.1:10256/healthz";
type Mode = BGPAdvertisement["dataplaneGate"];

const fact = (one: Fact): Input => ({ input: "fact", fact: one });
const time = (nowMillis: number): Input => fact({ name: "time", nowMillis });
const OK: ProbeAnswer = { answer: "status", status: 200 };
const REFUSED: ProbeAnswer = { answer: "refused" };
const proxy = (answer: ProbeAnswer): Input => fact({ name: "proxyAnswer", answer });
const health = (answer: ProbeAnswer, uid = "u1", port = 30000): Input =>
  fact({ name: "healthCheckAnswer", service: "default/a", uid, family: "IPv4", port, answer });

const web = (uid = "u1", policy: "Local" | "Cluster" = "Local"): ClusterObject =>
  service("a", { metadata: { uid }, loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: policy, healthCheckNodePort: 30000 });
const pods = (...endpoints: readonly Endpoint[]): Input => set(slice("a", endpoints));
const HERE = endpoint("10.1.0.1", "n1");

/** A Local Service with a pod on n1 and a health check port, under a gate. */
function gated(mode: Mode, options: { readonly healthz?: string | null; readonly onlyWhereRequired?: boolean } = {}): Planner {
  const { healthz = HEALTHZ, onlyWhereRequired = false } = options;
  const planner = planned([], { facts: [{ name: "gate", healthz, onlyWhereRequired }] });
  const objects = [node("n1", { internalIPs: [ip("10.0.0.1")] }), peer("tor"), advertisement("all", { dataplaneGate: mode }), web()];
  planner.apply([time(0), ...objects.map(set), pods(HERE)]);
  return planner;
}

describe("the gate of the node's service proxy (check 12a)", () => {
  it("dataplaneNotReady until the proxy answered 200 once; a proxy that goes away later withdraws nothing", () => {
    const planner = planned([node("n1"), peer("tor"), advertisement("all"), service("a", { loadBalancerIPs: [ip(VIP)] })], {
      facts: [{ name: "gate", healthz: HEALTHZ, onlyWhereRequired: false }],
    });
    planner.apply([pods(HERE)]);
    expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
    expect(planner.services()[0]?.detail).toBe(`service proxy at ${HEALTHZ} has not answered yet`);
    planner.apply([proxy({ answer: "status", status: 503 })]);
    expect(planner.services()[0]?.detail).toBe(`service proxy at ${HEALTHZ} answered 503, not 200`);
    expect(planner.apply([proxy(OK)]).routes).toMatchObject([{ peer: "tor", attributes: { med: null } }]);
    expect(planner.apply([proxy({ answer: "status", status: 503 }), proxy(REFUSED)]).routes).toEqual([]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("Prefer no longer waits after 60 s of refused connections, and says so; Require does", () => {
    for (const [mode, outcome] of [
      ["Prefer", "announced"],
      ["Require", "dataplaneNotReady"],
    ] as const) {
      const planner = planned(
        [node("n1"), peer("tor"), advertisement("all", { dataplaneGate: mode }), service("a", { loadBalancerIPs: [ip(VIP)] })],
        {
          facts: [
            { name: "gate", healthz: HEALTHZ, onlyWhereRequired: false },
            { name: "time", nowMillis: 1000 },
          ],
        },
      );
      planner.apply([pods(HERE)]);
      const change = planner.apply([time(1000), proxy(REFUSED)]);
      expect(change.wakeAtMillis).toBe(61_000);
      planner.apply([time(60_999)]);
      expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
      planner.apply([time(61_000)]);
      expect(verdict(planner, VIP)).toBe(outcome);
    }
  });

  it("a refusal that another answer interrupts begins anew", () => {
    const planner = gated("Prefer");
    planner.apply([time(1000), proxy(REFUSED)]);
    planner.apply([time(50_000), proxy({ answer: "failed", why: "reset" })]);
    expect(planner.apply([time(51_000), proxy(REFUSED)]).wakeAtMillis).toBe(111_000);
    planner.apply([time(62_000)]);
    expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
  });

  it("Off asks nobody, and an edit from Off to Require withdraws nothing", () => {
    const planner = gated("Off");
    expect(verdict(planner, VIP)).toBe("announced");
    expect(planner.apply([set(advertisement("all", { dataplaneGate: "Require" }))]).routes).toEqual([]);
    expect(planner.apply([pods(HERE, endpoint("10.1.0.2", "n2"))]).routes).toEqual([]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("an edit from Off to a gate that is shut withdraws nothing, whatever is announced, decided at once or in parts, and however often it is looked at", () => {
    const local = (name: string, port: number): ClusterObject =>
      service(name, { metadata: { uid: name }, loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local", healthCheckNodePort: port });
    const cluster = (name: string, address = VIP): ClusterObject => service(name, { loadBalancerIPs: [ip(address)] });
    const pod = (name: string): ClusterObject => slice(name, [HERE]);
    const shapes: readonly (readonly [readonly ClusterObject[], Partial<BGPAdvertisement>])[] = [
      [[local("a", 30000), pod("a")], {}],
      [[cluster("a"), pod("a")], {}],
      [[], { blocks: [cidr("203.0.113.0/24")] }],
      [[local("a", 30000), pod("a")], { blocks: [cidr("203.0.113.0/24")] }],
      [[cluster("a", "203.0.113.9"), pod("a"), local("b", 30000), pod("b")], { aggregationLength: 24 }],
      [[local("a", 30000), pod("a"), local("b", 30001), pod("b")], {}],
      [[local("a", 30000), pod("a"), cluster("b"), pod("b")], {}],
      [[local("a", 30000), pod("a")], { maxAnnouncers: 1 }],
    ];
    let cases = 0;
    for (const [objects, spec] of shapes) {
      for (const to of ["Prefer", "Require"] as const) {
        for (const limit of [1, Number.POSITIVE_INFINITY]) {
          const planner = planned([], { facts: [{ name: "gate", healthz: HEALTHZ, onlyWhereRequired: false }] });
          const edited = (mode: Mode, more: Partial<BGPAdvertisement> = {}) =>
            set(advertisement("all", { dataplaneGate: mode, ...spec, ...more }));
          const base = [node("n1", { internalIPs: [ip("10.0.0.1")], ready: true }), peer("tor"), ...objects];
          planner.apply([time(0), edited("Off"), ...base.map(set), proxy(REFUSED)]);
          const before = prefixes(planner);
          expect(before.length).toBeGreaterThan(0);
          // The edit; every object again; another edit; the time at which silence and refusals are judged.
          for (const inputs of [[edited(to)], objects.map(set), [edited(to, { localPref: 50 })], [time(9_000)]]) {
            planner.note(inputs);
            for (let pending = 1; pending > 0; ) {
              const change = planner.decide(limit);
              expect(change.routes.filter(({ attributes }) => attributes === null)).toEqual([]);
              pending = change.pending;
            }
            expect(prefixes(planner)).toEqual(before);
          }
          cases += 1;
        }
      }
    }
    expect(cases).toBe(32);
  });

  it("holds blocks back too, and keeps one that is announced", () => {
    const planner = planned([node("n1"), peer("tor"), advertisement("all", { blocks: [cidr("10.96.0.0/16")] })], {
      facts: [{ name: "gate", healthz: HEALTHZ, onlyWhereRequired: false }],
    });
    expect(prefixes(planner)).toEqual([]);
    planner.apply([set(advertisement("all", { blocks: [cidr("10.96.0.0/16")], dataplaneGate: "Off" }))]);
    expect(prefixes(planner)).toEqual(["10.96.0.0/16"]);
    expect(planner.apply([set(advertisement("all", { blocks: [cidr("10.96.0.0/16")], dataplaneGate: "Require" }))]).routes).toEqual([]);
  });

  it("with a directory the gate is open unless an advertisement says Require", () => {
    expect(verdict(gated("Prefer", { onlyWhereRequired: true }), VIP)).toBe("announced");
    expect(verdict(gated("Require", { onlyWhereRequired: true }), VIP)).toBe("dataplaneNotReady");
  });

  it("where nothing is probed the check is assumed, where nothing can be it says not probed", () => {
    const objects = [node("n1"), peer("tor"), advertisement("all"), service("a", { loadBalancerIPs: [ip(VIP)] })];
    const check = (planner: Planner) => planner.explain({ type: "address", address: ip(VIP) })?.items[0]?.checks[11];
    const offline = planned([...objects, slice("a", [HERE])]);
    expect(check(offline)).toMatchObject({ result: "pass", assumed: true, text: "not probed" });
    const live = planned([...objects, slice("a", [HERE])], { facts: [{ name: "gate", healthz: null, onlyWhereRequired: false }] });
    expect(check(live)).toMatchObject({ result: "pass", assumed: false, text: "service proxy not probed" });
  });
});

describe("the gate of a Service's health check (check 12b)", () => {
  const ask = (address: string | null, uid = "u1") => ({
    service: "default/a",
    uid,
    family: "IPv4",
    port: 30000,
    address: address === null ? null : ip(address),
  });

  it("asks the health check port at the Node's InternalIP, and announces at the first 200", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK)]);
    expect(planner.services()[0]?.detail).toBe("health check of default/a at port 30000 (IPv4) has not answered yet");
    planner.apply([health({ answer: "status", status: 503 })]);
    expect(planner.services()[0]?.detail).toBe("health check of default/a at port 30000 (IPv4) answered 503, not 200");
    const change = planner.apply([health(OK)]);
    expect(change.routes).toHaveLength(1);
    expect(change.probes).toEqual([ask(null)]);
    expect(planner.apply([health({ answer: "status", status: 503 })]).routes).toEqual([]);
  });

  it("is made when endpoints begin to count here, and anew when they come back", () => {
    const planner = gated("Require");
    expect(planner.apply([proxy(OK), health(OK)]).routes).toHaveLength(1);
    planner.apply([pods(endpoint("10.1.0.2", "n2"))]);
    expect(verdict(planner, VIP)).toBe("noLocalEndpoints");
    expect(planner.apply([pods(HERE)]).probes).toEqual([ask("10.0.0.1")]);
    expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
  });

  it("another pod on a node that announces does not ask again", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK), health(OK)]);
    const change = planner.apply([pods(HERE, endpoint("10.1.0.2", "n1"))]);
    expect([change.routes, change.probes]).toEqual([[], []]);
  });

  it("a flip from Cluster to Local withdraws nothing", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK), set(web("u1", "Cluster"))]);
    expect(verdict(planner, VIP)).toBe("announced");
    expect(planner.apply([set(web())]).routes).toEqual([]);
  });

  it("a Service made anew with another UID is asked anew, and answers of the old one count for nothing", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK), health(OK)]);
    planner.apply([gone(web())]);
    expect(planner.apply([set(web("u2"))]).probes).toEqual([ask("10.0.0.1", "u2")]);
    planner.apply([health(OK)]);
    expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
    planner.apply([health(OK, "u2")]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("is not consulted where only terminating endpoints count: the proxy counts ready ones", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK), pods(endpoint("10.1.0.1", "n1", "serving terminating"))]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("Prefer no longer waits after 5 s of silence once the proxy answered 200; a refused port is an answer", () => {
    const silent = gated("Prefer");
    expect(silent.apply([time(1000), proxy(OK)]).wakeAtMillis).toBe(5000);
    silent.apply([time(4999)]);
    expect(verdict(silent, VIP)).toBe("dataplaneNotReady");
    silent.apply([time(5000)]);
    expect(verdict(silent, VIP)).toBe("announced");
    const refusing = gated("Prefer");
    refusing.apply([time(1000), proxy(OK), health(REFUSED)]);
    refusing.apply([time(9000)]);
    expect(verdict(refusing, VIP)).toBe("dataplaneNotReady");
  });

  it("silence opens nothing where the proxy itself never answered 200", () => {
    const planner = gated("Prefer");
    planner.apply([time(0), proxy(REFUSED)]);
    planner.apply([time(60_000)]);
    // 12a no longer waits, but says nothing of what is programmed.
    expect(planner.services()[0]).toMatchObject({
      reason: "dataplaneNotReady",
      detail: expect.stringContaining("health check of default/a"),
    });
    planner.apply([time(61_000), proxy(OK)]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("never withdraws what it let pass: an endpoint that becomes ready, an edit of Prefer to Require", () => {
    const serving = gated("Require");
    serving.apply([proxy(OK), set(advertisement("all", { dataplaneGate: "Require", endpointPolicy: "Serving" }))]);
    serving.apply([pods(endpoint("10.1.0.1", "n1", "serving"))]);
    expect(verdict(serving, VIP)).toBe("announced");
    expect(serving.apply([pods(HERE)]).routes).toEqual([]);
    expect(verdict(serving, VIP)).toBe("announced");
    const silent = gated("Prefer");
    silent.apply([time(1000), proxy(OK)]);
    silent.apply([time(5000)]);
    expect(verdict(silent, VIP)).toBe("announced");
    expect(silent.apply([set(advertisement("all", { dataplaneGate: "Require" }))]).routes).toEqual([]);
  });

  it("withdraws nothing from a router when an advertisement goes that waited for nobody, and one that still waits wants the same", () => {
    const hasty = advertisement("hasty", { dataplaneGate: "Off" });
    const others = { dataplaneGate: "Require", peers: ["other"] } as const;
    const planner = gated("Require");
    planner.apply([set(peer("other")), set(hasty)]);
    expect(verdict(planner, VIP)).toBe("announced");
    expect(planner.apply([gone(hasty)]).routes).toEqual([]);
    expect(verdict(planner, VIP)).toBe("announced");
    const check = planner.explain({ type: "address", address: ip(VIP) })?.items[0]?.checks[11];
    expect(check).toMatchObject({
      result: "pass",
      text: `service proxy at ${HEALTHZ} has not answered yet; it was let through before, and the gate withdraws nothing`,
    });
    // It is past the gate as any other then.
    expect(planner.apply([proxy(REFUSED), health(REFUSED)]).routes).toEqual([]);
    // What the other router never had still waits.
    const apart = gated("Require");
    apart.apply([
      set(advertisement("all", others)),
      set(peer("other")),
      set(advertisement("hasty", { dataplaneGate: "Off", peers: ["tor"] })),
    ]);
    expect(verdict(apart, VIP)).toBe("announced");
    expect(apart.apply([gone(hasty)]).routes).toMatchObject([{ peer: "tor", attributes: null }]);
    expect(verdict(apart, VIP)).toBe("dataplaneNotReady");
  });

  it("withdraws no block either when another advertisement takes it over", () => {
    const blocks = [cidr("198.51.100.0/24")];
    const hasty = advertisement("hasty", { dataplaneGate: "Off", addresses: ["ClusterIP"], blocks });
    const planner = gated("Require");
    planner.apply([set(advertisement("careful", { dataplaneGate: "Require", addresses: ["ClusterIP"], blocks }))]);
    expect(prefixes(planner)).toEqual([]);
    planner.apply([set(hasty)]);
    expect(prefixes(planner)).toEqual(["198.51.100.0/24"]);
    expect(planner.apply([gone(hasty)]).routes).toEqual([]);
    expect(prefixes(planner)).toEqual(["198.51.100.0/24"]);
  });

  it("an address that is not of this host is not asked: the gate is open and says so", () => {
    const planner = gated("Require");
    planner.apply([proxy(OK), health({ answer: "notAsked", why: "10.0.0.1 is not an address of this host" })]);
    expect(verdict(planner, VIP)).toBe("announced");
    const check = planner.explain({ type: "address", address: ip(VIP) })?.items[0]?.checks[11];
    expect(check?.text).toBe("health check of default/a at port 30000 (IPv4) was not asked (10.0.0.1 is not an address of this host)");
  });
});
