/** Reads along on every connection: whole messages, at the moment when the kernel of the sender took them. */

import { EXTENDED_MAXIMUM, Framer } from "../../../src/bgp/wire/framer.ts";
import type { Frame } from "../../../src/bgp/wire/messages.ts";
import type { VirtualStream } from "./virtual-stream.ts";

export class MessageTap {
  readonly #framers = new WeakMap<VirtualStream, Framer>();
  readonly #heard: (from: VirtualStream, frame: Frame) => void;

  constructor(heard: (from: VirtualStream, frame: Frame) => void) {
    this.#heard = heard;
  }

  readonly take = (from: VirtualStream, octets: Uint8Array): void => {
    let framer = this.#framers.get(from);
    if (framer === undefined) {
      framer = new Framer();
      framer.setMaximum(EXTENDED_MAXIMUM);
      this.#framers.set(from, framer);
    }
    framer.push(octets);
    for (let frame = framer.next(); frame !== null; frame = framer.next()) this.#heard(from, frame);
  };
}
