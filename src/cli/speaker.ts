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
import type { Source } from "../source/source.ts";
import { Speaker } from "../speaker/speaker.ts";
import { EXIT } from "./failure.ts";
import type { SpeakerFlags } from "./program.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Runs until SIGTERM, SIGINT, or the end of the source. @throws {SpeakerError} when it cannot start */
export async function runSpeaker(flags: SpeakerFlags): Promise<number> {
  const read = (): SpeakerConfig => loadConfig(flags.config ?? null, { flags });
  const config = read();
  const log = createLog(config.log);
  const metrics = new Metrics({ version: VERSION, commit: COMMIT });
  const speaker = new Speaker({ config, source: createSource(config), log, metrics, clock: systemClock });
  const admin = new AdminServer(config.admin, {
    view: speaker.view,
    commands: speaker.commands,
    metrics,
    onCommand: (command, from) => log({ event: "admin.command", command, from }),
    onFault: (what, cause) => log({ event: "admin.fault", what, why: words(cause) }),
  });

  // Before anything says that it is ready: a signal without its handler ends the process.
  const stop = stopAsked(flags.whileStdin === true);
  process.on("SIGHUP", () => reload(read, speaker, log));
  let started = false;
  try {
    const { urls } = await admin.start();
    await speaker.start();
    started = true;
    for (const listen of urls) log({ event: "admin.ready", listen });
    rehearseInTurns(REHEARSALS);
    await Promise.race([speaker.finished, stop]);
  } finally {
    // An input that is read keeps the process alive.
    if (flags.whileStdin === true) process.stdin.destroy();
    // The last resort: a socket that does not end must not hold the node's shutdown up.
    const deadline = setTimeout(() => process.exit(EXIT.failed), speaker.stopMillis);
    await Promise.all([started ? speaker.stop() : null, admin.stop()]);
    clearTimeout(deadline);
  }
  return EXIT.done;
}

/** Warms the path of a dump up while the first dial waits its random while; the event loop has a turn between any two. */
function rehearseInTurns(left: number): void {
  if (left === 0) return;
  setImmediate(() => {
    rehearse();
    rehearseInTurns(left - 1);
  });
}

function createSource({ source, namespace, serviceProxyName }: SpeakerConfig): Source {
  if (source.type === "directory")
    return new DirectorySource({ directory: source.directory, heraldNamespace: namespace, clock: systemClock });
  const client = new KubeClient({ credentials: credentialsFor(source), clock: systemClock, userAgent: `herald/${VERSION}` });
  return new KubernetesSource({ client, heraldNamespace: namespace, serviceProxyName, clock: systemClock, random: Math.random });
}

/** A bad file changes nothing: what is in force stays. */
function reload(read: () => SpeakerConfig, speaker: Speaker, log: Log): void {
  try {
    speaker.reload(read());
  } catch (error) {
    log({ event: "speaker.reloadFailed", why: words(error) });
  }
}

/** Resolves with the first SIGTERM or SIGINT; the second ends the process at once. Standard input that ends counts as the first. */
function stopAsked(whileStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (code: number): void => {
      if (asked) process.exit(code);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", () => ask(143));
    process.on("SIGINT", () => ask(130));
    if (!whileStdin) return;
    const ended = (): void => {
      if (!asked) ask(EXIT.done);
    };
    process.stdin.once("end", ended).once("error", ended).resume();
  });
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
