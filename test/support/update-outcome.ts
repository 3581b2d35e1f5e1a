import type { UpdateContext } from "../../src/bgp/wire/messages.ts";
import { prefixesOf } from "../../src/bgp/wire/nlri.ts";
import { decodeUpdate } from "../../src/bgp/wire/update.ts";
import { formatPrefix } from "../../src/ip/format.ts";
import { AS_PATH, EBGP, NEXT_HOP, NLRI, ORIGIN, updateBody } from "./update-octets.ts";
import { attempt, hex } from "./vector.ts";

/** What became of an UPDATE: `reset 3/1`, or the action with what is announced (+) and withdrawn (-). */
export function outcome(
  fields: { withdrawn?: string; attributes?: string; nlri?: string } | Uint8Array,
  context: UpdateContext = EBGP,
): string {
  const body = fields instanceof Uint8Array ? fields : updateBody(fields);
  let result = "";
  const error = attempt(() => {
    const update = decodeUpdate(body, context);
    const announced = update.announced.flatMap((block) => [...prefixesOf(block)].map((prefix) => ` +${formatPrefix(prefix)}`));
    const withdrawn = update.withdrawn.flatMap((block) => [...prefixesOf(block)].map((prefix) => ` -${formatPrefix(prefix)}`));
    result = [update.action, ...announced, ...withdrawn].join("");
  });
  return error === undefined ? result : `${error.severity} ${error.code}/${error.subcode}`;
}

/** The outcome for one more attribute beside sound ones and one IPv4 prefix; its code takes the place of a sound one. */
export function withAttribute(octets: string, context?: UpdateContext): string {
  const code = hex(octets)[1];
  const sound = [ORIGIN, AS_PATH, NEXT_HOP].filter((each) => hex(each)[1] !== code).join("");
  return outcome({ attributes: sound + octets, nlri: NLRI }, context);
}

/** Outcomes of `withAttribute`. */
export const ACCEPT = "accept +192.0.2.1/32";
export const WITHDRAW = "withdraw -192.0.2.1/32";
export const DISCARD = "discard-attributes +192.0.2.1/32";
