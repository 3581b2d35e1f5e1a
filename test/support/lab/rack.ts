/** One speaker with a session to each of many routers, every one on a host of its own: the same routes as every product and kind of session shows them. */

import { Bird } from "./bird.ts";
import { Fabric } from "./fabric.ts";
import { Frr } from "./frr.ts";
import { Gobgp } from "./gobgp.ts";
import { Herald } from "./herald.ts";
import type { RawObject } from "./objects.ts";
import { rawNode, rawOwn } from "./objects.ts";
import type { Router, TablePath } from "./router.ts";
import { until } from "./wait.ts";

/** AS numbers of the two ends of a session. */
export interface SessionKind {
  readonly name: string;
  readonly heraldAsn: number;
  readonly routerAsn: number;
}

export interface RackSpec {
  readonly name: string;
  readonly products: readonly (keyof typeof PRODUCTS)[];
  readonly kinds: readonly SessionKind[];
  /** Both sides of every session that can offer RFC 8654. */
  readonly extendedMessages?: boolean;
  /** Further keys of the speaker's configuration. */
  readonly configuration?: RawObject;
}

export const PRODUCTS = { FRR: Frr, BIRD: Bird, gobgpd: Gobgp } as const;
/** Programs that the products need. */
export const RACK_TOOLS = ["root", "ip", "bgpd", "zebra", "vtysh", "bird", "birdc", "gobgpd", "gobgp"] as const;

export const NODE = { IPv4: "10.88.0.10", IPv6: "fd88::10" } as const;

/** A router of the rack and the session to it. */
export interface Neighbour {
  readonly product: keyof typeof PRODUCTS;
  readonly kind: SessionKind;
  /** Name of the BGPPeer. */
  readonly peer: string;
  readonly address: string;
  readonly router: Router;
}

export class Rack {
  readonly fabric: Fabric;
  readonly herald: Herald;
  readonly neighbours: readonly Neighbour[];

  constructor({ name, products, kinds, extendedMessages = false, configuration = {} }: RackSpec) {
    const pairs = products.flatMap((product) => kinds.map((kind) => ({ product, kind, host: `${product.toLowerCase()}-${kind.name}` })));
    const hosts = pairs.map((pair, index) => ({ ...pair, address: `10.88.0.${20 + index}` }));
    this.fabric = new Fabric(name, [
      { name: "node", addresses: [`${NODE.IPv4}/24`, `${NODE.IPv6}/64`] },
      ...hosts.map(({ host, address }) => ({ name: host, addresses: [`${address}/24`, `fd88::${address.split(".")[3]}/64`] })),
    ]);
    this.neighbours = hosts.map(({ product, kind, host, address }) => ({
      product,
      kind,
      peer: host,
      address,
      router: new PRODUCTS[product](this.fabric.host(host), {
        asn: kind.routerAsn,
        routerId: address,
        address,
        peers: [{ address: NODE.IPv4, asn: kind.heraldAsn, passive: true, families: ["IPv4", "IPv6"], extendedMessages }],
      }),
    }));
    this.herald = new Herald(this.fabric.host("node"), {
      node: "node",
      configuration: { weightHoldDown: "0s", weightTolerance: 0, announceHoldDown: false, ...configuration },
    });
    this.herald.cluster.write("node.json", [rawNode("node", { addresses: [NODE.IPv4, NODE.IPv6] })]);
    this.herald.cluster.write(
      "peers.json",
      this.neighbours.map(({ peer: peerName, kind, address }) =>
        rawOwn("BGPPeer", peerName, {
          myASN: kind.heraldAsn,
          peerASN: kind.routerAsn,
          peerAddress: address,
          families: ["IPv4", "IPv6"],
          extendedMessages,
        }),
      ),
    );
  }

  async start(): Promise<void> {
    await Promise.all(this.neighbours.map(({ router }) => router.start()));
    await this.herald.start();
    for (const { peer, router } of this.neighbours) await until(`${peer} is established`, async () => router.established(NODE.IPv4));
  }

  async close(): Promise<void> {
    await this.fabric.close();
  }
}

/** The only path of a prefix in a router's table, once `isRight`. @throws with the last one seen. */
export async function pathAt(neighbour: Neighbour, prefix: string, isRight: (path: TablePath) => boolean): Promise<TablePath> {
  const family = prefix.includes(":") ? "IPv6" : "IPv4";
  return until(`${neighbour.peer} holds ${prefix} as it should`, async () => {
    const paths = neighbour.router.table(family).get(prefix) ?? [];
    const [path] = paths;
    if (path === undefined || paths.length !== 1 || !isRight(path)) throw new Error(JSON.stringify(paths));
    return path;
  });
}
