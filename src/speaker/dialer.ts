import { connect } from "node:net";
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { describeSocketError } from "./connection.ts";
import type { Stream } from "./stream.ts";

export interface DialTarget {
  readonly address: Address;
  readonly port: number;
  /** Address to dial from; null = the kernel's choice. */
  readonly sourceAddress: Address | null;
}

/** Exactly one of the two is called, once, unless the dial is cancelled before. */
export interface DialSink {
  connected(socket: Stream): void;
  failed(why: string): void;
}

export interface Dial {
  cancel(): void;
}

/** One attempt to reach a peer. How long it may take is the session's `connectTimeout` timer, which cancels. */
export function dial(target: DialTarget, sink: DialSink): Dial {
  const socket = connect({
    host: formatAddress(target.address),
    port: target.port,
    ...(target.sourceAddress === null ? {} : { localAddress: formatAddress(target.sourceAddress) }),
    noDelay: true,
    autoSelectFamily: false,
  });
  let settled = false;
  const onError = (error: Error): void => {
    if (settled) return;
    settled = true;
    socket.destroy();
    sink.failed(describeSocketError(error));
  };
  socket.on("error", onError);
  socket.once("connect", () => {
    if (settled) return;
    settled = true;
    socket.off("error", onError);
    sink.connected(socket);
  });
  return {
    cancel: () => {
      settled = true;
      socket.destroy();
    },
  };
}
