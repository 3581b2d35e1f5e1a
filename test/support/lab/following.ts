import { systemClock } from "../../../src/clock.ts";
import { KubeClient, type WatchQuery } from "../../../src/kube/client.ts";
import type { Credentials } from "../../../src/kube/credentials.ts";
import { KubernetesSource } from "../../../src/source/kubernetes/kubernetes-source.ts";
import { RecordingSink } from "../recording-sink.ts";
import type { ApiServer } from "./api-server.ts";
import { NAMESPACES, NODES, PEERS, servicesIn, slicesIn } from "./cluster-kinds.ts";
import { until } from "./wait.ts";

/** One round of a watch that died without a word (15 s), and the pauses between attempts on a machine that has other things to do. */
const PATIENCE_MILLIS = 120_000;

/** The source of a speaker, in this process: what it holds, and what it asked for. */
export class Following {
  readonly sink = new RecordingSink();
  readonly watches: (WatchQuery & { readonly plural: string })[] = [];
  /** Plurals of lists that were begun. */
  readonly lists: string[] = [];
  readonly #source: KubernetesSource;
  readonly #controller = new AbortController();
  readonly #ended: Promise<void>;

  constructor(credentials: Credentials) {
    const client = new KubeClient({ credentials, clock: systemClock, userAgent: "herald/test" });
    const seen: Pick<KubeClient, "list" | "watch" | "check" | "close"> = {
      list: (selection, page, signal) => {
        this.lists.push(selection.plural);
        return client.list(selection, page, signal);
      },
      watch: (selection, query, signal) => {
        this.watches.push({ ...query, plural: selection.plural });
        return client.watch(selection, query, signal);
      },
      check: () => client.check(),
      close: () => client.close(),
    };
    this.#source = new KubernetesSource({
      client: seen,
      heraldNamespace: "herald-system",
      serviceProxyName: "",
      clock: systemClock,
      random: Math.random,
    });
    this.#ended = this.#source.run(this.sink, this.#controller.signal);
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#ended;
  }

  /** How often kinds were begun anew after a failure of that condition; of any without one. */
  restarts(condition?: string): number {
    const counted = [...this.#source.restarts()].filter(({ cause }) => condition === undefined || cause === condition);
    return counted.reduce((sum, { count }) => sum + count, 0);
  }

  /** Names the source and the server agree on, once they do, of namespaces, nodes, peers and what is in `shop`. */
  async agree(server: ApiServer): Promise<readonly string[]> {
    return await until(
      "the source holds what the server has",
      async () => {
        const wanted = await truthOf(server);
        const held = this.sink.names.filter(
          (name) => KINDS.some((kind) => name.startsWith(`${kind} `)) && name !== "Service default/kubernetes",
        );
        return JSON.stringify(held) === JSON.stringify(wanted) && wanted;
      },
      PATIENCE_MILLIS,
    );
  }
}

const KINDS = ["Namespace", "Node", "Service", "EndpointSlice", "BGPPeer"];

async function truthOf(server: ApiServer): Promise<readonly string[]> {
  const places = [NAMESPACES, NODES, servicesIn("shop"), slicesIn("shop"), PEERS];
  const lists = await Promise.all(places.map((place) => server.list(place)));
  const names = lists.flatMap((list, index) => (list ?? []).map((name) => `${KINDS[index]} ${name.replace(/^\//, "")}`));
  return names.sort();
}
