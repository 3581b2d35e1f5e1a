/** Kubernetes objects as a test writes them into a directory source: many Services in one JSON file, attributes by label. */

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Attributes that one BGPAdvertisement gives to the Services labelled `set: <name>`. */
export interface AttributeSet {
  readonly name: string;
  readonly communities?: readonly string[];
  readonly med?: number;
  readonly localPref?: number;
  readonly asPathPrepend?: number;
}

export interface ServiceSpec {
  readonly name: string;
  readonly set: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface PeerSpec {
  readonly name: string;
  readonly myASN: number;
  readonly peerASN: number;
  readonly peerAddress: string;
  readonly passive?: boolean;
  readonly families?: readonly ("IPv4" | "IPv6")[];
  readonly holdTime?: string;
  readonly sendHoldTime?: string;
  readonly nextHopSource?: "Session" | "NodeInternalIP";
  readonly connectTime?: string;
  readonly password?: string;
  readonly passwordSecret?: { readonly name: string };
  readonly ttlSecurityHops?: number;
  readonly multihopTTL?: number;
  readonly sourceAddress?: string;
  readonly vrf?: string;
  readonly bfdProfile?: string;
}

/** Service `index` of a run, 0 to 131,071, its addresses from the documentation ranges. */
export function serviceAt(index: number, set: string): ServiceSpec {
  const [block, high, low] = [index >> 16, (index >> 8) & 0xff, index & 0xff];
  const ipv6 = `${block === 0 ? "" : `${block.toString(16)}:`}${(index & 0xffff).toString(16)}`;
  return { name: `service-${index}`, set, ipv4: `198.${18 + block}.${high}.${low}`, ipv6: `2001:db8::${ipv6}` };
}

export class ClusterDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  /** The Node that Herald runs on, with the addresses it forwards at. */
  node(name: string, addresses: readonly string[]): void {
    this.write("node.json", [
      {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name },
        status: {
          addresses: addresses.map((address) => ({ type: "InternalIP", address })),
          conditions: [{ type: "Ready", status: "True" }],
        },
      },
    ]);
  }

  peers(peers: readonly PeerSpec[]): void {
    this.write(
      "peers.json",
      peers.map(({ name, ...spec }) => ({
        apiVersion: "herald.dev/v1alpha1",
        kind: "BGPPeer",
        metadata: { name, namespace: "herald-system" },
        spec,
      })),
    );
  }

  /** Secrets with a password each, by name. */
  secrets(passwords: Readonly<Record<string, string>>): void {
    this.write(
      "secrets.json",
      Object.entries(passwords).map(([name, password]) => ({
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/basic-auth",
        metadata: { name, namespace: "herald-system" },
        data: { password: Buffer.from(password, "utf8").toString("base64") },
      })),
    );
  }

  attributes(sets: readonly AttributeSet[]): void {
    this.write(
      "advertisements.json",
      sets.map(({ name, ...attributes }) => ({
        apiVersion: "herald.dev/v1alpha1",
        kind: "BGPAdvertisement",
        metadata: { name, namespace: "herald-system" },
        spec: { addresses: ["LoadBalancerIP"], serviceSelectors: [{ matchLabels: { set: name } }], ...attributes },
      })),
    );
  }

  services(services: readonly ServiceSpec[]): void {
    this.write("services.json", services.flatMap(objectsOf));
  }

  /** Replaces a file in one step, as careful people do. */
  write(file: string, items: readonly unknown[]): void {
    const temporary = join(this.path, `.${file}.tmp`);
    writeFileSync(temporary, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    renameSync(temporary, join(this.path, file));
  }
}

function objectsOf(service: ServiceSpec): unknown[] {
  const metadata = { name: service.name, namespace: "default" };
  const slice = (family: "IPv4" | "IPv6", address: string): unknown => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${service.name}-${family.toLowerCase()}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": service.name },
    },
    addressType: family,
    endpoints: [{ addresses: [address], nodeName: "elsewhere", conditions: { ready: true } }],
    ports: [{ port: 80 }],
  });
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, labels: { set: service.set } },
      spec: { type: "LoadBalancer", clusterIPs: [], ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress: [{ ip: service.ipv4 }, { ip: service.ipv6 }] } },
    },
    slice("IPv4", "10.244.0.1"),
    slice("IPv6", "fd44::1"),
  ];
}
