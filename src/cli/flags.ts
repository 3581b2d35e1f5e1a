/** Flags of commands, as commander gives them: those that several share are declared here, and turned into what the code behind takes. */

import type { Command } from "commander";
import { type OutputFormat, parseOutputFormat } from "./output.ts";
import { DEFAULT_SERVER } from "./servers.ts";

/** Flags of commands that read. */
export interface ReadFlags {
  readonly output: string;
  readonly namespace: string;
  readonly heraldNamespace: string;
  readonly server?: readonly string[];
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Flags of `herald speaker` as commander gives them. */
export interface SpeakerFlags {
  readonly config?: string;
  readonly nodeName?: string;
  readonly directory?: string;
  readonly kubeconfig?: string;
  readonly adminListen?: string;
  readonly loadBalancerClass?: string;
  readonly record?: string;
  readonly logLevel?: string;
  readonly whileStdin?: true;
}

export interface PlanFlags {
  readonly node?: string;
  readonly peer?: string;
  readonly against?: string;
  readonly exitCode?: true;
}

export interface DrainFlags extends Pick<ReadFlags, "kubeconfig" | "context"> {
  readonly reason?: string;
  readonly wait?: true;
  readonly timeout: string;
  readonly server?: string;
}

export function output(command: Command): Command {
  return command.option("-o, --output <format>", "table, wide, json or yaml", "table");
}

/** Flags of commands that ask running speakers. */
export function live(command: Command): Command {
  return output(command).option(
    "--server <url>",
    `a speaker: http://host:port or unix:/path, repeatable (default: ${DEFAULT_SERVER})`,
    collect,
  );
}

/** Flags of commands that plan. */
export function planning(command: Command): Command {
  const withOutput = command.options.some(({ long }) => long === "--output") ? command : output(command);
  return cluster(withOutput)
    .option("-n, --namespace <name>", "of a bare Service name", "default")
    .option("--herald-namespace <name>", "where Herald's own kinds are read", "herald-system");
}

/** Flags of commands that reach an API server. */
export function cluster(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "how to reach the live cluster (default: KUBECONFIG, ~/.kube/config, the Pod's service account)")
    .option("--context <name>", "a context of the kubeconfig (default: its current one)");
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

export function reading(flags: ReadFlags): { output: OutputFormat; namespace: string; heraldNamespace: string } {
  return { output: parseOutputFormat(flags.output), namespace: flags.namespace, heraldNamespace: flags.heraldNamespace };
}

export function asking(flags: ReadFlags): { output: OutputFormat; servers: readonly string[]; serversNamed: boolean } {
  return { output: parseOutputFormat(flags.output), servers: flags.server ?? [DEFAULT_SERVER], serversNamed: flags.server !== undefined };
}

export function reaching(flags: Pick<ReadFlags, "kubeconfig" | "context">): { kubeconfig: string; context: string } {
  return { kubeconfig: flags.kubeconfig ?? "", context: flags.context ?? "" };
}

/** The Service that is asked for, `namespace/name`; null = every one. */
export function namedService({ service, namespace }: Pick<ReadFlags, "namespace"> & { readonly service?: string }): string | null {
  if (service === undefined) return null;
  return service.includes("/") ? service : `${namespace}/${service}`;
}
