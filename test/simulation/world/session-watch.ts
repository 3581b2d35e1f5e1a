/** Sessions end for a cause, and of two connections that collide one is kept. */

import { CEASE } from "../../../src/bgp/wire/iana.ts";
import { CAUSE_MILLIS } from "./bounds.ts";
import type { Pair } from "./pair.ts";
import { Violation } from "./violation.ts";
import type { VirtualStream } from "./virtual-stream.ts";

export class SessionWatch {
  collisions = 0;
  hardResets = 0;

  /** @throws {Violation} */
  down(pair: Pair, why: string, now: number): void {
    if (now - pair.causeAt > CAUSE_MILLIS) throw new Violation("no session ends without a cause", `${pair.name} went down: ${why}`);
  }

  /** The speaker was told that the way is lost (RFC 5882 §4.1). @throws {Violation} */
  lost({ name, router, node }: Pair): void {
    if (node.process?.speaker.peers.get(router)?.status.state !== "Established") return;
    throw new Violation("a way that is lost ends the session", `${name} is Established though BFD is Down`);
  }

  /** A NOTIFICATION leaves on a stream. @throws {Violation} */
  notified(from: VirtualStream, code: number, subcode: number): void {
    const { connectionCollision, hardReset } = CEASE;
    if (code === hardReset.code && subcode === hardReset.subcode) this.hardResets++;
    if (code !== connectionCollision.code || subcode !== connectionCollision.subcode) return;
    this.collisions++;
    const others = [...from.host.streams].filter((stream) => stream !== from && stream.remote === from.remote && stream.writable);
    if (others.length > 0) return;
    throw new Violation("a collision leaves one connection", `${from.host.text} closes the last one it has to ${from.remote.text}`);
  }
}
