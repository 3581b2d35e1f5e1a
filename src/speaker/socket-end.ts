import type { Address } from "../ip/address.ts";
import { parseAddress } from "../ip/parse.ts";

/** One end of a connection as the system writes it, `fe80::1%eth0`. */
export interface SocketEnd {
  readonly address: Address;
  /** The interface of a link-local address; null where there is none. */
  readonly zone: string | null;
}

/** null = there is no such end any more. */
export function socketEnd(text: string | undefined): SocketEnd | null {
  const [written = "", zone = null] = (text ?? "").split("%");
  const parsed = parseAddress(written);
  return parsed.ok ? { address: parsed.value, zone } : null;
}
