import { connect, Socket } from "node:net";
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { describeSocketError } from "./connection.ts";
import { formatRemote } from "./peer-places.ts";
import { openStream, type StreamOptions } from "./sockopt/streams.ts";
import type { SystemCalls } from "./sockopt/system-calls.ts";
import type { Stream } from "./stream.ts";

export interface DialTarget {
  readonly address: Address;
  /** The interface of a link-local address; null, or absent, for every other. */
  readonly zone?: string | null;
  readonly port: number;
  /** Address to dial from; null = the kernel's choice. */
  readonly sourceAddress: Address | null;
  /** Options of the socket; null = none but Node's own. */
  readonly options: { readonly calls: SystemCalls; readonly stream: StreamOptions } | null;
}

/** Exactly one of the two is called, once and not before {@link dial} returned, unless the dial is cancelled before. */
export interface DialSink {
  connected(socket: Stream): void;
  failed(why: string): void;
}

export interface Dial {
  cancel(): void;
}

/** One attempt to reach a peer. How long it may take is the session's `connectTimeout` timer, which cancels. */
export function dial(target: DialTarget, sink: DialSink): Dial {
  let settled = false;
  const fail = (error: unknown): void => {
    if (settled) return;
    settled = true;
    sink.failed(error instanceof Error ? describeSocketError(error) : String(error));
  };
  let socket: Socket;
  try {
    socket = startConnect(target);
  } catch (error) {
    // Whoever dials is told later, as with every other failure.
    setImmediate(() => fail(error));
    return {
      cancel: () => {
        settled = true;
      },
    };
  }
  const onError = (error: Error): void => {
    socket.destroy();
    fail(error);
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

/** @throws {SystemCallError} where the kernel refuses an option. */
function startConnect({ address, zone = null, port, sourceAddress, options }: DialTarget): Socket {
  const host = formatRemote({ address, zone });
  if (options === null) {
    return connect({
      host,
      port,
      ...(sourceAddress === null ? {} : { localAddress: formatAddress(sourceAddress) }),
      noDelay: true,
      autoSelectFamily: false,
    });
  }
  // Without `manualStart` Node reads from the descriptor at once, and it is not connected yet.
  const adopted = { fd: openStream(options.calls, address, sourceAddress, options.stream), manualStart: true };
  const socket = new Socket(adopted);
  return socket.connect({ host, port, noDelay: true, autoSelectFamily: false });
}
