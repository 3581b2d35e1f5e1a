import type { ObjectReader } from "../../kube/meta-messages.ts";
import type { Selection } from "../../kube/resource.ts";
import { DEFINITIONS, GROUP, VERSION } from "../../objects/definitions.ts";
import type { Kind } from "../../objects/kinds.ts";
import { endpointSliceMessage, namespaceMessage, nodeMessage, serviceMessage } from "./messages.ts";

/** One kind that is read from an API server, and the part of it that the server is asked for. */
export interface WatchedResource {
  readonly kind: Kind;
  /** As its objects say it; the items of a list leave it out. */
  readonly apiVersion: string;
  readonly selection: Selection;
}

/** Slices that no service proxy of ours serves: kube-proxy leaves them out with the same words. */
const HEADLESS = "!service.kubernetes.io/headless";
const FOREIGN_PROXY = "!service.kubernetes.io/service-proxy-name";

/** Every kind, what others refer to first. Our own come from Herald's namespace alone. */
export function watchedResources(options: {
  readonly heraldNamespace: string;
  /** "" = none. */
  readonly serviceProxyName: string;
  /** Kinds that are not asked for. */
  readonly omitKinds?: readonly Kind[];
}): readonly WatchedResource[] {
  const core = (kind: Kind, plural: string, read: ObjectReader): WatchedResource => ({
    kind,
    apiVersion: "v1",
    selection: { group: "", version: "v1", plural, namespace: null, read },
  });
  const all: readonly WatchedResource[] = [
    core("Namespace", "namespaces", namespaceMessage),
    core("Node", "nodes", nodeMessage),
    ...DEFINITIONS.map(
      ({ kind, plural }): WatchedResource => ({
        kind,
        apiVersion: `${GROUP}/${VERSION}`,
        selection: { group: GROUP, version: VERSION, plural, namespace: options.heraldNamespace },
      }),
    ),
    core("Service", "services", serviceMessage),
    {
      kind: "EndpointSlice",
      apiVersion: "discovery.k8s.io/v1",
      selection: {
        group: "discovery.k8s.io",
        version: "v1",
        plural: "endpointslices",
        namespace: null,
        read: endpointSliceMessage,
        // Whoever serves a proxy's name has slices that bear it.
        labelSelector: options.serviceProxyName === "" ? `${HEADLESS},${FOREIGN_PROXY}` : HEADLESS,
      },
    },
  ];
  return all.filter(({ kind }) => options.omitKinds?.includes(kind) !== true);
}
