import { describe, expect, it } from "vitest";
import type { LabelSelector } from "../../../src/objects/kinds.ts";
import { matchesAny, matchesSelector, namespaceLabels, plainLabels, sameLabels, serviceLabels } from "../../../src/plan/selectors.ts";
import { namespace, node, service } from "../../support/cluster-objects.ts";

const gold = plainLabels(node("n1", { metadata: { labels: { tier: "gold", rack: "r1" } } }));
const bare = plainLabels(undefined);

function expression(operator: "In" | "NotIn" | "Exists" | "DoesNotExist", ...values: string[]): LabelSelector {
  return { matchLabels: {}, matchExpressions: [{ key: "tier", operator, values }] };
}

describe("label selectors", () => {
  it.each([
    ["In", expression("In", "gold", "tin"), true, false],
    ["In, other values", expression("In", "tin"), false, false],
    ["NotIn", expression("NotIn", "gold"), false, true],
    ["NotIn, other values", expression("NotIn", "tin"), true, true],
    ["Exists", expression("Exists"), true, false],
    ["DoesNotExist", expression("DoesNotExist"), false, true],
    ["an empty selector", { matchLabels: {}, matchExpressions: [] }, true, true],
    ["matchLabels and matchExpressions together", { ...expression("Exists"), matchLabels: { rack: "r1" } }, true, false],
    ["matchLabels with one that differs", { ...expression("Exists"), matchLabels: { rack: "r2" } }, false, false],
  ] as const)("%s", (_name, selector, onGold, onBare) => {
    expect([matchesSelector(selector, gold), matchesSelector(selector, bare)]).toEqual([onGold, onBare]);
  });

  it("match when one of several does, and when there is none", () => {
    expect(matchesAny([expression("In", "tin"), expression("Exists")], gold)).toBe(true);
    expect(matchesAny([expression("In", "tin"), expression("DoesNotExist")], gold)).toBe(false);
    expect(matchesAny([], bare)).toBe(true);
  });

  it("see a Service's name and namespace and a Namespace's name, also without the object", () => {
    const labels = serviceLabels(service("shop/web", { metadata: { labels: { "herald.dev/service-name": "lies" } } }));
    expect([labels("herald.dev/service-name"), labels("herald.dev/service-namespace")]).toEqual(["web", "shop"]);
    expect(namespaceLabels("shop", undefined)("kubernetes.io/metadata.name")).toBe("shop");
    expect(namespaceLabels("shop", namespace("shop", { env: "prod" }))("env")).toBe("prod");
  });

  it("see no labels that every JavaScript object has", () => {
    expect(gold("constructor")).toBeUndefined();
    expect(sameLabels({ a: "1" }, { a: "1" })).toBe(true);
    expect(sameLabels({ a: "1" }, { a: "1", b: "2" })).toBe(false);
    expect(sameLabels(undefined, { a: "1" })).toBe(false);
  });
});
