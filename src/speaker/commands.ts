import { SpeakerError } from "../errors.ts";
import type { DrainAnswer, UndrainAnswer } from "../view/drain.ts";
import type { SpeakerCommands } from "../view/speaker-view.ts";
import type { DrainKeeper } from "./drain-keeper.ts";
import type { Peer } from "./peer.ts";
import type { PeerSet } from "./peer-set.ts";
import type { Planning } from "./planning.ts";

interface CommandsPorts {
  readonly peers: PeerSet;
  readonly planning: Planning;
  readonly drains: DrainKeeper;
  /** For the timeline. */
  happened(kind: string, text: string): void;
}

/** What the admin API may ask of a speaker. */
export class Commands implements SpeakerCommands {
  readonly #ports: CommandsPorts;

  constructor(ports: CommandsPorts) {
    this.#ports = ports;
  }

  drain(reason: string): Promise<DrainAnswer> {
    const { drains, planning, happened } = this.#ports;
    const answer = drains.start(reason);
    happened("drained", `drained through the admin API: ${reason}`);
    planning.state(drains.fact());
    return answer;
  }

  undrain(): Promise<UndrainAnswer> {
    const { drains, planning, happened } = this.#ports;
    const answer = drains.end();
    happened("undrained", "the drain through the admin API is over");
    planning.state(drains.fact());
    return answer;
  }

  resetPeer(name: string): void {
    const peer = this.#peer(name);
    if (peer.held !== "") throw new SpeakerError("UNSUPPORTED", `peer ${name} has no session to reset: ${peer.held}`);
    peer.stop({ reason: "adminReset", text: "reset through the admin API" });
  }

  refreshPeer(name: string): void {
    const peer = this.#peer(name);
    if (peer.status.state !== "Established")
      throw new SpeakerError("UNSUPPORTED", `peer ${name} has no session to refresh: it is ${peer.status.state}`);
    peer.refresh();
  }

  #peer(name: string): Peer {
    const peer = this.#ports.peers.get(name);
    if (peer === undefined) throw new SpeakerError("SUBJECT_UNKNOWN", `there is no peer ${name} on this node`);
    return peer;
  }
}
