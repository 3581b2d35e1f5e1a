import { parseAddress } from "../ip/parse.ts";
import { parseRouterId } from "../ip/router-id.ts";
import { boolean, choice, integer, numberOrText, type Parsed, string, text } from "../objects/scalars.ts";
import { quoted, type Schema } from "../objects/schema.ts";
import { type Field, list, object, optional, orElse, withDefault } from "../objects/structures.ts";
import { parseDuration } from "../text/duration.ts";
import { LISTEN_ALLOWED, parseListenAddress } from "./listen-address.ts";

/** Keys of the process's own file, described like the objects: types, defaults and checks from one place. */

const NODE_NAME_ALLOWED = "the name of a Node; empty = env NODE_NAME, then the host name";

const source = object(
  "Where objects come from.",
  {
    kubernetes: optional(
      object("An API server.", {
        kubeconfig: orElse(string("A kubeconfig; empty = in-cluster.", anyText()), ""),
        context: orElse(string("A context of it; empty = the current one.", anyText()), ""),
      }),
    ),
    directory: optional(string("A directory of .yaml, .yml and .json files.", { maxLength: 4096, allowed: "a path" })),
  },
  [
    {
      cel: "",
      message: "kubernetes and directory exclude each other",
      field: "directory",
      holds: ({ kubernetes, directory }) => kubernetes === null || directory === null,
    },
  ],
);

const drainOn = object("What drains this node.", {
  annotation: withDefault(boolean("The annotation herald.dev/drain on the Node."), true),
  nodeShutdown: withDefault(boolean("kubelet says that the node is shutting down."), true),
  cordon: withDefault(boolean("The Node is unschedulable."), false),
  taints: withDefault(list("Taints by key.", string("A key.", { maxLength: 317 }), { max: 64 }), [
    "node.kubernetes.io/out-of-service",
    "ToBeDeletedByClusterAutoscaler",
  ]),
});

/** `admin.listen` and --admin-listen. */
export const adminListenSchema = text("Where it listens.", parseListenAddress, { maxLength: 128, allowed: LISTEN_ALLOWED });

/** `log.level` and --log-level. */
export const logLevelSchema = choice("Least level that is written.", ["debug", "info", "warn", "error"]);

/** config/herald.yaml. */
export const configSchema = object("Herald's own configuration.", {
  nodeName: orElse(string("The Node this speaker runs on.", { ...anyText(253), allowed: NODE_NAME_ALLOWED }), ""),
  namespace: orElse(string("Herald's own namespace; empty = env POD_NAMESPACE, then herald-system.", anyText(63)), ""),
  source: orElse(source, {}),
  bgp: group(
    object("BGP on this node.", {
      listen: orElse(
        list("Addresses to accept sessions on.", text("An address.", parseAddress, { maxLength: 45, allowed: "an IPv4 or IPv6 address" }), {
          max: 64,
        }),
        [],
      ),
      port: withDefault(integer("Port to accept sessions on; 0 = any free one.", { min: 0, max: 65535 }), 179),
      routerID: orElse(orEmpty(text("BGP Identifier.", parseRouterId, { maxLength: 15, allowed: "a text like an IPv4 address" })), ""),
    }),
  ),
  admin: group(
    object("The admin API.", {
      listen: withDefault(adminListenSchema, "127.0.0.1:7179"),
      metricsListen: orElse(
        orEmpty(text("A second listener with metrics alone.", parseListenAddress, { maxLength: 128, allowed: LISTEN_ALLOWED })),
        "",
      ),
    }),
  ),
  loadBalancerClass: orElse(string("The loadBalancerClass that is ours.", anyText(317)), ""),
  serviceProxyName: orElse(string("The service-proxy-name that is ours.", anyText(63)), ""),
  dataplane: group(
    object("The node's service proxy.", {
      healthz: withDefault(text("Its health.", parseHealthz, { maxLength: 2048, allowed: "auto, off or an http URL" }), "auto"),
    }),
  ),
  ignoreExcludeLabel: withDefault(boolean("Announce from nodes labelled node.kubernetes.io/exclude-from-external-load-balancers."), false),
  stateFile: withDefault(
    string("What was announced, for a graceful start; empty = none.", { ...anyText(4096), allowed: "a path" }),
    "/var/lib/herald/state.json",
  ),
  stateMaxAge: withDefault(time("Older state files are not used."), "1h"),
  eorDeferral: orElse(orEmpty(time("Longest wait before End-of-RIB.")), ""),
  resetSpread: withDefault(time("Sessions that must be reset are, spread over this time."), "30s"),
  announceHoldDown: withDefault(boolean("Hold down prefixes that come and go."), true),
  weightHoldDown: withDefault(time("Shortest time between changes of one weight."), "10s"),
  weightTolerance: withDefault(fraction("Smaller changes of a weight wait."), 0.2),
  status: group(object("Status objects.", { node: withDefault(onOff("BGPNodeStatus."), "on") })),
  coalesce: withDefault(time("Changes within this time go out together."), "5ms"),
  shutdown: withDefault(choice("What SIGTERM means to routers.", ["auto", "gracefulRestart", "withdraw"]), "auto"),
  drain: group(
    object("Leaving softly.", {
      gracePeriod: withDefault(time("From the graceful-shutdown community to the withdrawal."), "5s"),
      prepend: withDefault(integer("Prepends while draining.", { min: 0, max: 16 }), 0),
      on: group(drainOn),
    }),
  ),
  leaderElection: group(
    object(
      "Which of several controllers works.",
      {
        leaseDuration: withDefault(time("Others take over from one that was silent for so long."), "15s"),
        renewDeadline: withDefault(time("A leader that could not renew for so long stops."), "10s"),
        retryPeriod: withDefault(time("From one attempt to the next."), "2s"),
      },
      [
        {
          cel: "",
          message: "needs 1s ≤ leaseDuration > renewDeadline > 1.2 × retryPeriod > 0",
          field: "leaseDuration",
          holds: ({ leaseDuration, renewDeadline, retryPeriod }) =>
            leaseDuration >= 1000 && leaseDuration > renewDeadline && renewDeadline > 1.2 * retryPeriod && retryPeriod > 0,
        },
      ],
    ),
  ),
  balance: group(
    object("The balance report.", { ecmpWidth: withDefault(integer("Equal paths that the router can use.", { min: 1, max: 4096 }), 64) }),
  ),
  log: group(
    object("Logs, on stderr.", {
      level: withDefault(logLevelSchema, "info"),
      format: withDefault(choice("auto = pretty on a terminal, JSON otherwise.", ["auto", "pretty", "json"]), "auto"),
    }),
  ),
  record: orElse(string("JSON-lines file of every session event; empty = none.", { ...anyText(4096), allowed: "a path" }), ""),
});

/** A group of keys, each with its own default. */
function group<T>(schema: Schema<T>): Field<T> {
  return orElse(schema, {});
}

function anyText(maxLength = 4096): { readonly minLength: 0; readonly maxLength: number } {
  return { minLength: 0, maxLength };
}

/** The empty text stands for "none". */
function orEmpty<T>(schema: Schema<T>): Schema<T | null> {
  return {
    ...schema,
    allowed: `${schema.allowed}, or ""`,
    read: (value, path, report) => (value === "" ? null : schema.read(value, path, report)),
  };
}

function time(description: string): Schema<number> {
  const parse = (value: string): Parsed<number> => {
    const millis = parseDuration(value);
    return millis === undefined ? { ok: false, why: `${quoted(value)} is not a duration` } : { ok: true, value: millis };
  };
  return text(description, parse, { maxLength: 32, allowed: "a duration like 5ms, 90s or 1h30m" });
}

function fraction(description: string): Schema<number> {
  const parse = (value: number | string): Parsed<number> =>
    typeof value === "number" && value >= 0 && value <= 1 ? { ok: true, value } : { ok: false, why: `${value} is not a number in 0..1` };
  return numberOrText(description, parse, { allowed: "a number in 0..1" });
}

/** YAML 1.1 takes `on` for true, YAML 1.2 for text: both mean it. */
function onOff(description: string): Schema<boolean> {
  const words = choice(description, ["on", "off"]);
  return {
    ...words,
    read(value, path, report) {
      if (typeof value === "boolean") return value;
      const word = words.read(value, path, report);
      return typeof word === "string" ? word === "on" : word;
    },
  };
}

function parseHealthz(value: string): Parsed<"auto" | "off" | URL> {
  if (value === "auto" || value === "off") return { ok: true, value };
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    return { ok: false, why: `${quoted(value)} is neither auto, off nor an http URL` };
  return { ok: true, value: new URL(value) };
}
