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
export function messageOf(kind: string, values: Values): Buffer {
  return made((out) => object(out, kind, values));
}

/** A message with its magic number and its `runtime.Unknown`: a whole answer. */
export function wrapped(kind: string, apiVersion: string, message: Buffer): Buffer {
  return made((out) => unknown(out, kind, apiVersion, () => out.octets(message)));
}

/** An event of a watch, in its frame. */
export function frameOf(type: string, kind: string, apiVersion: string, values: Values): Buffer {
  const frame = made((out) => {
    out.octets(Buffer.alloc(LENGTH_OCTETS));
    out.text(1, type);
    out.nested(2, () => out.nested(1, () => unknown(out, kind, apiVersion, () => object(out, kind, values))));
  });
  frame.writeUInt32BE(frame.length - LENGTH_OCTETS);
  return frame;
}

/** A list of items that are written already. */
export function listOf(kind: string, apiVersion: string, metadata: Values, items: readonly Uint8Array[]): Buffer {
  return made((out) =>
    unknown(out, `${kind}List`, apiVersion, () => {
      out.nested(1, () => fields(out, { resourceVersion: [2, "text"], continue: [3, "text"] }, metadata));
      for (const item of items) out.nested(2, () => out.octets(item));
    }),
  );
}

/** A field of octets: a text, or a message in a message. */
export function delimited(number: number, octets: Uint8Array): Buffer {
  return made((out) => out.nested(number, () => out.octets(octets)));
}

/** Characters. */
const SHORT = 40;
/** Before the event of a watch stands how long it is. */
const LENGTH_OCTETS = 4;

/** Octets as they come, in one buffer that grows: a server that is measured against must not be what is slow. */
class Writer {
  #octets = Buffer.allocUnsafe(8 << 10);
  #length = 0;

  get written(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }

  octets(octets: Uint8Array): void {
    this.#room(octets.length);
    this.#octets.set(octets, this.#length);
    this.#length += octets.length;
  }

  number(number: number, value: number): void {
    this.#varint(number * 8);
    this.#varint(value);
  }

  text(number: number, text: string): void {
    this.nested(number, () => {
      this.#room(3 * text.length);
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        // Calling into the runtime costs more than a short text.
        if (code >= 128 || i === SHORT) {
          this.#length += this.#octets.write(text.slice(i), this.#length);
          return;
        }
        this.#octets[this.#length++] = code;
      }
    });
  }

  /** A field of what `body` writes, with its length before it: one octet, unless it proves to be longer. */
  nested(number: number, body: () => void): void {
    this.#varint(number * 8 + 2);
    this.#room(1);
    const start = ++this.#length;
    body();
    const end = this.#length;
    const longer = sizeOf(end - start) - 1;
    if (longer > 0) {
      this.#room(longer);
      this.#octets.copyWithin(start + longer, start, end);
    }
    this.#length = start - 1;
    this.#varint(end - start);
    this.#length = end + longer;
  }

  #varint(value: number): void {
    this.#room(10);
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) this.#octets[this.#length++] = (left % 128) | 128;
    this.#octets[this.#length++] = left;
  }

  #room(octets: number): void {
    if (this.#length + octets <= this.#octets.length) return;
    const grown = Buffer.allocUnsafe(2 * (this.#length + octets));
    this.#octets.copy(grown);
    this.#octets = grown;
  }
}

/** Of a length as a varint. */
function sizeOf(value: number): number {
  return value < 128 ? 1 : 1 + sizeOf(Math.floor(value / 128));
}

function made(write: (out: Writer) => void): Buffer {
  const out = new Writer();
  write(out);
  return out.written;
}

/** `runtime.Unknown`, with the magic number before it. */
function unknown(out: Writer, kind: string, apiVersion: string, raw: () => void): void {
  out.octets(MAGIC);
  out.nested(1, () => {
    out.text(1, apiVersion);
    out.text(2, kind);
  });
  out.nested(2, raw);
  out.text(3, "");
  out.text(4, "");
}

const MAGIC = Buffer.from("k8s\0");

function object(out: Writer, kind: string, { kind: _kind, apiVersion: _apiVersion, ...rest }: Values): void {
  const known = KINDS.get(kind);
  if (known === undefined) throw new Error(`${kind} has no message`);
  fields(out, known, rest);
}

function fields(out: Writer, known: Fields, values: unknown): void {
  if (typeof values !== "object" || values === null) throw new Error(`${JSON.stringify(values)} is no object`);
  for (const [name, value] of Object.entries(values)) {
    const field = known[name];
    if (field === undefined) throw new Error(`no table has the field ${name}`);
    if (value !== undefined && value !== null) one(out, ...field, value);
  }
}

function one(out: Writer, number: number, type: Type, value: unknown): void {
  if (isRepeated(type)) {
    for (const item of listed(value)) one(out, number, type[0], item);
    return;
  }
  switch (type) {
    case "text":
      out.text(number, String(value));
      break;
    case "number":
      out.number(number, Number(value));
      break;
    case "boolean":
      out.number(number, value === true ? 1 : 0);
      break;
    case "time":
      out.nested(number, () => {
        out.number(1, Date.parse(String(value)) / 1000);
        out.number(2, 0);
      });
      break;
    case "map":
      for (const [key, text] of Object.entries(Object(value))) {
        out.nested(number, () => {
          out.text(1, key);
          out.text(2, String(text));
        });
      }
      break;
    case "json":
      out.nested(number, () => out.text(1, JSON.stringify(value)));
      break;
    case "number or text": {
      const isNumber = typeof value === "number";
      out.nested(number, () => {
        out.number(1, isNumber ? 0 : 1);
        out.number(2, isNumber ? value : 0);
        out.text(3, isNumber ? "" : String(value));
      });
      break;
    }
    default:
      out.nested(number, () => fields(out, type, value));
  }
}

function isRepeated(type: Type): type is readonly [Type] {
  return Array.isArray(type);
}

function listed(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value;
}
