import { formatAddress } from "../ip/format.ts";
import { parseAddress } from "../ip/parse.ts";
import type { Parsed } from "../objects/scalars.ts";

/** Where an HTTP server listens. */
export type ListenAddress =
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  | { readonly type: "unix"; readonly path: string };

/** What a listen address may look like, for messages. */
export const LISTEN_ALLOWED = "ADDRESS:PORT like 127.0.0.1:7179 or [::1]:7179, or unix:/path";

/** `127.0.0.1:7179`, `[::1]:7179`, `unix:/run/herald.sock`. Port 0 = any free one. */
export function parseListenAddress(text: string): Parsed<ListenAddress> {
  const refused = { ok: false, why: `${JSON.stringify(text)} is not an address to listen on` } as const;
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    // sockaddr_un has 108 octets, the last one zero.
    if (path === "" || Buffer.byteLength(path) > 107)
      return { ok: false, why: `the path of a unix socket has 1..107 octets, not ${Buffer.byteLength(path)}` };
    return { ok: true, value: { type: "unix", path } };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port <= 65535)) return refused;
  const address = parseAddress(host);
  if (!address.ok)
    return { ok: false, why: host === "localhost" ? `${JSON.stringify(text)}: write the address, 127.0.0.1 or ::1` : address.why };
  if ((address.value.family === "IPv6") !== (bracketed !== undefined)) return refused;
  return { ok: true, value: { type: "tcp", host: formatAddress(address.value), port } };
}

/** As it is written in the file. */
export function formatListenAddress(listen: ListenAddress): string {
  if (listen.type === "unix") return `unix:${listen.path}`;
  return listen.host.includes(":") ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`;
}
