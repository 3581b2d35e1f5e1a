import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { SpeakerError } from "../errors.ts";
import type { Address } from "../ip/address.ts";
import type { RouterId } from "../ip/router-id.ts";
import { type FieldPath, formatPath, Report } from "../objects/findings.ts";
import { INVALID, type Schema, type TypeOf } from "../objects/schema.ts";
import type { Position } from "../text/document.ts";
import { parseYaml } from "../text/yaml.ts";
import type { ListenAddress } from "./listen-address.ts";
import { adminListenSchema, configSchema, logLevelSchema } from "./schema.ts";

/** The process's own configuration, every key resolved. Immutable: a reload makes a new one. */
export interface SpeakerConfig {
  readonly nodeName: string;
  readonly namespace: string;
  readonly source:
    | { readonly type: "kubernetes"; readonly kubeconfig: string; readonly context: string }
    | { readonly type: "directory"; readonly directory: string };
  readonly bgp: { readonly listen: readonly Address[]; readonly port: number; readonly routerID: RouterId | null };
  readonly admin: { readonly listen: ListenAddress; readonly metricsListen: ListenAddress | null };
  /** "" = none. */
  readonly loadBalancerClass: string;
  /** "" = none. */
  readonly serviceProxyName: string;
  readonly dataplane: { readonly healthz: "auto" | "off" | URL };
  readonly ignoreExcludeLabel: boolean;
  /** null = none. */
  readonly stateFile: string | null;
  readonly stateMaxAgeMillis: number;
  /** null = per peer, restart time − 10 s. */
  readonly eorDeferralMillis: number | null;
  readonly resetSpreadMillis: number;
  readonly announceHoldDown: boolean;
  readonly weightHoldDownMillis: number;
  readonly weightTolerance: number;
  readonly status: { readonly node: boolean };
  readonly coalesceMillis: number;
  readonly shutdown: "auto" | "gracefulRestart" | "withdraw";
  readonly drain: {
    readonly gracePeriodMillis: number;
    readonly prepend: number;
    readonly on: {
      readonly annotation: boolean;
      readonly nodeShutdown: boolean;
      readonly cordon: boolean;
      readonly taints: readonly string[];
    };
  };
  /** Of `herald controller`. Milliseconds. */
  readonly leaderElection: { readonly leaseDuration: number; readonly renewDeadline: number; readonly retryPeriod: number };
  readonly balance: { readonly ecmpWidth: number };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error"; readonly format: "auto" | "pretty" | "json" };
  /** null = none. */
  readonly record: string | null;
}

/** Flags of `herald speaker`; they win over the file. */
export interface SpeakerFlags {
  readonly nodeName?: string | undefined;
  /** Replaces whatever source the file names. */
  readonly directory?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly adminListen?: string | undefined;
  readonly loadBalancerClass?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly record?: string | undefined;
}

export interface ConfigSurroundings {
  readonly flags?: SpeakerFlags;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly hostname?: string;
}

/**
 * Reads the configuration file (null = none), flags over it, defaults under it.
 * @throws {SpeakerError} UNREADABLE without the file; CONFIG_INVALID with every problem, one per line `FILE:LINE:COLUMN: …`; USAGE for a flag.
 */
export function loadConfig(path: string | null, surroundings: ConfigSurroundings = {}): SpeakerConfig {
  if (path === null) return parseConfig("", "", surroundings);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "permission denied" : code === "EISDIR" ? "is a directory" : code;
    throw new SpeakerError("UNREADABLE", `configuration ${path}: ${why}`, { remedy: "name a file with --config", cause });
  }
  return parseConfig(path, text, surroundings);
}

/** The same from text. @throws {SpeakerError} CONFIG_INVALID, USAGE. */
export function parseConfig(file: string, text: string, surroundings: ConfigSurroundings = {}): SpeakerConfig {
  const { flags = {}, env = process.env } = surroundings;
  const spec = readFile(file, text);
  const flagged = readFlags(flags);
  return {
    nodeName: flags.nodeName || spec.nodeName || env["NODE_NAME"] || surroundings.hostname || hostname(),
    namespace: spec.namespace || env["POD_NAMESPACE"] || DEFAULT_NAMESPACE,
    source: sourceOf(spec.source, flags),
    bgp: spec.bgp,
    admin: { ...spec.admin, ...(flagged.admin === null ? {} : { listen: flagged.admin }) },
    loadBalancerClass: flags.loadBalancerClass ?? spec.loadBalancerClass,
    serviceProxyName: spec.serviceProxyName,
    dataplane: spec.dataplane,
    ignoreExcludeLabel: spec.ignoreExcludeLabel,
    stateFile: spec.stateFile || null,
    stateMaxAgeMillis: spec.stateMaxAge,
    eorDeferralMillis: spec.eorDeferral,
    resetSpreadMillis: spec.resetSpread,
    announceHoldDown: spec.announceHoldDown,
    weightHoldDownMillis: spec.weightHoldDown,
    weightTolerance: spec.weightTolerance,
    status: spec.status,
    coalesceMillis: spec.coalesce,
    shutdown: spec.shutdown,
    drain: { gracePeriodMillis: spec.drain.gracePeriod, prepend: spec.drain.prepend, on: spec.drain.on },
    leaderElection: spec.leaderElection,
    balance: spec.balance,
    log: { ...spec.log, ...(flagged.level === null ? {} : { level: flagged.level }) },
    record: (flags.record ?? spec.record) || null,
  };
}

/** Where Herald's own kinds live unless something says otherwise. */
export const DEFAULT_NAMESPACE = "herald-system";

type ConfigFile = TypeOf<typeof configSchema>;
type LogLevel = SpeakerConfig["log"]["level"];

function readFile(file: string, text: string): ConfigFile {
  const { documents, problems } = parseYaml(text);
  const lines = problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const [document, second] = documents;
  if (second !== undefined) lines.push(`${file}:${place(second.locate([]))}: a second document: the configuration is one`);
  const report = new Report();
  const read = problems.length > 0 ? INVALID : configSchema.read(document?.value ?? {}, [], report);
  const locate = (path: FieldPath, part: "key" | "value"): string => place(document?.locate(path, part) ?? { line: 1, column: 1 });
  for (const { path, message, allowed = "", atKey } of report.faults) {
    const hint = allowed === "" ? "" : `; allowed: ${allowed}`;
    lines.push(
      `${file}:${locate(path, atKey === true ? "key" : "value")}: ${[formatPath(path), message].filter((part) => part !== "").join(": ")}${hint}`,
    );
  }
  if (read === INVALID || lines.length > 0) throw new SpeakerError("CONFIG_INVALID", lines.join("\n"));
  return read;
}

function readFlags({ adminListen, logLevel }: SpeakerFlags): { readonly admin: ListenAddress | null; readonly level: LogLevel | null } {
  return {
    admin: adminListen === undefined ? null : readFlag("--admin-listen", adminListen, adminListenSchema),
    level: logLevel === undefined ? null : readFlag("--log-level", logLevel, logLevelSchema),
  };
}

/** A flag is checked like the key it replaces. */
function readFlag<T>(name: string, written: string, schema: Schema<T>): T {
  const report = new Report();
  const value = schema.read(written, [], report);
  if (value !== INVALID) return value;
  throw new SpeakerError("USAGE", `${name}: ${report.faults.map(({ message }) => message).join(", ")}`, {
    remedy: `give ${schema.allowed}`,
  });
}

function sourceOf({ kubernetes, directory }: ConfigFile["source"], flags: SpeakerFlags): SpeakerConfig["source"] {
  if (flags.directory !== undefined && flags.kubeconfig !== undefined) {
    throw new SpeakerError("USAGE", "--directory and --kubeconfig: exclude each other", { remedy: "give one of them" });
  }
  if (flags.directory !== undefined) return { type: "directory", directory: flags.directory };
  if (directory !== null && flags.kubeconfig === undefined) return { type: "directory", directory };
  return {
    type: "kubernetes",
    kubeconfig: flags.kubeconfig ?? kubernetes?.kubeconfig ?? "",
    context: flags.context ?? kubernetes?.context ?? "",
  };
}

function place({ line, column }: Position): string {
  return `${line}:${column}`;
}
