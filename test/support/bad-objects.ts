/** Mistakes people make, as they write them, and what Herald answers. Each is a file of its own beside good objects. */

export interface Mistake {
  /** Also the name of its file. */
  readonly name: string;
  readonly yaml: string;
  /** `LINE:COLUMN: severity: KIND NAME FIELD: words`, each a line of `herald validate` about this file; only how it starts. */
  readonly findings: readonly string[];
}

const OURS = "apiVersion: herald.dev/v1alpha1";

/** A Service on node n1 that is announced to the peer `tor`, whatever stands beside it. */
export function goodObjects(peerPort: number): string {
  return `apiVersion: v1
kind: Node
metadata: { name: n1, labels: { rack: a } }
status:
  addresses: [{ type: InternalIP, address: 10.0.0.1 }]
  conditions: [{ type: Ready, status: "True" }]
---
${OURS}
kind: BGPPeer
metadata: { name: tor }
spec: { myASN: 65001, peerASN: 65000, peerAddress: 127.0.0.1, peerPort: ${peerPort}, nextHopSource: NodeInternalIP }
---
${OURS}
kind: BGPAdvertisement
metadata: { name: good }
spec:
  serviceSelectors: [{ matchLabels: { herald.dev/service-name: good } }]
  communities: ["65000:1"]
---
${serviceWith("good", "203.0.113.1")}`;
}

export const GOOD_PREFIX = "203.0.113.1/32";

function serviceWith(name: string, address: string, spec = ""): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: LoadBalancer, ${spec} }
status: { loadBalancer: { ingress: [{ ip: "${address}" }] } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [10.1.0.1], nodeName: n1, conditions: { ready: true } }]
`;
}

function advertisement(name: string, ...spec: readonly string[]): string {
  return `${OURS}\nkind: BGPAdvertisement\nmetadata: { name: ${name} }\nspec:\n${spec.map((line) => `  ${line}\n`).join("")}`;
}

const ADV = "BGPAdvertisement herald-system/";
const ALL = "serviceSelectors: [{ matchLabels: { herald.dev/service-name: good } }]";

/** What `validate` finds in the directory of all of them together. */
export const MISTAKES: readonly Mistake[] = [
  {
    name: "contradiction",
    yaml: [advertisement("loud", "localPref: 200", ALL), advertisement("soft", "localPref: 50", ALL)].join("---\n"),
    findings: [
      `12:14: warning: ${ADV}soft spec.localPref: the owners of 203.0.113.1/32 disagree: localPref 50 by soft, 200 by loud: 200 counts`,
    ],
  },
  {
    name: "selects-nothing",
    yaml: [
      advertisement("nobody", "serviceSelectors:", "  - matchLabels: { app: none }", "nodeSelectors:", "  - matchLabels: { rack: z }"),
      `${OURS}\nkind: BGPPeer\nmetadata: { name: nowhere }\nspec:\n  myASN: 65001\n  peerASN: 65000\n  peerAddress: 192.0.2.9\n  nodeSelectors: [{ matchLabels: { rack: z } }]\n`,
    ].join("---\n"),
    findings: [
      `6:5: warning: ${ADV}nobody spec.serviceSelectors: matches no Service`,
      `8:5: warning: ${ADV}nobody spec.nodeSelectors: matches none of the 1 Nodes`,
      "17:18: warning: BGPPeer herald-system/nowhere spec.nodeSelectors: matches none of the 1 Nodes: nobody peers with it",
    ],
  },
  {
    name: "unknown-names",
    yaml: advertisement("names", ALL, "peers: [tro]", "ipAddressPools: [main]", "communities: [no-exports]"),
    findings: [
      `6:11: warning: ${ADV}names spec.peers[0]: there is no BGPPeer "tro"; it announces to nobody`,
      `7:20: warning: ${ADV}names spec.ipAddressPools[0]: there is no IPAddressPool "main"`,
      `8:17: error: ${ADV}names spec.communities[0]: "no-exports" is neither a community nor an alias of a Community object: did you mean no-export?`,
    ],
  },
  {
    name: "overlap",
    yaml: [
      advertisement("wide", "addresses: [ExternalIP]", "blocks:", "  - 198.18.0.0/15"),
      advertisement("narrow", "addresses: [ExternalIP]", "med: 7", "blocks: [198.18.0.0/16]"),
    ].join("---\n"),
    findings: [
      `7:7: warning: ${ADV}wide spec.blocks[0]: addresses inside block 198.18.0.0/15 that no Service has loop`,
      `15:12: warning: ${ADV}narrow spec.blocks[0]: addresses inside block 198.18.0.0/16 that no Service has loop`,
      `15:12: warning: ${ADV}narrow spec.blocks[0]: 198.18.0.0/16 lies inside 198.18.0.0/15 of advertisement wide: routers follow the longer prefix, so what that one says otherwise (med)`,
    ],
  },
  {
    name: "local-in-block",
    yaml: [
      advertisement("block", "addresses: [ExternalIP]", "blocks: [192.0.2.0/24]"),
      serviceWith("local", "192.0.2.7", "externalTrafficPolicy: Local"),
    ].join("---\n"),
    findings: [`6:12: warning: ${ADV}block spec.blocks[0]: addresses inside block 192.0.2.0/24`],
  },
  {
    name: "host-bits",
    yaml: advertisement("bits", "cidrs: [203.0.113.5/24]"),
    findings: [`5:11: error: ${ADV}bits spec.cidrs[0]: "203.0.113.5/24" has host bits: did you mean 203.0.113.0/24?`],
  },
  {
    name: "wrong-family",
    yaml: `${OURS}\nkind: BGPPeer\nmetadata: { name: six }\nspec:\n  myASN: 65001\n  peerASN: 65000\n  peerAddress: 192.0.2.9\n  nextHop: { ipv4: "2001:db8::1" }\n`,
    findings: ['8:20: error: BGPPeer herald-system/six spec.nextHop.ipv4: "2001:db8::1" is an IPv6 address'],
  },
  {
    name: "pools",
    yaml: `${OURS}\nkind: IPAddressPool\nmetadata: { name: odd }\nspec:\n  addresses:\n    - 192.0.2.9-192.0.2.1\n    - 192.0.2.9-2001:db8::1\n`,
    findings: [
      '6:7: error: IPAddressPool herald-system/odd spec.addresses[0]: "192.0.2.9-192.0.2.1" runs backwards: write 192.0.2.1-192.0.2.9',
      '7:7: error: IPAddressPool herald-system/odd spec.addresses[1]: "192.0.2.9-2001:db8::1" mixes IPv4 and IPv6',
    ],
  },
  {
    name: "aliases",
    yaml: `${OURS}
kind: Community
metadata: { name: shadow }
spec: { communities: [{ name: no-export, value: "65000:1" }] }
---
${OURS}
kind: Community
metadata: { name: unreadable }
spec: { communities: [{ name: blue, value: "70000:1" }] }
---
${OURS}
kind: Community
metadata: { name: first }
spec: { communities: [{ name: green, value: "65000:1" }] }
---
${OURS}
kind: Community
metadata: { name: second }
spec: { communities: [{ name: green, value: "65000:2" }] }
`,
    findings: [
      '4:31: error: Community herald-system/shadow spec.communities[0].name: "no-export" is a community of its own',
      '9:44: error: Community herald-system/unreadable spec.communities[0].value: community "70000:1"',
      '19:31: warning: Community herald-system/second spec.communities[0].name: alias "green" is 65000:1 in Community first',
    ],
  },
  {
    name: "shared-address",
    yaml: [
      advertisement(
        "sharing",
        "serviceSelectors:",
        "  - matchExpressions: [{ key: herald.dev/service-name, operator: In, values: [one, two] }]",
      ),
      serviceWith("one", "203.0.113.9", "externalTrafficPolicy: Local"),
      serviceWith("two", "203.0.113.9", "externalTrafficPolicy: Local").replace("nodeName: n1", "nodeName: n2"),
    ].join("---\n"),
    findings: ["8:1: warning: Service default/one: 203.0.113.9 is shared by default/one, default/two, and no node has endpoints of all"],
  },
  {
    name: "odd-names",
    yaml: [
      serviceWith("__proto__", "203.0.113.20"),
      serviceWith("constructor", "203.0.113.21"),
      serviceWith('"ünï|code"', "203.0.113.22").replaceAll('"ünï|code"-1', '"ünï-1"'),
      'apiVersion: v1\nkind: Service\nmetadata: { name: "a/b" }\nspec: { clusterIP: 10.96.0.9 }\n',
      'apiVersion: v1\nkind: Node\nmetadata: { name: "n1\\n" }\n',
    ].join("---\n"),
    findings: ['39:19: error: Service metadata.name: "a/b" is not a name', '44:19: error: Node metadata.name: "n1\\n" is not a name'],
  },
  {
    name: "contradicting-fields",
    yaml: `${OURS}\nkind: BGPPeer\nmetadata: { name: twice }\nspec:\n  myASN: 65001\n  peerASN: 65000\n  peerAddress: 192.0.2.9\n  ebgpMultiHop: true\n  ttlSecurityHops: 2\n`,
    findings: ["9:3: error: BGPPeer herald-system/twice spec.ttlSecurityHops: ttlSecurityHops excludes ebgpMultiHop and multihopTTL"],
  },
  {
    name: "not-yaml",
    yaml: "apiVersion: v1\nkind: [Service\nmetadata: {",
    findings: ["3:"],
  },
];
