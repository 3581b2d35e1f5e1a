/**
 * A BGP peer made of octets, for everything no daemon will send. It knows nothing of the code under test: messages are built and split here, by hand, so
 * that both cannot be wrong in the same way.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export const TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, refresh: 5 } as const;

/** One message as it came: type octet and what follows the header. */
export interface RawMessage {
  readonly type: number;
  readonly body: Buffer;
  readonly at: number;
}

export interface RawOpen {
  readonly asn?: number;
  readonly holdTime?: number;
  readonly routerId?: string;
  readonly version?: number;
  /** Hex of the capability TLVs; the default is IPv4 unicast, route refresh and the four-octet AS number. */
  readonly capabilities?: string;
  /** Hex of everything from the optional parameters length octet on; replaces `capabilities`. */
  readonly parameters?: string;
}

/** A message with its header. */
export function message(type: number, body: Buffer | string = "", length?: number): Buffer {
  const octets = typeof body === "string" ? hex(body) : body;
  const header = Buffer.alloc(19, 0xff);
  header.writeUInt16BE(length ?? 19 + octets.length, 16);
  header[18] = type;
  return Buffer.concat([header, octets]);
}

export const KEEPALIVE = message(TYPE.keepalive);

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ""), "hex");
}

export function openMessage({
  asn = 65000,
  holdTime = 90,
  routerId = "192.0.2.1",
  version = 4,
  capabilities,
  parameters,
}: RawOpen = {}): Buffer {
  const fixed = Buffer.alloc(9);
  fixed[0] = version;
  fixed.writeUInt16BE(asn > 65535 ? 23456 : asn, 1);
  fixed.writeUInt16BE(holdTime, 3);
  for (const [i, part] of routerId.split(".").entries()) fixed.writeUInt8(Number(part), 5 + i);
  if (parameters !== undefined) return message(TYPE.open, Buffer.concat([fixed, hex(parameters)]));
  const asn4 = Buffer.alloc(4);
  asn4.writeUInt32BE(asn);
  const tlvs = hex(capabilities ?? `0104 0001 0001 0200 4104 ${asn4.toString("hex")}`);
  const optional = tlvs.length === 0 ? Buffer.of(0) : Buffer.concat([Buffer.of(tlvs.length + 2, 2, tlvs.length), tlvs]);
  return message(TYPE.open, Buffer.concat([fixed, optional]));
}

/** An UPDATE from the hex of its three parts. */
export function update({
  withdrawn = "",
  attributes = "",
  nlri = "",
}: {
  readonly withdrawn?: string;
  readonly attributes?: string;
  readonly nlri?: string;
}): Buffer {
  const [gone, path, reached] = [hex(withdrawn), hex(attributes), hex(nlri)];
  const lengths = [Buffer.alloc(2), Buffer.alloc(2)] as const;
  lengths[0].writeUInt16BE(gone.length);
  lengths[1].writeUInt16BE(path.length);
  return message(TYPE.update, Buffer.concat([lengths[0], gone, lengths[1], path, reached]));
}

/** One end of a connection to the speaker. */
export class RawPeer {
  readonly socket: Socket;
  readonly messages: RawMessage[] = [];
  readonly #waiters = new Set<() => void>();
  #rest = Buffer.alloc(0);
  #keep = true;
  /** The speaker sent FIN, or the connection broke. */
  ended = false;
  error = "";
  received = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error) => {
      this.error = error.message;
    });
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** A connection to a port of the speaker. */
  static async dial(
    port: number,
    options: { readonly localAddress?: string; readonly localPort?: number; readonly host?: string } = {},
  ): Promise<RawPeer> {
    const { host = "127.0.0.1", ...local } = options;
    const socket = connect({ host, port, allowHalfOpen: true, ...local });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawPeer(socket);
  }

  send(...octets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(octets));
  }

  /** Resolves once the predicate holds; looks after every message and change of the connection. */
  async until(what: string, holds: () => boolean, patienceMillis = 10_000): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`waited in vain for ${what}; got ${this.messages.length} messages, last ${this.#newest()}`));
      }, patienceMillis);
      this.#waiters.add(look);
    });
  }

  /** The nth message of the type, from 0. */
  async message(type: number, n = 0, patienceMillis?: number): Promise<RawMessage> {
    await this.until(`message ${n} of type ${type}`, () => this.#of(type)[n] !== undefined, patienceMillis);
    const found = this.#of(type)[n];
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  count(type: number): number {
    return this.#of(type).length;
  }

  /** `code/subcode data` of the NOTIFICATION, which is awaited. */
  async notification(): Promise<string> {
    const { body } = await this.message(TYPE.notification);
    return `${body[0]}/${body[1]} ${body.subarray(2).toString("hex")}`.trim();
  }

  /** Exchanges OPENs and KEEPALIVEs. */
  async establish(open: RawOpen = {}): Promise<void> {
    await this.message(TYPE.open);
    this.send(openMessage(open), KEEPALIVE);
    await this.message(TYPE.keepalive);
  }

  /** Counts octets from here on, and keeps no message. */
  forget(): void {
    this.#keep = false;
    this.messages.length = 0;
  }

  /** Waits for the speaker's FIN. */
  async end(patienceMillis?: number): Promise<void> {
    await this.until("the end of the connection", () => this.ended, patienceMillis);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #newest(): string {
    return this.messages
      .slice(-5)
      .map(({ type, body }) => `${type}:${body.toString("hex").slice(0, 40)}`)
      .join(" ");
  }

  #of(type: number): RawMessage[] {
    return this.messages.filter((candidate) => candidate.type === type);
  }

  #onData(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.#keep) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 19) {
        const length = this.#rest.readUInt16BE(16);
        if (this.#rest.length < length) break;
        this.messages.push({ type: this.#rest.readUInt8(18), body: Buffer.from(this.#rest.subarray(19, length)), at: performance.now() });
        this.#rest = this.#rest.subarray(length);
      }
    }
    this.#wake();
  }

  #end(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiters]) look();
  }
}

/** A port on which the speaker's dials arrive. */
export class RawRouter {
  readonly port: number;
  readonly peers: RawPeer[] = [];
  readonly #server: Server;
  readonly #waiters = new Set<() => void>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket: Socket) => {
      this.peers.push(new RawPeer(socket));
      for (const look of [...this.#waiters]) look();
    });
  }

  static async listen(host = "127.0.0.1", port = 0): Promise<RawRouter> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return new RawRouter(server, (server.address() as AddressInfo).port); // listening on TCP: an object
  }

  /** The nth connection the speaker made, from 0. */
  async peer(n = 0, patienceMillis = 10_000): Promise<RawPeer> {
    const known = this.peers[n];
    if (known !== undefined) return known;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const peer = this.peers[n];
        if (peer === undefined) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve(peer);
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`the speaker made ${this.peers.length} connections, not ${n + 1}`));
      }, patienceMillis);
      this.#waiters.add(look);
    });
  }

  close(): void {
    this.#server.close();
    for (const peer of this.peers) peer.destroy();
  }
}
