/**
 * The other side of `src/kube/message.ts`: objects as JSON has them, written as an API server writes them to those who take protobuf. By tables of the
 * numbers in `generated.proto`; a field that no table has is an error, so that nothing is left out unseen.
 */

type Type = "text" | "number" | "boolean" | "time" | "map" | "json" | "number or text" | Fields | readonly [Type];
interface Fields {
  readonly [name: string]: readonly [number: number, type: Type];
}

const OWNER: Fields = {
  kind: [1, "text"],
  name: [3, "text"],
  uid: [4, "text"],
  apiVersion: [5, "text"],
  controller: [6, "boolean"],
  blockOwnerDeletion: [7, "boolean"],
};
const MANAGED: Fields = {
  manager: [1, "text"],
  operation: [2, "text"],
  apiVersion: [3, "text"],
  time: [4, "time"],
  fieldsType: [6, "text"],
  fieldsV1: [7, "json"],
  subresource: [8, "text"],
};
const METADATA: Fields = {
  name: [1, "text"],
  generateName: [2, "text"],
  namespace: [3, "text"],
  uid: [5, "text"],
  resourceVersion: [6, "text"],
  generation: [7, "number"],
  creationTimestamp: [8, "time"],
  deletionTimestamp: [9, "time"],
  labels: [11, "map"],
  annotations: [12, "map"],
  ownerReferences: [13, [OWNER]],
  finalizers: [14, ["text"]],
  managedFields: [17, [MANAGED]],
};
const SERVICE_PORT: Fields = {
  name: [1, "text"],
  protocol: [2, "text"],
  port: [3, "number"],
  targetPort: [4, "number or text"],
  nodePort: [5, "number"],
};
const SERVICE_SPEC: Fields = {
  ports: [1, [SERVICE_PORT]],
  selector: [2, "map"],
  clusterIP: [3, "text"],
  type: [4, "text"],
  externalIPs: [5, ["text"]],
  sessionAffinity: [7, "text"],
  loadBalancerIP: [8, "text"],
  loadBalancerSourceRanges: [9, ["text"]],
  externalName: [10, "text"],
  externalTrafficPolicy: [11, "text"],
  healthCheckNodePort: [12, "number"],
  publishNotReadyAddresses: [13, "boolean"],
  ipFamilyPolicy: [17, "text"],
  clusterIPs: [18, ["text"]],
  ipFamilies: [19, ["text"]],
  allocateLoadBalancerNodePorts: [20, "boolean"],
  loadBalancerClass: [21, "text"],
  internalTrafficPolicy: [22, "text"],
};
const INGRESS: Fields = { ip: [1, "text"], hostname: [2, "text"], ipMode: [3, "text"] };
const REFERENCE: Fields = { kind: [1, "text"], namespace: [2, "text"], name: [3, "text"], uid: [4, "text"] };
const ENDPOINT: Fields = {
  addresses: [1, ["text"]],
  conditions: [2, { ready: [1, "boolean"], serving: [2, "boolean"], terminating: [3, "boolean"] }],
  hostname: [3, "text"],
  targetRef: [4, REFERENCE],
  nodeName: [6, "text"],
  zone: [7, "text"],
};
const CONDITION: Fields = {
  type: [1, "text"],
  status: [2, "text"],
  lastHeartbeatTime: [3, "time"],
  lastTransitionTime: [4, "time"],
  reason: [5, "text"],
  message: [6, "text"],
};
const TAINT: Fields = { key: [1, "text"], value: [2, "text"], effect: [3, "text"] };

const KINDS = new Map<string, Fields>([
  ["Namespace", { metadata: [1, METADATA], status: [3, { phase: [1, "text"] }] }],
  ["Service", { metadata: [1, METADATA], spec: [2, SERVICE_SPEC], status: [3, { loadBalancer: [1, { ingress: [1, [INGRESS]] }] }] }],
  [
    "EndpointSlice",
    {
      metadata: [1, METADATA],
      endpoints: [2, [ENDPOINT]],
      ports: [3, [{ name: [1, "text"], protocol: [2, "text"], port: [3, "number"] }]],
      addressType: [4, "text"],
    },
  ],
  [
    "Node",
    {
      metadata: [1, METADATA],
      spec: [2, { podCIDR: [1, "text"], providerID: [3, "text"], unschedulable: [4, "boolean"], taints: [5, [TAINT]] }],
      status: [3, { phase: [3, "text"], conditions: [4, [CONDITION]], addresses: [5, [{ type: [1, "text"], address: [2, "text"] }]] }],
    },
  ],
  ["Status", { status: [2, "text"], message: [3, "text"], reason: [4, "text"], code: [6, "number"] }],
]);

type Values = Readonly<Record<string, unknown>>;

/** Kinds that can be written so; our own have JSON alone, as with a real server. */
export function hasMessages(kind: string): boolean {
  return KINDS.has(kind);
}

/** The object without `kind` and `apiVersion`, which stand around it. */
export function messageOf(kind: string, { kind: _kind, apiVersion: _apiVersion, ...object }: Values): Buffer {
  const fields = KINDS.get(kind);
  if (fields === undefined) throw new Error(`${kind} has no message`);
  return written(fields, object);
}

/** A message with its magic number and its `runtime.Unknown`: a whole answer. */
export function wrapped(kind: string, apiVersion: string, message: Buffer): Buffer {
  const typeMeta = Buffer.concat([delimited(1, Buffer.from(apiVersion)), delimited(2, Buffer.from(kind))]);
  const empty = Buffer.alloc(0);
  return Buffer.concat([Buffer.from("k8s\0"), delimited(1, typeMeta), delimited(2, message), delimited(3, empty), delimited(4, empty)]);
}

/** An event of a watch, in its frame. */
export function frameOf(type: string, kind: string, apiVersion: string, object: Values): Buffer {
  const event = Buffer.concat([
    delimited(1, Buffer.from(type)),
    delimited(2, delimited(1, wrapped(kind, apiVersion, messageOf(kind, object)))),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

/** A list of items that are written already. */
export function listOf(kind: string, apiVersion: string, metadata: Values, items: readonly Uint8Array[]): Buffer {
  const head = written({ resourceVersion: [2, "text"], continue: [3, "text"] }, metadata);
  return wrapped(`${kind}List`, apiVersion, Buffer.concat([delimited(1, head), ...items.map((item) => delimited(2, item))]));
}

/** A field of octets: a text, or a message in a message. */
export function delimited(number: number, octets: Uint8Array): Buffer {
  return Buffer.concat([tag(number, 2), varint(octets.length), octets]);
}

function written(fields: Fields, values: unknown): Buffer {
  if (typeof values !== "object" || values === null) throw new Error(`${JSON.stringify(values)} is no object`);
  return Buffer.concat(
    Object.entries(values).flatMap(([name, value]) => {
      const field = fields[name];
      if (field === undefined) throw new Error(`no table has the field ${name}`);
      return value === undefined || value === null ? [] : [fieldOf(...field, value)];
    }),
  );
}

function fieldOf(number: number, type: Type, value: unknown): Buffer {
  if (isRepeated(type)) return Buffer.concat(listed(value).map((one) => fieldOf(number, type[0], one)));
  switch (type) {
    case "text":
      return delimited(number, Buffer.from(String(value)));
    case "number":
      return Buffer.concat([tag(number, 0), varint(Number(value))]);
    case "boolean":
      return Buffer.concat([tag(number, 0), varint(value === true ? 1 : 0)]);
    case "time":
      return delimited(number, Buffer.concat([fieldOf(1, "number", Date.parse(String(value)) / 1000), fieldOf(2, "number", 0)]));
    case "map":
      return Buffer.concat(Object.entries(Object(value)).map(([key, text]) => delimited(number, entry(key, text))));
    case "json":
      return delimited(number, delimited(1, Buffer.from(JSON.stringify(value))));
    case "number or text": {
      const [kind, whole, text] = typeof value === "number" ? [0, value, ""] : [1, 0, String(value)];
      return delimited(number, Buffer.concat([fieldOf(1, "number", kind), fieldOf(2, "number", whole), fieldOf(3, "text", text)]));
    }
    default:
      return delimited(number, written(type, value));
  }
}

function isRepeated(type: Type): type is readonly [Type] {
  return Array.isArray(type);
}

function listed(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value;
}

function entry(key: string, value: unknown): Buffer {
  return Buffer.concat([fieldOf(1, "text", key), fieldOf(2, "text", value)]);
}

function tag(number: number, wire: number): Buffer {
  return varint(number * 8 + wire);
}

function varint(value: number): Buffer {
  const octets: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) octets.push((left % 128) | 128);
  octets.push(left);
  return Buffer.from(octets);
}
