import { FAMILIES } from "../ip/address.ts";
import type { ClusterObject, Finding } from "../objects/kinds.ts";
import { selectsNode } from "./advertisement.ts";
import { type BalanceOptions, balanceItems, hasService } from "./balance.ts";
import type { PlannerOptions } from "./change.ts";
import { sortFindings } from "./findings.ts";
import { muster } from "./fleet.ts";
import { Inventory } from "./inventory.ts";
import { compareText } from "./judge.ts";
import { nodeObstacle } from "./node-checks.ts";
import { type Paused, runThrough } from "./pauses.ts";
import { limitOf, peerSelectsNode } from "./peers.ts";
import { Planner } from "./planner.ts";
import type { Assumption, BalanceItem, Explain, ExplainItem, Negative, PlanReport, Route } from "./report.ts";
import type { Subject } from "./subject.ts";

export interface ClusterPlanOptions extends Omit<PlannerOptions, "node"> {
  /** Only this node, whether or not there is a Node object; null = every Node object. */
  readonly nodeFilter: string | null;
  /** Only what concerns this peer; null = all. Reasons that are common to all peers stay. */
  readonly peerFilter: string | null;
}

/** Without running sessions these are taken for granted. */
const ASSUMED: readonly Assumption[] = ["families", "nextHop", "dataplane"];

/** What every node would announce to every peer, from objects alone; one index over them serves all nodes. Sorted by node, peer, prefix. */
export function planCluster(objects: Iterable<ClusterObject>, options: ClusterPlanOptions): PlanReport {
  const routes: Route[] = [];
  const notAnnounced: Negative[] = [];
  const findings: Finding[] = [];
  const { peerFilter } = options;
  const isNew = newKinds(options);
  for (const { planner, inventory } of plannersOf(objects, options, findings)) {
    for (const route of planner.peerRoutes()) if (peerFilter === null || route.peer === peerFilter) routes.push(route);
    for (const negative of planner.negatives()) {
      if (peerFilter === null || negative.peer === null || negative.peer === peerFilter) notAnnounced.push(negative);
    }
    if (isNew(planner.options.node, inventory)) for (const finding of planner.findings()) findings.push(finding);
  }
  return { routes, notAnnounced, assumed: ASSUMED, findings: eachOnce(findings) };
}

/** What is wrong with or between objects, on whichever node; without Node objects what can be said without them. */
export function findInCluster(objects: Iterable<ClusterObject>, options: Omit<PlannerOptions, "node">): Finding[] {
  return runThrough(findInPieces(objects, options));
}

/**
 * {@link findInCluster} with pauses. What `objects` gives must stay as it is until the end: no finding is about two moments.
 *
 * @param servicesInAPiece decided between two pauses: a millisecond's worth where each has an address or two.
 */
export function* findInPieces(
  objects: Iterable<ClusterObject>,
  options: Omit<PlannerOptions, "node">,
  servicesInAPiece = 32,
): Paused<Finding[]> {
  const inventory = new Inventory(options.heraldNamespace);
  for (const object of objects) {
    inventory.apply({ type: "set", object }, UNHEARD);
    yield null;
  }
  const isNew = newKinds(options);
  const found = new Map<string, Finding>();
  for (const node of inventory.nodes.size === 0 ? [""] : inventory.nodes.keys()) {
    yield null;
    if (inventory.nodes.size > 0 && !isNew(node, inventory)) continue;
    const planner = new Planner({ ...options, node, transitionLimit: 0 }, inventory);
    do yield null;
    while (planner.decide(servicesInAPiece).pending > 0);
    // That a file holds no Node is no mistake in it.
    for (const finding of yield* planner.findingsInPieces()) {
      if (finding.code !== "nodeUnknown") found.set(JSON.stringify(finding), finding);
      yield null;
    }
  }
  return sortFindings([...found.values()]);
}

/** The seventeen checks on every node, from objects alone; null when nothing of that name or address exists. */
export function explainCluster(objects: Iterable<ClusterObject>, options: ClusterPlanOptions, subject: Subject): Explain | null {
  const items: ExplainItem[] = [];
  const findings: Finding[] = [];
  let found: Explain | null = null;
  for (const { planner } of plannersOf(objects, options, findings)) {
    const explained = planner.explain(subject);
    if (explained === null) continue;
    found ??= explained;
    for (const item of explained.items) {
      if (options.peerFilter === null || item.peer === null || item.peer === options.peerFilter) items.push(item);
    }
    findings.push(...explained.findings);
  }
  return found === null ? null : { subject: found.subject, items, timeline: null, findings: eachOnce(findings) };
}

/** What part of each address's flows every node and endpoint gets, from objects alone; null when there is no such Service. */
export function balanceCluster(
  objects: Iterable<ClusterObject>,
  options: Omit<PlannerOptions, "node"> & BalanceOptions,
): { readonly items: readonly BalanceItem[]; readonly findings: readonly Finding[] } | null {
  const inventory = inventoryOf(objects, options.heraldNamespace);
  if (options.service !== null && !hasService(inventory, options.service)) return null;
  const nodes = [...inventory.nodes.keys()].sort(compareText);
  const fleet = runThrough(muster(inventory, options, nodes));
  const items = [...balanceItems(fleet, null, options)].flatMap((item) => item ?? []);
  const findings = nodes.length === 0 ? [NO_NODES] : fleet.findings;
  return { items, findings: eachOnce(findings) };
}

interface OfNode {
  readonly planner: Planner;
  readonly inventory: Inventory;
}

function* plannersOf(objects: Iterable<ClusterObject>, options: ClusterPlanOptions, findings: Finding[]): IterableIterator<OfNode> {
  const inventory = inventoryOf(objects, options.heraldNamespace);
  const nodes = options.nodeFilter === null ? [...inventory.nodes.keys()].sort(compareText) : [options.nodeFilter];
  if (nodes.length === 0) findings.push(NO_NODES);
  yield* plannersFor(inventory, nodes, options);
}

function inventoryOf(objects: Iterable<ClusterObject>, heraldNamespace: string): Inventory {
  const inventory = new Inventory(heraldNamespace);
  for (const object of objects) inventory.apply({ type: "set", object }, UNHEARD);
  return inventory;
}

function* plannersFor(inventory: Inventory, nodes: readonly string[], options: Omit<PlannerOptions, "node">): IterableIterator<OfNode> {
  for (const node of nodes) {
    const planner = new Planner({ ...options, node, transitionLimit: 0 }, inventory);
    planner.decide();
    yield { planner, inventory };
  }
}

const NO_NODES: Finding = {
  severity: "warning",
  code: "nodeUnknown",
  object: null,
  file: "",
  line: 0,
  column: 0,
  field: "",
  message: "there is no Node object, so nobody announces anything; name a node to see what it would announce",
  allowed: "",
};

/**
 * True for the first of nodes about which there is the same to find: the same advertisements and peers select them, and both may announce or
 * both may not. A peer's limit meets each node on its own.
 */
function newKinds(options: Omit<PlannerOptions, "node">): (name: string, inventory: Inventory) => boolean {
  const seen = new Set<string>();
  return (name, { nodes, advertisements, peers }) => {
    const node = nodes.get(name);
    const signs = [...advertisements.values()].map((source) => selectsNode(source, node));
    const peering = [...peers.values()].map((peer) => peerSelectsNode(peer, node));
    const isLimited = [...peers.values()].some((peer) => FAMILIES.some((family) => limitOf(peer, family) !== null));
    const key = JSON.stringify([signs, peering, nodeObstacle(node, options) === null, isLimited || node === undefined ? name : ""]);
    return !seen.has(key) && Boolean(seen.add(key));
  };
}

function eachOnce(findings: readonly Finding[]): Finding[] {
  return sortFindings([...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()]);
}

function ignore(): void {}

/** Planners are made after all objects are in: there is nobody to tell. */
const UNHEARD = { service: ignore, node: ignore, namespace: ignore, advertisement: ignore, peer: ignore, references: ignore };
