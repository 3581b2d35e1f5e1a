/**
 * Kinds of Kubernetes in the messages of an API server (`generated.proto` of k8s.io/api, whose numbers never change): what their projections read, in the
 * shape that JSON gives it. Everything else is passed over.
 */
import type { Message } from "../../kube/message.ts";
import { type Fields, metadataOf } from "../../kube/meta-messages.ts";

/** core/v1.Namespace. */
export function namespaceMessage(message: Message): Fields {
  let metadata: Fields = {};
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 1) metadata = message.within(metadataOf);
  return { apiVersion: "v1", kind: "Namespace", metadata };
}

/** core/v1.Service. */
export function serviceMessage(message: Message): Fields {
  let metadata: Fields = {};
  let spec: Fields = {};
  let status: Fields = {};
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) metadata = message.within(metadataOf);
    else if (field === 2) spec = message.within(serviceSpec);
    else if (field === 3) status = message.within(serviceStatus);
  }
  return { apiVersion: "v1", kind: "Service", metadata, spec, status };
}

/** discovery/v1.EndpointSlice. */
export function endpointSliceMessage(message: Message): Fields {
  let metadata: Fields = {};
  let addressType: string | undefined;
  const endpoints: Fields[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) metadata = message.within(metadataOf);
    else if (field === 2) endpoints.push(message.within(endpoint));
    else if (field === 4) addressType = message.word();
  }
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType, endpoints };
}

/** core/v1.Node. */
export function nodeMessage(message: Message): Fields {
  let metadata: Fields = {};
  let spec: Fields = {};
  let status: Fields = {};
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) metadata = message.within(metadataOf);
    else if (field === 2) spec = message.within(nodeSpec);
    else if (field === 3) status = message.within(nodeStatus);
  }
  return { apiVersion: "v1", kind: "Node", metadata, spec, status };
}

function serviceSpec(message: Message): Fields {
  const ports: Fields[] = [];
  const selector: Record<string, string> = {};
  const externalIPs: string[] = [];
  const clusterIPs: string[] = [];
  const ipFamilies: string[] = [];
  const spec: Record<string, unknown> = { ports, selector, externalIPs, clusterIPs, ipFamilies };
  for (let field = message.next(); field !== 0; field = message.next()) {
    switch (field) {
      case 1:
        ports.push(message.within(servicePort));
        break;
      case 2:
        message.entry(selector);
        break;
      case 3:
        spec["clusterIP"] = message.text();
        break;
      case 4:
        spec["type"] = message.word();
        break;
      case 5:
        externalIPs.push(message.text());
        break;
      case 8:
        spec["loadBalancerIP"] = message.text();
        break;
      case 11:
        spec["externalTrafficPolicy"] = message.word();
        break;
      case 12:
        spec["healthCheckNodePort"] = message.number();
        break;
      case 13:
        spec["publishNotReadyAddresses"] = message.boolean();
        break;
      case 17:
        spec["ipFamilyPolicy"] = message.word();
        break;
      case 18:
        clusterIPs.push(message.text());
        break;
      case 19:
        ipFamilies.push(message.word());
        break;
      case 21:
        spec["loadBalancerClass"] = message.word();
        break;
      case 22:
        spec["internalTrafficPolicy"] = message.word();
        break;
      default:
    }
  }
  return spec;
}

function servicePort(message: Message): Fields {
  let protocol = "";
  let port = 0;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 2) protocol = message.word();
    else if (field === 3) port = message.number();
  }
  return { protocol, port };
}

function serviceStatus(message: Message): Fields {
  let loadBalancer: Fields = {};
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 1) loadBalancer = message.within(balancerStatus);
  return { loadBalancer };
}

function balancerStatus(message: Message): Fields {
  const ingress: Fields[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 1) ingress.push(message.within(ingressPoint));
  return { ingress };
}

function ingressPoint(message: Message): Fields {
  let ip: string | undefined;
  let ipMode: string | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) ip = message.text();
    else if (field === 3) ipMode = message.word();
  }
  return { ip, ipMode };
}

function endpoint(message: Message): Fields {
  let address: string | undefined;
  let conditions: Fields = {};
  let targetRef: Fields = {};
  let nodeName: string | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) address ??= message.text();
    else if (field === 2) conditions = message.within(endpointConditions);
    else if (field === 4) targetRef = message.within(objectReference);
    else if (field === 6) nodeName = message.word();
  }
  // Nobody reads a second one.
  return { addresses: address === undefined ? [] : [address], conditions, targetRef, nodeName };
}

function endpointConditions(message: Message): Fields {
  let ready: boolean | undefined;
  let serving: boolean | undefined;
  let terminating: boolean | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) ready = message.boolean();
    else if (field === 2) serving = message.boolean();
    else if (field === 3) terminating = message.boolean();
  }
  return { ready, serving, terminating };
}

function objectReference(message: Message): Fields {
  let kind = "";
  let name = "";
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) kind = message.word();
    else if (field === 3) name = message.text();
  }
  return { kind, name };
}

function nodeSpec(message: Message): Fields {
  let unschedulable = false;
  const taints: Fields[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 4) unschedulable = message.boolean();
    else if (field === 5) taints.push(message.within(taint));
  }
  return { unschedulable, taints };
}

function taint(message: Message): Fields {
  let key: string | undefined;
  let value: string | undefined;
  let effect: string | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) key = message.word();
    else if (field === 2) value = message.word();
    else if (field === 3) effect = message.word();
  }
  return { key, value, effect };
}

function nodeStatus(message: Message): Fields {
  const conditions: Fields[] = [];
  const addresses: Fields[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 4) conditions.push(message.within(nodeCondition));
    else if (field === 5) addresses.push(message.within(nodeAddress));
  }
  return { conditions, addresses };
}

function nodeCondition(message: Message): Fields {
  let type = "";
  let status = "";
  let words = "";
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) type = message.word();
    else if (field === 2) status = message.word();
    else if (field === 6) words = message.text();
  }
  return { type, status, message: words };
}

function nodeAddress(message: Message): Fields {
  let type = "";
  let address = "";
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) type = message.word();
    else if (field === 2) address = message.text();
  }
  return { type, address };
}
