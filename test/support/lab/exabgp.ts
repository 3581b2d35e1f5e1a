import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon, Host } from "./fabric.ts";
import { record } from "./json.ts";
import type { RouterSettings } from "./router.ts";

/** ExaBGP as a receiver: it keeps no table, but writes each message it decodes as a line of JSON. */
export class Exabgp {
  readonly product = "ExaBGP";
  readonly #host: Host;
  readonly #configuration: string;
  readonly #messages: string;
  readonly #sink: string;
  #daemon: Daemon | undefined;

  constructor(host: Host, settings: RouterSettings) {
    this.#host = host;
    this.#messages = join(host.directory, "messages.jsonl");
    this.#sink = join(host.directory, "sink.sh");
    this.#configuration = configurationOf(settings, this.#sink);
  }

  async start(): Promise<void> {
    const file = join(this.#host.directory, "exabgp.conf");
    writeFileSync(file, this.#configuration);
    writeFileSync(this.#messages, "");
    // ExaBGP splits the command at spaces and knows no quotes; it takes a closed standard output for the end, so the shell keeps it open.
    writeFileSync(this.#sink, `#!/bin/sh\ncat >> ${this.#messages}\nexit\n`, { mode: 0o755 });
    // Written by ExaBGP's helper process, which runs as nobody.
    this.#host.run("chmod", ["0666", this.#messages]);
    this.#daemon = this.#host.start("exabgp", [file], {
      "exabgp.daemon.user": "root",
      "exabgp.api.cli": "false",
      "exabgp.api.ack": "false",
      "exabgp.tcp.bind": "",
      "exabgp.log.level": "INFO",
    });
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  /** Every message decoded so far. A last line that is still being written is left out. */
  messages(): readonly Record<string, unknown>[] {
    const lines = this.#host.run("cat", [this.#messages]).split("\n").slice(0, -1);
    return lines.map((line) => record(JSON.parse(line)));
  }
}

function configurationOf(settings: RouterSettings, sink: string): string {
  const neighbors = settings.peers.map((peer) =>
    [
      `neighbor ${peer.address} {`,
      `  router-id ${settings.routerId};`,
      `  local-address ${settings.address};`,
      `  local-as ${settings.asn};`,
      `  peer-as ${peer.asn};`,
      `  hold-time ${peer.holdTimeSeconds ?? 90};`,
      `  capability { asn4 ${peer.asn2 === true ? "disable" : "enable"}; route-refresh; }`,
      `  family { ${peer.families.map((family) => `${family.toLowerCase()} unicast;`).join(" ")} }`,
      "  api { processes [ sink ]; neighbor-changes; receive { parsed; update; open; notification; } }",
      "}",
    ].join("\n"),
  );
  return `process sink {\n  run ${sink};\n  encoder json;\n}\n${neighbors.join("\n")}\n`;
}
