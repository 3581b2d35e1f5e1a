import { type DestinationStream, destination as fileDestination, pino } from "pino";
import { prettyFactory } from "pino-pretty";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Everything Herald ever logs. Nouns before verbs; state changes at info, faults at warn, single messages at debug ({@link LEVELS}). */
export type LogEvent =
  | { readonly event: "speaker.started"; readonly node: string; readonly source: string }
  | { readonly event: "speaker.synced"; readonly milliseconds: number; readonly routerID: string }
  /** `podDeleted`: this Pod is known to be deleted, as by a rollout. */
  | { readonly event: "speaker.stopping"; readonly why: string; readonly podDeleted: boolean }
  | { readonly event: "speaker.stopped"; readonly milliseconds: number }
  | { readonly event: "speaker.reloaded"; readonly changed: readonly string[]; readonly needRestart: readonly string[] }
  | { readonly event: "speaker.reloadFailed"; readonly why: string }
  | { readonly event: "controller.synced"; readonly milliseconds: number }
  | { readonly event: "controller.leading" }
  | { readonly event: "controller.following" }
  | { readonly event: "lease.acquired"; readonly identity: string; readonly transitions: number }
  | { readonly event: "lease.lost"; readonly why: string }
  | { readonly event: "lease.heldByOther"; readonly holder: string }
  | { readonly event: "lease.fault"; readonly lease: string; readonly why: string }
  | { readonly event: "address.written"; readonly service: string; readonly addresses: readonly string[] }
  | { readonly event: "address.unavailable"; readonly service: string; readonly why: string }
  | { readonly event: "address.writeFailed"; readonly service: string; readonly why: string }
  | { readonly event: "address.readFailed"; readonly why: string }
  | { readonly event: "pool.writeFailed"; readonly pool: string; readonly why: string }
  | { readonly event: "state.unavailable"; readonly why: string }
  /** A graceful stop needs to know that this Pod is being deleted; it cannot be known. */
  | { readonly event: "ownPod.unknown"; readonly why: string }
  | { readonly event: "state.restored"; readonly file: string; readonly routes: number; readonly peers: number; readonly agreedAt: string }
  | { readonly event: "state.ignored"; readonly file: string; readonly why: string; readonly aside: string }
  | { readonly event: "state.unwritable"; readonly why: string }
  | { readonly event: "drain.restored"; readonly file: string; readonly reason: string; readonly since: string }
  | { readonly event: "state.written" }
  /** The routes were withdrawn, and the next start may announce them from the file until everything was read. */
  | { readonly event: "state.unremovable"; readonly file: string; readonly why: string }
  | { readonly event: "source.fault"; readonly what: string; readonly why: string }
  | {
      readonly event: "object.invalid";
      readonly severity: "error" | "warning";
      readonly code: string;
      readonly object: string | null;
      readonly at: string;
      readonly message: string;
    }
  | { readonly event: "object.more"; readonly count: number }
  | { readonly event: "object.mended"; readonly object: string | null; readonly at: string; readonly code: string }
  | { readonly event: "peer.added"; readonly peer: string; readonly address: string }
  | { readonly event: "peer.removed"; readonly peer: string }
  | { readonly event: "peer.found"; readonly peer: string; readonly address: string }
  | { readonly event: "peer.held"; readonly peer: string; readonly why: string }
  | { readonly event: "peer.configured"; readonly peer: string; readonly reset: boolean }
  | {
      readonly event: "peer.transition";
      readonly peer: string;
      readonly slot: string;
      readonly from: string;
      readonly to: string;
      readonly why: string;
    }
  | {
      readonly event: "peer.retry";
      readonly peer: string;
      readonly slot: string;
      readonly from: string;
      readonly to: string;
      readonly why: string;
    }
  | {
      readonly event: "peer.established";
      readonly peer: string;
      readonly families: readonly string[];
      readonly holdTimeSeconds: number;
      readonly peerRouterID: string;
    }
  | { readonly event: "peer.down"; readonly peer: string; readonly why: string }
  | {
      readonly event: "peer.error";
      readonly peer: string;
      readonly direction: string;
      readonly code: number;
      readonly subcode: number;
      readonly text: string;
    }
  | { readonly event: "peer.endOfRib"; readonly peer: string; readonly family: string }
  | { readonly event: "peer.updateFault"; readonly peer: string; readonly action: string; readonly message: string }
  | { readonly event: "peer.routeUnsendable"; readonly peer: string; readonly prefix: string; readonly count: number; readonly why: string }
  | {
      readonly event: "bfd.transition";
      readonly peers: readonly string[];
      readonly from: string;
      readonly to: string;
      readonly cause: string;
      /** When the BFD thread saw it. */
      readonly at: string;
    }
  | { readonly event: "bfd.fault"; readonly peers: readonly string[]; readonly why: string }
  | { readonly event: "peer.keyChanged"; readonly peer: string; readonly sessionUp: boolean }
  | { readonly event: "secret.unreadable"; readonly secret: string; readonly why: string }
  | { readonly event: "link.notAdvertised"; readonly device: string; readonly why: string }
  | { readonly event: "listener.keyRefused"; readonly address: string; readonly why: string }
  | { readonly event: "listener.ready"; readonly address: string; readonly port: number }
  | {
      readonly event: "listener.unknownCaller";
      readonly address: string;
      readonly port: number;
      readonly why: string;
      readonly suppressed: number;
    }
  | { readonly event: "dataplane.open"; readonly healthz: string; readonly milliseconds: number }
  | { readonly event: "dataplane.refused"; readonly healthz: string; readonly seconds: number }
  | {
      readonly event: "kube.writeFailed";
      readonly what: string;
      readonly condition: string;
      readonly why: string;
      readonly untold: number;
    }
  | { readonly event: "kube.writeMended"; readonly what: string }
  | { readonly event: "record.failed"; readonly file: string; readonly why: string }
  | { readonly event: "admin.ready"; readonly listen: string }
  | { readonly event: "admin.command"; readonly command: string; readonly from: string }
  | { readonly event: "admin.fault"; readonly what: string; readonly why: string };

export type LogEventName = LogEvent["event"];

const LEVELS = {
  "speaker.started": "info",
  "speaker.synced": "info",
  "speaker.stopping": "info",
  "speaker.stopped": "info",
  "speaker.reloaded": "info",
  "speaker.reloadFailed": "warn",
  "controller.synced": "info",
  "controller.leading": "info",
  "controller.following": "info",
  "lease.acquired": "info",
  "lease.lost": "warn",
  "lease.heldByOther": "info",
  "lease.fault": "warn",
  "address.written": "info",
  "address.unavailable": "warn",
  "address.writeFailed": "warn",
  "address.readFailed": "warn",
  "pool.writeFailed": "warn",
  "state.unavailable": "warn",
  "ownPod.unknown": "warn",
  "state.restored": "info",
  "state.ignored": "warn",
  "state.unwritable": "warn",
  "drain.restored": "warn",
  "state.written": "info",
  "state.unremovable": "warn",
  "source.fault": "warn",
  "object.invalid": "warn",
  "object.more": "warn",
  "object.mended": "info",
  "peer.added": "info",
  "peer.removed": "info",
  "peer.found": "info",
  "peer.held": "warn",
  "peer.configured": "info",
  "peer.transition": "info",
  "peer.retry": "debug",
  "peer.established": "info",
  "peer.down": "info",
  "peer.error": "warn",
  "peer.endOfRib": "debug",
  "peer.updateFault": "warn",
  "peer.routeUnsendable": "warn",
  "bfd.transition": "info",
  "bfd.fault": "warn",
  "peer.keyChanged": "info",
  "secret.unreadable": "warn",
  "link.notAdvertised": "warn",
  "listener.keyRefused": "warn",
  "listener.ready": "info",
  "listener.unknownCaller": "warn",
  "dataplane.open": "info",
  "dataplane.refused": "warn",
  "kube.writeFailed": "warn",
  "kube.writeMended": "info",
  "record.failed": "error",
  "admin.ready": "info",
  "admin.command": "info",
  "admin.fault": "warn",
} as const satisfies Record<LogEventName, LogLevel>;

/** Writes one event. Never throws. */
export type Log = (event: LogEvent) => void;

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format: "auto" | "json" | "pretty";
}

/**
 * One line per event on stderr: `time level event …`. Results belong to stdout, so nothing else may write here.
 * The destination is synchronous: a line that was logged survives the crash that follows, and a bundle has no worker to lose.
 */
export function createLog(options: LogOptions): Log {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stderr.isTTY === true);
  return createLogTo(options.level, pretty ? prettyStream() : fileDestination({ fd: 2, sync: true }));
}

/** The same onto any stream. */
export function createLogTo(level: LogLevel, stream: DestinationStream): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return (event) => {
    logger[LEVELS[event.event]](event);
  };
}

/** A log that drops everything: offline commands and tests. */
export const silentLog: Log = () => {};

function prettyStream(): DestinationStream {
  const print = prettyFactory({
    colorize: !process.env["NO_COLOR"],
    translateTime: "SYS:HH:MM:ss.l",
    messageKey: "event",
    singleLine: true,
  });
  return {
    write: (line: string) => {
      process.stderr.write(print(line));
    },
  };
}
