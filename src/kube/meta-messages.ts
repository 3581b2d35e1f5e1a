/** What every message of an API server has in common (k8s.io/apimachinery, `meta/v1` and `runtime`): how an event and an object are wrapped, and metadata. */
import { Message } from "./message.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** One object of a kind, as its JSON would be read, of fields that somebody needs. @throws {SyntaxError} when it is not whole */
export type ObjectReader = (message: Message) => Fields;

/** What an API server calls its messages. */
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

/** An answer is written in it; in a watch a parameter comes after the type. */
export function isProtobuf(contentType: string | undefined): boolean {
  return contentType?.startsWith(PROTOBUF_TYPE) === true;
}

/** Stands before every object. */
const MAGIC = Buffer.from("k8s\0");

/** A `WatchEvent`; `object` is null where there is none. */
export function watchEventOf(octets: Buffer, read: ObjectReader): { readonly type: string; readonly object: Fields | null } {
  let type = "";
  let object: Buffer | null = null;
  const message = new Message(octets);
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) type = message.word();
    else if (field === 2) object = message.within(rawExtension);
  }
  return { type, object: object === null ? null : objectOf(object, type === "ERROR" ? statusOf : read) };
}

/** An object with its magic number, in its `runtime.Unknown`. */
export function objectOf(octets: Buffer, read: ObjectReader): Fields {
  if (!octets.subarray(0, MAGIC.length).equals(MAGIC)) throw new SyntaxError("an object does not begin with its magic number");
  const message = new Message(octets, MAGIC.length);
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 2) return message.within(read);
  throw new SyntaxError("an object without its octets");
}

/** `meta/v1.Status`: what became of a request. */
export function statusOf(message: Message): Fields {
  let text = "";
  let reason = "";
  let code: number | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 3) text = message.text();
    else if (field === 4) reason = message.word();
    else if (field === 6) code = message.number();
  }
  // JSON leaves out a zero.
  return { message: text, reason, code: code === 0 ? undefined : code };
}

/** `meta/v1.ObjectMeta`. Nobody reads `managedFields`, owners and finalizers. */
export function metadataOf(message: Message): Fields {
  let name = "";
  let namespace = "";
  let uid = "";
  let resourceVersion = "";
  let generation = 0;
  let creationTimestamp: string | undefined;
  let deletionTimestamp: string | undefined;
  const labels: Record<string, string> = {};
  const annotations: Record<string, string> = {};
  for (let field = message.next(); field !== 0; field = message.next()) {
    switch (field) {
      case 1:
        name = message.word();
        break;
      case 3:
        namespace = message.word();
        break;
      case 5:
        uid = message.text();
        break;
      case 6:
        resourceVersion = message.text();
        break;
      case 7:
        generation = message.number();
        break;
      case 8:
        creationTimestamp = message.within(timeOf);
        break;
      case 9:
        deletionTimestamp = message.within(timeOf);
        break;
      case 11:
        message.entry(labels);
        break;
      case 12:
        message.entry(annotations);
        break;
      default:
    }
  }
  return { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, labels, annotations };
}

function rawExtension(message: Message): Buffer | null {
  let octets: Buffer | null = null;
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 1) octets = message.octets();
  return octets;
}

/** RFC 3339, to the second, as JSON has it; undefined = a zero time, which JSON has as null. */
function timeOf(message: Message): string | undefined {
  let seconds: number | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) if (field === 1) seconds = message.number();
  if (seconds === undefined || seconds < FIRST_SECOND || seconds > LAST_SECOND) return undefined;
  if (seconds !== lastTime.seconds) lastTime = { seconds, text: flat(`${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`) };
  return lastTime.text;
}

/** Of the years 1 and 9999. */
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;
/** Objects that are made together have one. */
let lastTime = { seconds: 0, text: "1970-01-01T00:00:00Z" };

/** A text of parts takes three times the memory of its characters. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
