/** The way to the network. The real one is TCP; the simulation has its own. */

import { type Dial, type DialSink, type DialTarget, dial } from "./dialer.ts";
import { type Caller, Listener, type ListenerOptions } from "./listener.ts";

export interface Transport {
  dial(target: DialTarget, sink: DialSink): Dial;
  listen(options: ListenerOptions, onCaller: (caller: Caller) => void): Pick<Listener, "start" | "stop" | "admit">;
}

export const tcp: Transport = { dial, listen: (options, onCaller) => new Listener(options, onCaller) };
