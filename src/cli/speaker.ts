/** `herald speaker`: the composition root. Source, planner, peers and admin API are made here, and end here. */

import { AdminServer } from "../admin/server.ts";
import { REHEARSALS, rehearse } from "../bgp/rib/rehearsal.ts";
import { systemClock } from "../clock.ts";
import { loadConfig, type SpeakerConfig } from "../config/file.ts";
import { KubeClient } from "../kube/client.ts";
import { credentialsFor } from "../kube/credentials-for.ts";
import { createLog, type Log } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { DirectorySource } from "../source/directory/directory-source.ts";
import { KubernetesSource } from "../source/kubernetes/kubernetes-source.ts";
import { OwnPod } from "../source/kubernetes/own-pod.ts";
import type { Source } from "../source/source.ts";
import type { ReportTo } from "../speaker/kube-reports.ts";
import { Speaker } from "../speaker/speaker.ts";
import { EXIT } from "./failure.ts";
import type { SpeakerFlags } from "./flags.ts";
import { stopAsked } from "./stop.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Runs until SIGTERM, SIGINT, or the end of the source. @throws {SpeakerError} when it cannot start */
export async function runSpeaker(flags: SpeakerFlags): Promise<number> {
  const read = (): SpeakerConfig => loadConfig(flags.config ?? null, { flags });
  const config = read();
  const log = createLog(config.log);
  const metrics = new Metrics({ version: VERSION, commit: COMMIT });
  const { source, ownPod } = createInputs(config, log);
  const ownPodDeleted = (): boolean => ownPod?.deleting ?? false;
  const speaker = new Speaker({ config, source, log, metrics, clock: systemClock, ownPodDeleted, reportTo: reportTo(config) });
  const admin = new AdminServer(config.admin, {
    view: speaker.view,
    commands: speaker.commands,
    metrics,
    onCommand: (command, from) => log({ event: "admin.command", command, from }),
    onFault: (what, cause) => log({ event: "admin.fault", what, why: words(cause) }),
  });

  // Before anything says that it is ready: a signal without its handler ends the process.
  let exitCode: number = EXIT.done;
  const stop = stopAsked(flags.whileStdin === true, (code) => {
    // Not at once: routers that keep routes through a restart would send to a node that may be going down (docs/restart.md).
    if (!speaker.hurry()) return false;
    exitCode = code;
    setTimeout(() => process.exit(code), speaker.stopMillis).unref();
    return true;
  });
  process.on("SIGHUP", () => reload(read, speaker, log));
  let started = false;
  const ended = new AbortController();
  try {
    const { urls } = await admin.start();
    await speaker.start();
    started = true;
    void ownPod?.run(ended.signal);
    for (const listen of urls) log({ event: "admin.ready", listen });
    rehearseInTurns(REHEARSALS);
    await Promise.race([speaker.finished, stop]);
  } finally {
    // An input that is read keeps the process alive.
    if (flags.whileStdin === true) process.stdin.destroy();
    // The last resort: a socket that does not end must not hold the node's shutdown up.
    const deadline = setTimeout(() => process.exit(EXIT.failed), speaker.stopMillis);
    await Promise.all([started ? speaker.stop() : null, admin.stop()]);
    ended.abort();
    clearTimeout(deadline);
  }
  return exitCode;
}

/** Warms the path of a dump up while the first dial waits its random while; the event loop has a turn between any two. */
function rehearseInTurns(left: number): void {
  if (left === 0) return;
  setImmediate(() => {
    rehearse();
    rehearseInTurns(left - 1);
  });
}

/** Both ask one server over one connection. */
function createInputs(config: SpeakerConfig, log: Log): { readonly source: Source; readonly ownPod: OwnPod | null } {
  const { source, namespace, serviceProxyName } = config;
  if (source.type === "directory") {
    const { directory } = source;
    return { source: new DirectorySource({ directory, heraldNamespace: namespace, clock: systemClock }), ownPod: null };
  }
  const client = new KubeClient({ credentials: credentialsFor(source), clock: systemClock, userAgent: `herald/${VERSION}` });
  const ports = { client, clock: systemClock, random: Math.random };
  return {
    source: new KubernetesSource({ ...ports, heraldNamespace: namespace, serviceProxyName }),
    ownPod: new OwnPod({
      ...ports,
      namespace,
      name: process.env["POD_NAME"] ?? "",
      unknown: (why) => log({ event: "ownPod.unknown", why }),
    }),
  };
}

/** A client of its own: pauses that the server asks of Events and status are none for what is read. */
function reportTo({ source }: SpeakerConfig): ReportTo | null {
  if (source.type === "directory") return null;
  const credentials = credentialsFor(source);
  const client = new KubeClient({
    credentials,
    clock: systemClock,
    userAgent: `herald/${VERSION}`,
    budget: { perSecond: 5, burst: 10 },
  });
  return { client, version: VERSION };
}

/** A bad file changes nothing: what is in force stays. */
function reload(read: () => SpeakerConfig, speaker: Speaker, log: Log): void {
  try {
    speaker.reload(read());
  } catch (error) {
    log({ event: "speaker.reloadFailed", why: words(error) });
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
