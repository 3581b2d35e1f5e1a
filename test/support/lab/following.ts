import { systemClock } from "../../../src/clock.ts";
import { KubeClient, type WatchQuery } from "../../../src/kube/client.ts";
import type { Credentials } from "../../../src/kube/credentials.ts";
import type { Resource } from "../../../src/kube/resource.ts";
import { DEFINITIONS, GROUP, VERSION } from "../../../src/objects/definitions.ts";
import { KubernetesSource } from "../../../src/source/kubernetes/kubernetes-source.ts";
import { watchedResources } from "../../../src/source/kubernetes/resources.ts";
import { RecordingSink } from "../recording-sink.ts";
import { type ApiServer, resource } from "./api-server.ts";
import { NAMESPACES, NODES, servicesIn, slicesIn } from "./cluster-kinds.ts";
import { until } from "./wait.ts";

/** One round of a watch that died without a word (15 s), and the pauses between attempts on a machine that has other things to do. */
const PATIENCE_MILLIS = 120_000;

/** Kinds that a speaker follows, one watch each. */
export const FOLLOWED_KINDS = watchedResources({ heraldNamespace: "herald-system", serviceProxyName: "" }).length;

/** The source of a speaker, in this process: what it holds, and what it asked for. */
export class Following {
  readonly sink = new RecordingSink();
  readonly watches: (WatchQuery & { readonly plural: string })[] = [];
  /** Plurals of lists that were begun. */
  readonly lists: string[] = [];
  readonly source: KubernetesSource;
  readonly #controller = new AbortController();
  readonly #ended: Promise<void>;

  constructor(credentials: Credentials) {
    const client = new KubeClient({ credentials, clock: systemClock, userAgent: "herald/test" });
    const seen: Pick<KubeClient, "list" | "watch" | "get" | "check" | "close"> = {
      list: (selection, page, signal) => {
        this.lists.push(selection.plural);
        return client.list(selection, page, signal);
      },
      watch: (selection, query, signal) => {
        this.watches.push({ ...query, plural: selection.plural });
        return client.watch(selection, query, signal);
      },
      get: (place, name, signal) => client.get(place, name, signal),
      check: () => client.check(),
      close: () => client.close(),
    };
    this.source = new KubernetesSource({
      client: seen,
      heraldNamespace: "herald-system",
      serviceProxyName: "",
      clock: systemClock,
      random: Math.random,
    });
    this.#ended = this.source.run(this.sink, this.#controller.signal);
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#ended;
  }

  /** How often kinds were begun anew after a failure of that condition; of any without one. */
  restarts(condition?: string): number {
    const counted = [...this.source.restarts()].filter(({ cause }) => condition === undefined || cause === condition);
    return counted.reduce((sum, { count }) => sum + count, 0);
  }

  /** Names the source and the server agree on, once they do: of everything in the cluster but what is in other namespaces than `shop` and ours. */
  async agree(server: ApiServer): Promise<readonly string[]> {
    return await until(
      "the source holds what the server has",
      async () => {
        const wanted = await truthOf(server);
        const held = this.sink.names.filter((name) => name !== "Service default/kubernetes");
        return JSON.stringify(held) === JSON.stringify(wanted) && wanted;
      },
      PATIENCE_MILLIS,
    );
  }
}

const PLACES: readonly (readonly [kind: string, place: Resource])[] = [
  ["Namespace", NAMESPACES],
  ["Node", NODES],
  ["Service", servicesIn("shop")],
  ["EndpointSlice", slicesIn("shop")],
  ...DEFINITIONS.map(({ kind, plural }) => [kind, resource(GROUP, VERSION, plural, "herald-system")] as const),
];

async function truthOf(server: ApiServer): Promise<readonly string[]> {
  const lists = await Promise.all(
    PLACES.map(async ([kind, place]) => ((await server.list(place)) ?? []).map((name) => `${kind} ${name.replace(/^\//, "")}`)),
  );
  return lists.flat().sort();
}
