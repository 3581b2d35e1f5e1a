import type { Finding } from "../objects/kinds.ts";
import type { RoutesView, RouteView } from "../view/routes.ts";
import type { ServicesView, ServiceView } from "../view/services.ts";
import { formatTables, type Negative, type Paint, paintWith } from "./follow-text.ts";
import { LOOK_MILLIS } from "./router.ts";
import type { Stage } from "./stage.ts";
import { formatPaths, type RouterTable, sameTable, tableChanges } from "./table.ts";

export interface FollowOutput {
  write(text: string): void;
  readonly colour: boolean;
}

/** The decisions behind a table follow it by less than this; and an edit of several addresses is one change. */
const QUIET_MILLIS = 120;

/** The first table waits at most so long for every speaker: then it is shown as it is. */
const FIRST_MILLIS = 10_000;

/** Starts the cluster, shows the router's table, then every change of it, until the signal. */
export async function followChanges(stage: Stage, signal: AbortSignal, output: FollowOutput): Promise<void> {
  const paint = paintWith(output.colour);
  let table = await firstTable(stage, signal);
  if (signal.aborted) return;
  let negatives = await readNegatives(stage);
  output.write(heading(stage, paint));
  output.write(formatTables(table, await readOwners(stage), negatives, paint));
  output.write(`\n${paint.bold("Edit the files")} in ${stage.workspace.cluster}: changes show here. Ctrl-C ends it all.\n\n`);

  const stopErrors = followErrors(stage, paint, output);
  try {
    while (!signal.aborted) {
      await stage.router.changed(signal, LOOK_MILLIS);
      stage.requireSpeakers();
      const current = await settled(stage, signal);
      if (signal.aborted || sameTable(current, table)) continue;
      const reasons = await readNegatives(stage);
      output.write(formatChanges(table, current, paint));
      output.write(formatReasons(negatives, reasons, paint));
      table = current;
      negatives = reasons;
    }
  } finally {
    stopErrors();
  }
}

function heading({ router, urls }: Stage, paint: Paint): string {
  const lines = [`${paint.bold(router.product)} and ${urls.size} speakers are up. Status of each:`];
  for (const [node, url] of urls) lines.push(`  ${node}   ${url}/`);
  return `${lines.join("\n")}\n\n`;
}

/** The table of all Services: every speaker has decided on them, and the router has heard each route. */
async function firstTable(stage: Stage, signal: AbortSignal): Promise<RouterTable> {
  const services = stage.workspace.placeServices();
  const end = performance.now() + FIRST_MILLIS;
  while (!signal.aborted && performance.now() < end && !(await isComplete(stage, services)))
    await stage.router.changed(signal, QUIET_MILLIS);
  return settled(stage, signal);
}

async function isComplete(stage: Stage, services: number): Promise<boolean> {
  const decided = await askAll<ServicesView>(stage, "services");
  if (!decided.every(({ items }) => new Set(items.map(({ service }) => service)).size === services)) return false;
  const sent = await askAll<RoutesView>(stage, "routes");
  const heard = (await stage.router.table()).reduce((sum, { paths }) => sum + paths.length, 0);
  return heard === sent.reduce((sum, { items }) => sum + items.length, 0);
}

/** The table after it has been quiet for a moment. */
async function settled(stage: Stage, signal: AbortSignal): Promise<RouterTable> {
  let table = await stage.router.table();
  let quietSince = performance.now();
  while (!signal.aborted && performance.now() - quietSince < QUIET_MILLIS) {
    await stage.router.changed(signal, QUIET_MILLIS);
    const next = await stage.router.table();
    if (!sameTable(next, table) || next.length === 0) quietSince = performance.now();
    table = next;
  }
  return table;
}

function formatChanges(before: RouterTable, after: RouterTable, paint: Paint): string {
  const old = new Map(before.map(({ prefix, paths }) => [prefix, paths]));
  return tableChanges(before, after)
    .map(({ prefix, paths }) => {
      const earlier = old.get(prefix) ?? [];
      const now = paths.length === 0 ? paint.bad("gone") : `via ${paint.good(formatPaths(paths))}`;
      const was = earlier.length === 0 ? "new" : `was ${formatPaths(earlier)}`;
      return `${paint.dim(timeOfDay())}  ${prefix} ${now} ${paint.dim(`(${was})`)}\n`;
    })
    .join("");
}

/** Reasons that are new, each once per Service and node. */
function formatReasons(before: readonly Negative[], after: readonly Negative[], paint: Paint): string {
  const known = new Set(before.map(keyOf));
  const fresh = new Map(
    after.filter((negative) => !known.has(keyOf(negative))).map((negative) => [`${negative.node} ${negative.service}`, negative]),
  );
  return [...fresh.values()]
    .map(
      ({ node, service, reason, detail }) =>
        `${paint.dim(timeOfDay())}  ${node} does not announce ${service}: ${paint.bad(reason)}${detail === "" ? "" : `, ${detail}`}\n`,
    )
    .join("");
}

function keyOf({ node, service, address, reason }: Negative): string {
  return `${node} ${service} ${address} ${reason}`;
}

/** Prints what the speakers find wrong with the files; all three say the same, so the first one's word is enough. */
function followErrors(stage: Stage, paint: Paint, output: FollowOutput): () => void {
  const [speaker] = stage.speakers;
  if (speaker === undefined) return () => {};
  let next = speaker.events.length;
  return speaker.subscribe(() => {
    for (; next < speaker.events.length; next++) {
      const { event, fields } = speaker.events[next] ?? { event: "", fields: {} };
      const where = String(fields["at"]).replace(`${stage.workspace.cluster}/`, "");
      if (event === "object.invalid") {
        const severity: Finding["severity"] = fields["severity"] === "warning" ? "warning" : "error";
        output.write(`${paint.dim(timeOfDay())}  ${paint.bad(severity)} ${where}: ${String(fields["message"])}\n`);
      }
      if (event === "object.mended") output.write(`${paint.dim(timeOfDay())}  ${paint.good("mended")} ${where}\n`);
    }
  });
}

async function readNegatives(stage: Stage): Promise<Negative[]> {
  const replies = await askAll<ServicesView>(stage, "services");
  return replies.flatMap(({ node, items }) =>
    items
      .filter(({ announced }: ServiceView) => !announced)
      .map(({ service, address, reason, detail }: ServiceView): Negative => ({ node, service, address: address ?? "", reason, detail })),
  );
}

/** Prefix → Services that announce it. */
async function readOwners(stage: Stage): Promise<ReadonlyMap<string, string>> {
  const replies = await askAll<RoutesView>(stage, "routes");
  return new Map(replies.flatMap(({ items }) => items.map(({ prefix, owners }: RouteView) => [prefix, owners.join(", ")] as const)));
}

/** What every speaker's API answers. */
function askAll<T>({ urls }: Stage, what: "services" | "routes"): Promise<T[]> {
  return Promise.all([...urls.values()].map((url) => readJson<T>(`${url}/api/v1/${what}`)));
}

async function readJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  return (await response.json()) as T; // The shape is the promise of src/view, and the speaker is of this very build.
}

function timeOfDay(): string {
  const now = new Date();
  const [hours, minutes, seconds] = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${hours}:${minutes}:${seconds}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}
