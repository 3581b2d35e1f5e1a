import { assertNever, SpeakerError } from "../errors.ts";
import { BuiltinRouter } from "./builtin-router.ts";
import type { DaemonKind } from "./daemon-router.ts";
import { type DemoNode, type DemoRouter, LOOK_MILLIS, type RouterName } from "./router.ts";
import { SpeakerProcess } from "./speaker-process.ts";
import { Workspace } from "./workspace.ts";

const NODE_COUNT = 3;

export interface StageOptions {
  /** The bundle that speakers are started from. */
  readonly program: string;
  readonly router: RouterName;
  readonly signal: AbortSignal;
}

/** Router, speakers and cluster, with every session up and no Service yet. */
export class Stage {
  readonly router: DemoRouter;
  readonly workspace: Workspace;
  readonly speakers: SpeakerProcess[];
  /** Admin API of each speaker, by node name. */
  readonly urls: ReadonlyMap<string, string>;
  readonly #program: string;

  private constructor(
    program: string,
    router: DemoRouter,
    workspace: Workspace,
    speakers: SpeakerProcess[],
    urls: ReadonlyMap<string, string>,
  ) {
    this.#program = program;
    this.router = router;
    this.workspace = workspace;
    this.speakers = speakers;
    this.urls = urls;
  }

  /** @throws {SpeakerError} when a part does not come up; nothing is left behind then */
  static async open({ program, router: name, signal }: StageOptions): Promise<Stage> {
    const workspace = new Workspace();
    const speakers: SpeakerProcess[] = [];
    let router: DemoRouter | null = null;
    try {
      router = await createRouter(name, workspace);
      const { dials } = router;
      const nodes = nodesOf(dials);
      workspace.writePeers(router.peers(nodes));
      if (!dials) await router.start(nodes, new Map());
      for (const node of nodes) {
        speakers.push(new SpeakerProcess(program, node.name, workspace.writeConfiguration(node, dials), workspace.cluster));
      }
      const urls = new Map(await Promise.all(speakers.map(async (speaker) => [speaker.node, await adminUrl(speaker, signal)] as const)));
      if (dials) {
        const ports = await Promise.all(speakers.map(async (speaker) => [speaker.node, await bgpPort(speaker, signal)] as const));
        await router.start(nodes, new Map(ports));
      }
      await Promise.all(
        speakers.map((speaker) =>
          speaker.waitFor("its first look at the cluster", ({ event }) => event === "speaker.synced" || undefined, signal),
        ),
      );
      await allEstablished(router, speakers, signal);
      return new Stage(program, router, workspace, speakers, urls);
    } catch (error) {
      await close(router, speakers, workspace);
      throw error;
    }
  }

  /** Ends every process and removes every file. */
  close(): Promise<void> {
    return close(this.router, this.speakers, this.workspace);
  }

  /** The node's speaker ends as in a rollout, and the next one comes. @throws {SpeakerError} when it does not come up */
  async restart(name: string, signal: AbortSignal): Promise<void> {
    const { router, workspace, speakers } = this;
    const index = speakers.findIndex(({ node }) => node === name);
    const before = speakers[index];
    const node = nodesOf(router.dials)[index];
    if (before === undefined || node === undefined) throw new Error(`the demo has no node ${name}`);
    // The router calls where the speaker was.
    const port = router.dials ? await bgpPort(before, signal) : 0;
    const configuration = workspace.writeConfiguration(node, router.dials, port);
    await before.stop();
    const speaker = new SpeakerProcess(this.#program, name, configuration, workspace.cluster);
    speakers[index] = speaker;
    await speaker.waitFor("its first look at the cluster", ({ event }) => event === "speaker.synced" || undefined, signal);
    await speaker.waitFor("its session", ({ event }) => event === "peer.established" || undefined, signal);
    await allEstablished(router, speakers, signal);
  }

  /** @throws {SpeakerError} when a speaker has ended by itself */
  requireSpeakers(): void {
    requireRunning(this.speakers);
  }
}

function requireRunning(speakers: readonly SpeakerProcess[]): void {
  const ended = speakers.find(({ running }) => !running);
  if (ended !== undefined)
    throw new SpeakerError("UNREACHABLE", `the speaker of ${ended.node} ended: ${ended.lastWords.replace(/^herald: /, "")}`);
}

async function createRouter(name: RouterName, workspace: Workspace): Promise<DemoRouter> {
  switch (name) {
    case "builtin":
      return new BuiltinRouter();
    case "frr":
      return prepareDaemon((await import("./frr.ts")).FRR, workspace.subdirectory(name));
    case "gobgp":
      return prepareDaemon((await import("./gobgp.ts")).GOBGP, workspace.subdirectory(name));
    case "bird":
      return prepareDaemon((await import("./bird.ts")).BIRD, workspace.subdirectory(name));
    default:
      return assertNever(name);
  }
}

async function prepareDaemon(kind: DaemonKind, directory: string): Promise<DemoRouter> {
  const { DaemonRouter } = await import("./daemon-router.ts");
  return DaemonRouter.prepare(kind, directory);
}

function nodesOf(routerDials: boolean): DemoNode[] {
  return Array.from({ length: NODE_COUNT }, (_, index) => ({
    name: `node-${index + 1}`,
    routerId: `10.0.0.${index + 1}`,
    sessionAddress: routerDials ? "127.0.0.1" : `127.0.0.${index + 11}`,
  }));
}

function adminUrl(speaker: SpeakerProcess, signal: AbortSignal): Promise<string> {
  return speaker.waitFor(
    "its admin API",
    ({ event, fields }) => (event === "admin.ready" && typeof fields["listen"] === "string" ? fields["listen"] : undefined),
    signal,
  );
}

function bgpPort(speaker: SpeakerProcess, signal: AbortSignal): Promise<number> {
  return speaker.waitFor(
    "its BGP port",
    ({ event, fields }) => (event === "listener.ready" && typeof fields["port"] === "number" ? fields["port"] : undefined),
    signal,
  );
}

async function allEstablished(router: DemoRouter, speakers: readonly SpeakerProcess[], signal: AbortSignal): Promise<void> {
  while ((await router.established()) < speakers.length) {
    if (signal.aborted) throw new SpeakerError("UNREACHABLE", `${router.product}: the sessions did not come up in time`);
    await router.changed(signal, LOOK_MILLIS);
    requireRunning(speakers);
  }
}

async function close(router: DemoRouter | null, speakers: readonly SpeakerProcess[], workspace: Workspace): Promise<void> {
  await Promise.all(speakers.map((speaker) => speaker.stop()));
  await router?.stop();
  workspace.remove();
}
