import { connect, type TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { type Connection, TIMES } from "./connection.ts";
import type { Access, TlsMaterial } from "./credentials.ts";
import { SilenceError } from "./failure.ts";
import { Http2Connection } from "./h2-connection.ts";
import { Http1Connection, type TlsOptions } from "./http1-connection.ts";
import { within } from "./waiting.ts";

/** Connects to an API server: HTTP/2 where ALPN agrees on it (RFC 7301), HTTP/1.1 otherwise. @throws Node's error, or SilenceError. */
export async function dial({ server, tls }: Access, clock: Clock): Promise<Connection> {
  const options = optionsOf(tls);
  // Nothing to agree on: `kubectl proxy` and its like speak HTTP/1.1.
  if (server.protocol === "http:") return new Http1Connection(server, options, clock);
  const socket = connect({
    ...options,
    host: server.hostname.replace(/^\[|\]$/g, ""),
    port: Number(server.port || 443),
    ALPNProtocols: ["h2", "http/1.1"],
  });
  try {
    const late = (): Error => new SilenceError(`no TLS connection to ${server.host} within ${TIMES.connect / 1000} s`);
    await within(clock, TIMES.connect, secured(socket), late);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  if (socket.alpnProtocol === "h2") return new Http2Connection(server.origin, socket, clock);
  socket.destroy();
  return new Http1Connection(server, options, clock);
}

/** Equal exactly when the same connection serves both. */
export function sameWay(a: Access, b: Access): boolean {
  const [left, right] = [a.tls, b.tls];
  return (
    a.server.href === b.server.href &&
    left.ca === right.ca &&
    left.cert === right.cert &&
    (left.key === null ? right.key === null : left.key.equals(right.key)) &&
    left.servername === right.servername &&
    left.verify === right.verify
  );
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection before TLS was agreed on")));
    socket.on("error", () => {});
    socket.setNoDelay(true);
  });
}

function optionsOf({ ca, cert, key, servername, verify }: TlsMaterial): TlsOptions {
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key: key.reveal() }),
    ...(servername === null ? {} : { servername }),
    rejectUnauthorized: verify,
    minVersion: "TLSv1.2",
  };
}
