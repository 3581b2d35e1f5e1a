/** `herald drain` and `herald undrain`: the mark on the Node that its speaker goes by (docs/semantics.md, check 10). */

import { setTimeout as pause } from "node:timers/promises";
import { SpeakerError } from "../errors.ts";
import type { Outcome } from "../kube/failure.ts";
import { fieldsOf } from "../kube/fields.ts";
import { DRAIN_ANNOTATION } from "../plan/node-checks.ts";
import { DURATION_ALLOWED, formatDuration, parseDuration } from "../text/duration.ts";
import type { PeersView } from "../view/peers.ts";
import type { RoutesView } from "../view/routes.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { type ClusterAccess, clusterError, withCluster } from "./live-cluster.ts";
import { askAll, parseServer, type Server } from "./servers.ts";

export interface UndrainOptions {
  readonly access: ClusterAccess;
  readonly node: string;
}

export interface DrainOptions extends UndrainOptions {
  /** null = none is given. */
  readonly reason: string | null;
  /** The node's own speaker says when it announces nothing; null = do not wait. `timeout`: as written. */
  readonly wait: { readonly server: string; readonly timeout: string } | null;
}

const NODES = { group: "", version: "v1", plural: "nodes", namespace: null };
/** Between two questions to the speaker, milliseconds. */
const PAUSE = 200;

/** Marks the Node, and waits until nothing is announced where that is wanted. @throws {SpeakerError} USAGE, SUBJECT_UNKNOWN, UNREACHABLE */
export async function runDrain({ access, node, reason, wait }: DrainOptions): Promise<ExitCode> {
  if (reason === "false") {
    throw new SpeakerError("USAGE", "--reason false: a Node whose mark says false is not drained", { remedy: "use other words" });
  }
  const waiting = wait === null ? null : { server: parseServer(wait.server), millis: parseTimeout(wait.timeout) };
  // Nothing is marked for a wait that could not begin.
  if (waiting !== null) await requireSpeakerOf(node, waiting.server);
  await mark({ access, node }, reason === null || reason === "" ? "true" : reason);
  process.stdout.write(`node ${node} is marked for drain\n`);
  if (waiting === null) return EXIT.done;
  await announcesNothing(node, waiting.server, waiting.millis);
  process.stdout.write(`node ${node} announces nothing\n`);
  return EXIT.done;
}

/** @throws {SpeakerError} SUBJECT_UNKNOWN, UNREACHABLE */
export async function runUndrain(options: UndrainOptions): Promise<ExitCode> {
  await mark(options, null);
  process.stdout.write(`node ${options.node} is not marked for drain\n`);
  return EXIT.done;
}

/** A merge patch: whatever else is written on the Node meanwhile stays, and marking it twice is no mistake. */
async function mark({ access, node }: UndrainOptions, value: string | null): Promise<void> {
  const patch = { metadata: { annotations: { [DRAIN_ANNOTATION]: value } } };
  await withCluster(access, async ({ name, client }) => {
    requireMarked(name, node, await client.patch(NODES, node, patch, new AbortController().signal), value);
  });
}

function requireMarked(server: string, node: string, outcome: Outcome<unknown>, value: string | null): void {
  if (outcome.ok) {
    // A server that answers yes and an admission plugin that takes it back.
    const held = fieldsOf(fieldsOf(fieldsOf(outcome.value)["metadata"])["annotations"])[DRAIN_ANNOTATION] ?? null;
    if (held === value) return;
    throw new SpeakerError(
      "UNREACHABLE",
      `live cluster ${server}: node ${node} has ${DRAIN_ANNOTATION} ${JSON.stringify(held)} all the same`,
    );
  }
  const { condition, message } = outcome.failure;
  if (condition === "NotFound") {
    throw new SpeakerError("SUBJECT_UNKNOWN", `live cluster ${server}: there is no Node ${node}`, {
      remedy: "kubectl get nodes lists them",
    });
  }
  if (condition === "Forbidden") {
    throw new SpeakerError("UNREACHABLE", `live cluster ${server}: may not change node ${node} (403: ${message})`, {
      remedy: "ask for a role with patch on nodes",
    });
  }
  throw clusterError(server, outcome.failure);
}

/** @throws {SpeakerError} UNREACHABLE, or USAGE where it is another node's speaker */
async function requireSpeakerOf(node: string, server: Server): Promise<void> {
  const { items, errors } = await askAll<RoutesView>([server], "/api/v1/routes");
  const [answer] = items;
  if (answer === undefined) {
    throw new SpeakerError("UNREACHABLE", `--wait: no answer from ${server.name}: ${errors[0]?.message ?? "nothing"}`, {
      remedy: `name the speaker of node ${node} with --server, or leave --wait out`,
    });
  }
  if (answer.node === node) return;
  throw new SpeakerError("USAGE", `--wait: ${server.name} is the speaker of node ${answer.node}`, {
    remedy: `name the speaker of node ${node} with --server`,
  });
}

/**
 * Until no peer holds a route of the node and no withdrawal waits to be sent. A speaker that ends meanwhile announces nothing either, but by then
 * nobody can say whether its routers know: that is an error. @throws {SpeakerError} UNREACHABLE
 */
async function announcesNothing(node: string, server: Server, timeoutMillis: number): Promise<void> {
  const deadline = performance.now() + timeoutMillis;
  for (;;) {
    const left = await routesLeft(server);
    if (left === 0) return;
    if (performance.now() >= deadline) {
      throw new SpeakerError("UNREACHABLE", `node ${node} still announces ${left} routes after ${formatDuration(timeoutMillis)}`, {
        remedy: `herald routes --server ${server.name} lists them`,
      });
    }
    await pause(PAUSE);
  }
}

/** Routes that are wanted, held by a peer, or not yet withdrawn. @throws {SpeakerError} UNREACHABLE */
async function routesLeft(server: Server): Promise<number> {
  const [routes, peers] = await Promise.all([askAll<RoutesView>([server], "/api/v1/routes"), askAll<PeersView>([server], "/api/v1/peers")]);
  const error = routes.errors[0] ?? peers.errors[0];
  if (error !== undefined) {
    throw new SpeakerError("UNREACHABLE", `the speaker at ${server.name} no longer answers: ${error.message}`, {
      remedy: "look at its router for what is left",
    });
  }
  const wanted = routes.items.reduce((sum, { items }) => sum + items.length, 0);
  const held = peers.items.flatMap(({ items }) => items).map(({ announced, pending }) => announced.IPv4 + announced.IPv6 + pending);
  return Math.max(wanted, ...held);
}

function parseTimeout(text: string): number {
  const millis = parseDuration(text);
  if (millis !== undefined) return millis;
  throw new SpeakerError("USAGE", `--timeout ${text}: not a duration`, { remedy: `write ${DURATION_ALLOWED}` });
}
