/** `herald controller`: the composition root of the cluster-wide process. */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { routeControllerRequest } from "../admin/controller-routes.ts";
import { AdminServer } from "../admin/server.ts";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/file.ts";
import { AddressDuty } from "../controller/address-duty.ts";
import { ConditionsDuty } from "../controller/conditions-duty.ts";
import { Controller } from "../controller/controller.ts";
import type { Duty } from "../controller/duty.ts";
import { LeaseElector } from "../controller/lease-elector.ts";
import { PoolStatus } from "../controller/pool-status.ts";
import { SpeakerError } from "../errors.ts";
import { KubeClient, type KubeClientOptions } from "../kube/client.ts";
import { credentialsFor } from "../kube/credentials-for.ts";
import { EventWriter } from "../kube/events.ts";
import { createLog } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { KubernetesSource } from "../source/kubernetes/kubernetes-source.ts";
import { FindingLog } from "../speaker/finding-log.ts";
import { plannerOptionsOf } from "../speaker/planner-options.ts";
import { EXIT } from "./failure.ts";
import { stopAsked } from "./stop.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Flags of `herald controller` as commander gives them. */
export interface ControllerFlags {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly adminListen?: string;
  readonly loadBalancerClass?: string;
  readonly logLevel?: string;
}

/** The Lease, in Herald's own namespace. */
const LEASE = "herald-controller";
/** A stop takes less than three seconds: writes under way end, and the Lease is given up. */
const STOP_MILLIS = 2900;

/** Runs until SIGTERM or SIGINT. @throws {SpeakerError} when it cannot start */
export async function runController(flags: ControllerFlags): Promise<number> {
  const config = loadConfig(flags.config ?? null, { flags });
  const { source: origin, namespace } = config;
  if (origin.type !== "kubernetes") {
    throw new SpeakerError("USAGE", "source.directory: the controller writes to an API server", {
      remedy: "name one with source.kubernetes or --kubeconfig",
    });
  }
  const log = createLog(config.log);
  const metrics = new Metrics({ version: VERSION, commit: COMMIT });
  const clock = systemClock;
  const credentials = credentialsFor(origin);
  const client = (purpose: string, budget?: KubeClientOptions["budget"]): KubeClient =>
    new KubeClient({ credentials, clock, userAgent: `herald/${VERSION} ${purpose}`, ...(budget === undefined ? {} : { budget }) });

  const source = new KubernetesSource({
    client: client("controller"),
    heraldNamespace: namespace,
    serviceProxyName: config.serviceProxyName,
    omitKinds: ["EndpointSlice"],
    clock,
    random: Math.random,
  });
  // A connection of its own: nothing that is busy or held back may keep the Lease from being renewed.
  const leases = client("leader-election");
  const elector = new LeaseElector({
    client: leases,
    clock,
    random: Math.random,
    log,
    namespace,
    name: LEASE,
    identity: `${process.env["POD_NAME"] || hostname()}_${randomUUID()}`,
    timings: config.leaderElection,
  });
  const findings = new FindingLog(log);
  // How much it takes is the server's to say (429): ten thousand new addresses must not wait for a cap of ours.
  const writes = client("addresses", { perSecond: 1000, burst: 1000 });
  const holds = (): boolean => elector.holds;
  const heraldNamespace = namespace;
  const telling = client("events");
  const events = new EventWriter({
    client: telling,
    clock,
    log,
    controller: "herald.dev/controller",
    instance: process.env["POD_NAME"] || hostname(),
    random: Math.random,
  });
  const poolStatus: PoolStatus = new PoolStatus({ client: writes, clock, log, heraldNamespace, holds, usage: () => addresses.usage() });
  const addresses = new AddressDuty(
    { loadBalancerClass: config.loadBalancerClass, heraldNamespace },
    { client: writes, clock, random: Math.random, log, events, holds, usageChanged: () => poolStatus.changed() },
  );
  const statuses = client("conditions");
  const conditions = new ConditionsDuty({
    client: statuses,
    clock,
    log,
    random: Math.random,
    // What is found between objects is found by the rules that speakers decide by.
    planning: plannerOptionsOf(config),
  });
  const duties: readonly Duty[] = [reporting(findings), addresses, poolStatus, conditions];
  const controller = new Controller({ source, elector, duties, clock, log });
  metrics.setControllerSource({
    kinds: () =>
      source.state().map(({ kind, synced, lastEventAgeMillis }) => ({
        kind,
        synced,
        lastEventAgeSeconds: lastEventAgeMillis === null ? null : lastEventAgeMillis / 1000,
      })),
    invalidObjects: () => findings.refused(),
    sourceRestarts: () => source.restarts(),
    leading: () => controller.leading,
    pools: () =>
      addresses.usage().map(({ pool, family, assigned, available }) => ({
        ...{ pool, family },
        ...{ assigned: Number(assigned), available: Number(available) },
      })),
  });
  const view = {
    ready: () => controller.ready,
    waitingFor: () => controller.waitingFor(),
    leading: () => controller.leading,
    summary: () =>
      addresses
        .usage()
        .map(({ pool, family, assigned, available }) => `IPAddressPool ${pool}  ${family}  assigned ${assigned}  available ${available}`),
  };
  const admin = new AdminServer(config.admin, {
    metrics,
    answer: (request) => routeControllerRequest(request, view),
    onFault: (what, cause) => log({ event: "admin.fault", what, why: cause instanceof Error ? cause.message : String(cause) }),
  });

  const ending = new AbortController();
  void stopAsked(false).then(() => ending.abort());
  let deadline: ReturnType<typeof setTimeout> | undefined;
  ending.signal.addEventListener("abort", () => {
    // The last resort: a server that does not answer must not hold the shutdown up.
    deadline = setTimeout(() => process.exit(EXIT.failed), STOP_MILLIS);
  });
  try {
    const { urls } = await admin.start();
    for (const listen of urls) log({ event: "admin.ready", listen });
    metrics.start();
    await controller.run(ending.signal);
  } finally {
    ending.abort();
    metrics.stop();
    leases.close();
    events.stop();
    telling.close();
    statuses.close();
    writes.close();
    await admin.stop();
    clearTimeout(deadline);
  }
  return EXIT.done;
}

/** Says what is wrong with the objects, leader or not. */
function reporting(findings: FindingLog): Duty {
  return {
    observe: (batch) => findings.replace(batch.findings),
    lead: (signal) =>
      new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }))),
  };
}
