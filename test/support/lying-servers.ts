/** HTTP servers, and what only looks like one, on loopback: for probes that must not believe or endure everything. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export interface LyingServer {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Connections at this moment. */
  readonly open: number;
  /** First lines of the requests so far: `GET /healthz HTTP/1.1`. */
  readonly requests: readonly string[];
  /** Octets of all connections, one character each, up to the end of their first requests. */
  readonly received: string;
  /** Ends it with all its connections, by a reset; the port refuses from then on. */
  close(): Promise<void>;
}

/** What it does with a connection: `serve` is called when it is made, `answer` when the head of a request is complete. */
export interface Behaviour {
  readonly connected?: (socket: Socket) => void;
  readonly asked?: (socket: Socket) => void;
}

/** Answers every request with these octets and closes, like a server that was asked not to keep the connection. */
export function answering(text: string | (() => string)): Behaviour {
  return { asked: (socket) => socket.end(typeof text === "string" ? text : text()) };
}

/** A whole HTTP answer. */
export function httpAnswer(status: number, body = "", headers: readonly string[] = []): string {
  return [`HTTP/1.1 ${status} Words`, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close", ...headers, "", body].join("\r\n");
}

/** @param options.port 0 = any free one */
export async function startServer(
  behaviour: Behaviour,
  options: { readonly host?: string; readonly port?: number } = {},
): Promise<LyingServer> {
  const { host = "127.0.0.1", port = 0 } = options;
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let received = "";
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // The other side leaves as it likes.
    socket.on("error", () => {});
    let head = "";
    socket.on("data", (chunk: Buffer) => {
      const before = head.includes("\r\n\r\n");
      head += chunk.toString("latin1");
      if (!before) received += chunk.toString("latin1");
      if (before || !head.includes("\r\n\r\n")) return;
      requests.push(head.slice(0, head.indexOf("\r\n")));
      behaviour.asked?.(socket);
    });
    behaviour.connected?.(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // Listening on TCP: an object.
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    requests,
    get received() {
      return received;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.resetAndDestroy();
      await closed;
    },
  };
}
