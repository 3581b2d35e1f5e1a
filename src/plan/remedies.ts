import type { ReasonCode } from "./reasons.ts";

/** What would change the answer. */
export const REMEDIES: Readonly<Record<ReasonCode, string>> = {
  serviceDeleted: "create the Service again",
  noAddress: "give the Service an address: allocate a load balancer IP or list externalIPs",
  foreignProxy: "remove the label service.kubernetes.io/service-proxy-name, or set serviceProxyName to its value",
  loadBalancerClassMismatch: "set loadBalancerClass of the speaker to the Service's, or leave it to the one that owns the class",
  noMatchingAdvertisement: "create a BGPAdvertisement that asks for this kind of address and selects Service, namespace and node",
  ipNotAllowed: "add a CIDR or pool with the address to the advertisement",
  nodeLabeledExcludeBalancers: "remove the label from the node, or set ignoreExcludeLabel: true",
  nodeNetworkUnavailable: "repair the node's network: its plugin clears the condition",
  nodeDrained: "undrain the node: herald undrain, or remove its taint; POST /api/v1/undrain where its speaker alone was drained",
  noEndpoints: "make a pod of the Service ready, or set withoutEndpoints: Announce",
  noLocalEndpoints: "run a ready pod on this node, or use traffic policy Cluster",
  endpointsTerminating: "wait for a new pod on this node, or use endpointPolicy: Serving to keep established connections",
  dataplaneNotReady: "wait for the node's service proxy, or look at its health; dataplaneGate: Off announces without asking it",
  peerNotSelected: "name the peer in the advertisement's peers, or let the peer's nodeSelectors match this node",
  peerFamilyNotNegotiated: "add the family to the peer's families here and on the router",
  announcerLimit: "nothing is wrong: other nodes announce it; raise maxAnnouncers to have more of them",
  noNextHop: "set nextHop on the peer, or nextHopSource: NodeInternalIP with an InternalIP of the family on the Node",
  heldDown: "wait, and find out why its endpoints come and go (herald events); announceHoldDown: false announces at once",
  announceLimit: "raise the peer's announceLimit",
};
