/**
 * The commands, their arguments and flags. Definitions only: what a command does is imported when it is called, so that `herald version`
 * does not pay for a BGP speaker. Each `--help` ends with an example that works as it stands.
 */

import { basename } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { SpeakerError } from "../errors.ts";
import type { ControllerFlags } from "./controller.ts";
import { EXIT, type ExitCode, exitCodeOf, formatFailure } from "./failure.ts";
import {
  asking,
  cluster,
  type DrainFlags,
  live,
  namedService,
  output,
  type PlanFlags,
  planning,
  type ReadFlags,
  reaching,
  reading,
  type SpeakerFlags,
} from "./flags.ts";
import { parseOutputFormat } from "./output.ts";
import { DEFAULT_SERVER } from "./servers.ts";

/** Runs `argv` (as in `process.argv`) to its end. Never throws: every failure is a line on stderr and an exit code. */
export async function run(argv: readonly string[]): Promise<ExitCode | number> {
  const withStack = debugWanted(argv);
  const outcome = { code: EXIT.done as number };
  const fail = (error: unknown): void => {
    process.stderr.write(`${formatFailure(error, withStack)}\n`);
  };
  onBrokenPipe();
  process.on("uncaughtException", (error) => {
    fail(error);
    process.exit(EXIT.failed);
  });
  try {
    await createProgram(invokedAs(argv), (code) => {
      outcome.code = code;
    }).parseAsync([...argv]);
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const known = error instanceof CommanderError ? usageError(error, argv) : error;
    fail(known);
    return exitCodeOf(known);
  }
}

/** `kubectl herald` when kubectl runs this as its plugin. */
export function invokedAs(argv: readonly string[]): string {
  return basename(argv[1] ?? "").startsWith("kubectl-") ? "kubectl herald" : "herald";
}

/** The whole command line. `finish` is told the exit code of the command that ran. */
export function createProgram(name: string, finish: (code: number) => void): Command {
  const program = new Command(name)
    .description("Announces Kubernetes service addresses to routers by BGP, and says why, or why not.")
    .usage("COMMAND [options]")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText("after", `\nExample:\n  ${name} demo`);

  const command = (usage: string, description: string, example: string): Command => {
    const made = program
      .command(usage)
      .description(description)
      .allowExcessArguments(false)
      .addOption(
        new Option("--log-level <level>", "debug, info, warn or error; debug also prints stacks").hideHelp(
          usage !== "speaker" && usage !== "controller",
        ),
      )
      .addHelpText("after", `\nExample:\n  ${name} ${example}`);
    return made;
  };

  command(
    "speaker",
    "Runs on each node: announces what the cluster's objects ask for.",
    "speaker --directory config/demo --node-name node-1",
  )
    .option("--config <file>", "the process's own configuration (YAML)")
    .option("--node-name <name>", "this node (default: NODE_NAME, then the host name)")
    .option("--directory <path>", "read objects from files instead of an API server, and follow changes to them")
    .option("--kubeconfig <file>", "how to reach the API server (default: in-cluster)")
    .option("--admin-listen <address>", "admin API: host:port or unix:/path (default: 127.0.0.1:7179)")
    .option("--load-balancer-class <name>", "LoadBalancer Services of this class are ours")
    .option("--record <file>", "append every session event as a JSON line, for `replay`")
    .addOption(new Option("--while-stdin", "stop when standard input ends").hideHelp())
    .action(async (flags: SpeakerFlags) => finish(await (await import("./speaker.ts")).runSpeaker(flags)));

  command(
    "controller",
    "Cluster-wide work, by one of several: gives LoadBalancer Services their addresses.",
    "controller --kubeconfig ~/.kube/config",
  )
    .option("--config <file>", "the process's own configuration (YAML)")
    .option("--kubeconfig <file>", "how to reach the API server (default: in-cluster)")
    .option("--admin-listen <address>", "health and metrics: host:port or unix:/path (default: 127.0.0.1:7179)")
    .option("--load-balancer-class <name>", "LoadBalancer Services of this class are ours")
    .action(async (flags: ControllerFlags) => finish(await (await import("./controller.ts")).runController(flags)));

  planning(
    command(
      "plan [path...]",
      "What would be announced, per node and peer. PATH: files or directories of objects, - for stdin, live for the cluster (default).",
      "plan config/demo",
    ),
  )
    .option("--node <name>", "only this node")
    .option("--peer <name>", "only this peer")
    .option("--against <old>", "what going from OLD (a path, or live) to PATH would change")
    .option("--exit-code", "with --against: exit 3 when something would change")
    .action(async (paths: string[], flags: ReadFlags & PlanFlags) =>
      finish(
        await (await import("./plan.ts")).runPlan({
          ...reading(flags),
          access: reaching(flags),
          paths,
          node: flags.node ?? null,
          peer: flags.peer ?? null,
          against: flags.against ?? null,
          exitCode: flags.exitCode === true,
        }),
      ),
    );

  planning(
    live(
      command(
        "explain <subject> [path...]",
        "The checks that decide, in order. SUBJECT: a Service [namespace/]name, an address or a prefix. PATH: as of plan; without it running speakers are asked.",
        "explain shop/api config/demo",
      ),
    ),
  )
    .option("--node <name>", "only this node")
    .option("--peer <name>", "only what concerns this peer")
    .action(async (subject: string, paths: string[], flags: ReadFlags & PlanFlags) =>
      finish(
        await (await import("./explain.ts")).runExplain({
          ...reading(flags),
          ...asking(flags),
          access: reaching(flags),
          subject,
          paths,
          node: flags.node ?? null,
          peer: flags.peer ?? null,
        }),
      ),
    );

  planning(
    live(
      command(
        "balance [path...]",
        "What part of each address's flows every node and pod gets, and what would even it out. PATH: as of plan; without it running speakers are asked.",
        "balance config/demo -o wide",
      ),
    ),
  )
    .option("--service <name>", "only this Service, [namespace/]name")
    .option("--ecmp-width <n>", "with PATH: equal paths that the router uses (default: 64)")
    .action(async (paths: string[], flags: ReadFlags & { readonly service?: string; readonly ecmpWidth?: string }) =>
      finish(
        await (await import("./balance.ts")).runBalance({
          ...reading(flags),
          ...asking(flags),
          access: reaching(flags),
          service: namedService(flags),
          ecmpWidth: flags.ecmpWidth ?? null,
          paths,
        }),
      ),
    );

  live(command("peers", "Sessions of running speakers.", "peers --server http://127.0.0.1:7179")).action(async (flags: ReadFlags) =>
    finish(await (await import("./peers.ts")).runPeers(asking(flags))),
  );
  live(command("routes", "What running speakers announce.", "routes -o wide")).action(async (flags: ReadFlags) =>
    finish(await (await import("./routes.ts")).runRoutes(asking(flags))),
  );
  live(command("services", "Every address of every Service, announced or not, and why.", "services -o wide")).action(
    async (flags: ReadFlags) => finish(await (await import("./services.ts")).runServices(asking(flags))),
  );
  live(command("events", "What changed, when and why, newest last.", "events --service shop/api --since 10m"))
    .option("--service <name>", "only this Service, [namespace/]name")
    .option("--since <time>", "RFC 3339 time, or a duration like 10m")
    .option("-n, --namespace <name>", "of a bare Service name", "default")
    .action(async (flags: ReadFlags & { readonly service?: string; readonly since?: string }) => {
      const since = flags.since ?? null;
      finish(await (await import("./events.ts")).runEvents({ ...asking(flags), service: namedService(flags), since }));
    });

  cluster(
    command("drain <node>", "Marks a Node for drain: its speaker withdraws every route.", 'drain node-1 --reason "new kernel" --wait'),
  )
    .option("--reason <text>", "why, for whoever looks at the Node")
    .option("--wait", "until the node's speaker announces nothing")
    .option("--timeout <duration>", "with --wait: longest wait", "2m")
    .option("--server <url>", `with --wait: the node's speaker (default: ${DEFAULT_SERVER})`)
    .action(async (node: string, flags: DrainFlags) =>
      finish(
        await (await import("./drain.ts")).runDrain({
          access: reaching(flags),
          node,
          reason: flags.reason ?? null,
          wait: flags.wait === true ? { server: flags.server ?? DEFAULT_SERVER, timeout: flags.timeout } : null,
        }),
      ),
    );
  cluster(command("undrain <node>", "Takes that mark away: the node announces again.", "undrain node-1")).action(
    async (node: string, flags: DrainFlags) => finish(await (await import("./drain.ts")).runUndrain({ access: reaching(flags), node })),
  );

  output(command("validate <path...>", "A line per finding in files or directories of objects; - for stdin.", "validate config/demo"))
    .option("--herald-namespace <name>", "where Herald's own kinds are read", "herald-system")
    .action(async (paths: string[], flags: ReadFlags) =>
      finish(
        await (await import("./validate.ts")).runValidate({
          output: parseOutputFormat(flags.output),
          heraldNamespace: flags.heraldNamespace,
          paths,
        }),
      ),
    );
  command("crds", "The CustomResourceDefinitions of Herald's kinds, as YAML.", "crds | kubectl apply -f -").action(async () =>
    finish(await (await import("./crds.ts")).runCrds()),
  );
  command("demo", "A router, three speakers and a small cluster on this machine.", "demo --once")
    .option("--once", "play the scenario, check the router's table after every step, exit")
    .option("--router <name>", "builtin, frr, gobgp or bird", "builtin")
    .addOption(new Option("-o, --output <format>", "with --once: table or json").default("table"))
    .action(async (flags: { readonly once?: true; readonly router: string; readonly output: string }) =>
      finish(
        await (await import("./demo.ts")).runDemoCommand({
          once: flags.once === true,
          router: flags.router,
          output: parseOutputFormat(flags.output),
        }),
      ),
    );
  output(command("replay <file>", "Steps a recorded session again and compares every action.", "replay session.jsonl")).action(
    async (file: string, flags: ReadFlags) =>
      finish(await (await import("./replay.ts")).runReplay({ file, output: parseOutputFormat(flags.output) })),
  );
  output(command("version", "Version, commit, Node, and whether socket options can be set.", "version -o json")).action(
    async (flags: ReadFlags) => finish(await (await import("./version.ts")).runVersion(parseOutputFormat(flags.output))),
  );
  program
    .command("generate <what>", { hidden: true })
    .description("Documents made from the code: fsm.")
    .action(async (what: string) => finish(await (await import("./generate.ts")).runGenerate(what)));
  return program;
}

function usageError(error: CommanderError, argv: readonly string[]): SpeakerError {
  const name = invokedAs(argv);
  const words = error.code === "commander.help" ? "no command" : error.message.replace(/^error: /, "").replaceAll("\n", " ");
  const command = argv[2];
  const known = command !== undefined && !command.startsWith("-") && error.code !== "commander.unknownCommand";
  return new SpeakerError("USAGE", words, { remedy: `see ${known ? `${name} ${command}` : name} --help`, cause: error });
}

/** Read before anything can fail, so that a failure while parsing has its stack too. */
function debugWanted(argv: readonly string[]): boolean {
  return argv.some((word, index) => word === "--log-level=debug" || (word === "--log-level" && argv[index + 1] === "debug"));
}

/** `herald routes | head` is no error: whoever read has what they wanted. */
function onBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT.done : EXIT.failed);
  });
  // Nobody is left to tell.
  process.stderr.on("error", () => {});
}
