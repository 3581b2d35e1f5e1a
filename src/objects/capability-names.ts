import { nearest } from "./nearest.ts";
import type { Parsed } from "./scalars.ts";
import { quoted } from "./schema.ts";

/** Names under which capabilities may be omitted (IANA "Capability Codes", in the words of the fields of a BGPPeer). */
const CODES = {
  multiprotocol: 1,
  "route-refresh": 2,
  "extended-next-hop": 5,
  "extended-message": 6,
  role: 9,
  "graceful-restart": 64,
  "four-octet-as": 65,
  "add-path": 69,
  "enhanced-route-refresh": 70,
  "long-lived-graceful-restart": 71,
  fqdn: 73,
  "software-version": 75,
} as const satisfies Record<string, number>;

export const CAPABILITY_NAMES = Object.keys(CODES);
const BY_NAME = new Map<string, number>(Object.entries(CODES));

/** Code of a capability given by name or code. */
export function parseCapability(written: number | string): Parsed<number> {
  const code = typeof written === "number" || /^\d+$/.test(written) ? Number(written) : BY_NAME.get(written);
  if (code !== undefined && Number.isInteger(code) && code >= 1 && code <= 255) return { ok: true, value: code };
  const near = nearest(String(written), CAPABILITY_NAMES);
  return { ok: false, why: `${quoted(String(written))} is no capability${near === undefined ? "" : `: did you mean ${near}?`}` };
}
