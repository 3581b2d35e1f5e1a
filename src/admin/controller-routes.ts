/** What each path of the controller's HTTP server answers: health, metrics, and a page for people. */

import type { AdminRequest, Reply } from "./routes.ts";

/** What those pages read. */
export interface ControllerView {
  ready(): boolean;
  /** What readiness waits for, in words; "" when ready. */
  waitingFor(): string;
  leading(): boolean;
  /** Lines of the page for people. */
  summary(): readonly string[];
}

/** Standbys are ready too: readiness says that the objects were read. */
export function routeControllerRequest({ method, target, metricsOnly }: AdminRequest, view: ControllerView): Reply {
  const path = target.split("?", 1)[0] ?? "";
  const answer = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (answer === undefined || (metricsOnly && path === "/")) return { kind: "json", status: 404, value: { error: `nothing at ${path}` } };
  if (method !== "GET" && method !== "HEAD")
    return { kind: "json", status: 405, value: { error: `${path} takes GET, not ${method}` }, headers: { Allow: "GET" } };
  return answer(view);
}

const PAGES: Readonly<Record<string, (view: ControllerView) => Reply>> = {
  "/": (view) => {
    const state = !view.ready() ? `not ready: ${view.waitingFor()}` : view.leading() ? "leading" : "standing by";
    return text(200, [`Herald's controller: ${state}`, "", ...view.summary(), "", "/healthz", "/readyz", "/metrics"]);
  },
  "/healthz": () => text(200, ["ok"]),
  "/readyz": (view) => (view.ready() ? text(200, ["ok"]) : text(503, [`not ready: ${view.waitingFor()}`])),
  "/metrics": () => ({ kind: "metrics" }),
};

function text(status: number, lines: readonly string[]): Reply {
  return { kind: "text", status, text: `${lines.join("\n")}\n` };
}
