/** Kubernetes label selectors, with what we add to the labels of Services and Namespaces so that one of them can be named. */

import type { LabelSelector, Namespace, Service } from "../objects/kinds.ts";

/** Looks a label up; undefined = not set. */
export type Labels = (key: string) => string | undefined;

/** True when the selector list is empty or one of them matches. */
export function matchesAny(selectors: readonly LabelSelector[], labels: Labels): boolean {
  return selectors.length === 0 || selectors.some((selector) => matchesSelector(selector, labels));
}

/** All of `matchLabels` and all of `matchExpressions`; an empty selector matches everything. `NotIn` holds where the label is absent. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels)) if (labels(key) !== value) return false;
  return selector.matchExpressions.every((expression) => matchesExpression(expression, labels(expression.key)));
}

function matchesExpression({ operator, values }: LabelSelector["matchExpressions"][number], value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** Labels as they stand on an object; undefined = there is no object, so no labels. */
export function plainLabels(object: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } } | undefined): Labels {
  if (object === undefined) return () => undefined;
  const { labels } = object.metadata;
  return (key) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
}

/** A Service's labels and the pseudo-labels of its own name and namespace. */
export function serviceLabels(service: Service): Labels {
  const own = plainLabels(service);
  return (key) => {
    if (key === "herald.dev/service-name") return service.metadata.name;
    if (key === "herald.dev/service-namespace") return service.metadata.namespace;
    return own(key);
  };
}

/** A Namespace's labels; its name is known even where the object is not. */
export function namespaceLabels(name: string, namespace: Namespace | undefined): Labels {
  const own = plainLabels(namespace);
  return (key) => own(key) ?? (key === "kubernetes.io/metadata.name" ? name : undefined);
}

/** True when a change of these labels cannot alter any match. */
export function sameLabels(a: Readonly<Record<string, string>> | undefined, b: Readonly<Record<string, string>> | undefined): boolean {
  if (a === b) return true;
  const before = Object.entries(a ?? {});
  const after = b ?? {};
  return before.length === Object.keys(after).length && before.every(([key, value]) => Object.hasOwn(after, key) && after[key] === value);
}
