/**
 * Objects from an API server. Without arguments: the first read of 10,000 Services and 10,000 EndpointSlices of ten endpoints, over TLS, from a recorded
 * server in a process of its own: by `curl` (which understands nothing), by the source alone, with the planner behind it, by the whole speaker, and by the
 * informer of `@kubernetes/client-node`. `api [SERVICES]`: the same from a real kube-apiserver. `churn [PER_SECOND [SECONDS]]`: changes of slices, from the moment a
 * server says them to the moment they are decided. `figures [SERVICES [PER_SECOND [SECONDS]]]`: a round of each but the speaker, as the tests have it.
 *
 * `cpuMillis` is the process's own time, which other load does not stretch; `worstTurnMillis` how late the event loop was, which it does. All run with the flags
 * of Node that the image has (deploy/image/herald).
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PROTOBUF_TYPE } from "../src/kube/meta-messages.ts";
import { populatedApiServer } from "./support/populated-api-server.ts";
import { serveRecording } from "./support/recorded-api-server.ts";
import { followSource, type ServerAccess } from "./support/source-clients.ts";

const SERVICES = 10_000;
/** A test needs no best of several. */
const ROUNDS = process.argv[2] === "figures" ? 1 : 2;
const LISTS = ["/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"];

const [, self = "", mode = "recorded", ...args] = process.argv;
/** Flags of Node with which the image runs Herald. */
const FLAGS = (readFileSync(join(process.env["HERALD_ROOT"] ?? ".", "deploy/image/herald"), "utf8").split("\n")[0] ?? "")
  .split(" ")
  .slice(1);
const directory = mkdtempSync(join(tmpdir(), "herald-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const rows: Record<string, unknown>[] = [];

interface Recorded extends ServerAccess {
  readonly objects: number;
}

/** This program again, in another role. It ends with its standard input. */
class Child {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const options = { env: { ...process.env, ...env } };
    this.#child = spawn(process.execPath, [...FLAGS, "--expose-gc", self, ...command], { ...options, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that it says, as JSON. */
  async line<T>(): Promise<T> {
    const { value } = await this.#lines.next();
    return JSON.parse(value);
  }

  tell(text: string): void {
    this.#child.stdin.write(text);
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  async end(): Promise<void> {
    const closed = this.#child.exitCode !== null ? null : new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin.end();
    await closed;
  }
}

switch (mode) {
  case "serve":
    await serveRecording(Number(args[0] ?? SERVICES));
    break;
  case "follow":
    await followSource(JSON.parse(args[0] ?? ""), args[1] === "plans");
    break;
  case "inform": {
    // Evaluated only here: it is large.
    const { followInformer } = await import("./support/informer-client.ts");
    await followInformer(JSON.parse(args[0] ?? ""));
    break;
  }
  case "churn":
    await churn(Number(args[0] ?? 1000), Number(args[1] ?? 60));
    break;
  case "api": {
    const server = await populatedApiServer(Number(args[0] ?? SERVICES));
    try {
      await firstReads(server.access);
    } finally {
      await server.stop();
    }
    break;
  }
  case "figures": {
    const services = Number(args[0] ?? SERVICES);
    const server = new Child(["serve", String(services)]);
    const { url, ca, objects } = await server.line<Recorded>();
    rows.push({ how: "server", objects });
    const json = JSON.stringify({ url, ca });
    await curl({ url, ca });
    await read("source", ["follow", json]);
    await read("informer of client-node", ["inform", json]);
    await server.end();
    await churn(Number(args[1] ?? 1000), Number(args[2] ?? 5), services);
    break;
  }
  default: {
    const server = new Child(["serve"]);
    const { url, ca } = await server.line<ServerAccess>();
    await firstReads({ url, ca });
    await server.end();
    const pages = new Child(["serve"], { RECORDED_PAGES: "1" });
    const paged = await pages.line<ServerAccess>();
    await read("source, pages", ["follow", JSON.stringify({ url: paged.url, ca: paged.ca })]);
    await pages.end();
  }
}
if (rows.length > 0) process.stdout.write(`${JSON.stringify(rows)}\n`);

async function firstReads(access: ServerAccess): Promise<void> {
  const json = JSON.stringify(access);
  await curl(access);
  await read("source", ["follow", json]);
  await read("source and planner", ["follow", json, "plans"]);
  await speaker(access);
  await read("informer of client-node", ["inform", json]);
}

/** The best of some rounds: what other load adds is no property of the code. */
async function read(how: string, command: readonly string[]): Promise<void> {
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = new Child(command);
    rounds.push(await child.line<Record<string, number>>());
    await child.end();
  }
  print(how, rounds);
}

/** What the server says in JSON, and in what the source asks it for. */
async function curl(access: ServerAccess): Promise<void> {
  await curlAs("curl", "application/json", access);
  await curlAs("curl, protobuf", PROTOBUF_TYPE, access);
}

async function curlAs(how: string, accept: string, { url, ca, token }: ServerAccess): Promise<void> {
  const file = join(directory, "ca.pem");
  writeFileSync(file, ca);
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const targets = LISTS.flatMap((path) => ["-o", "/dev/null", `${url}${path}`]);
    const authorization = token === undefined ? [] : ["-H", `Authorization: Bearer ${token}`];
    const child = spawn(
      "curl",
      ["-sSf", "--no-progress-meter", "--http2", "-Z", "-H", `Accept: ${accept}`, "--cacert", file, ...authorization, ...targets],
      {
        stdio: "inherit",
      },
    );
    await new Promise((resolve) => child.once("close", resolve));
    rounds.push({ millis: Math.round(performance.now() - began) });
  }
  print(how, rounds);
}

/** The bundle as it ships; time from its connection, memory and CPU time of the whole process. */
async function speaker({ url, ca, token }: ServerAccess): Promise<void> {
  const kubeconfig = join(directory, "kubeconfig");
  const cluster = { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "bench", cluster }],
    users: [{ name: "bench", user: { token: token ?? "none" } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    "current-context": "bench",
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const file = join(directory, "herald.json");
  const settings = {
    nodeName: "node-1",
    source: { kubernetes: { kubeconfig } },
    bgp: { port: 0 },
    admin: { listen: "127.0.0.1:0" },
    stateFile: "",
  };
  writeFileSync(file, JSON.stringify(settings));
  const bundle = join(process.env["HERALD_ROOT"] ?? ".", "dist/herald.mjs");
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [...FLAGS, bundle, "speaker", "--config", file], { stdio: ["ignore", "ignore", "pipe"] });
    const milliseconds = await new Promise<number>((resolve) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        const { event, milliseconds: millis } = JSON.parse(line);
        if (event === "speaker.synced") resolve(millis);
      });
    });
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    const [, , , , , , , , , , , user = 0, system = 0] = readFileSync(`/proc/${child.pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")
      .map(Number);
    rounds.push({
      millis: milliseconds,
      // Clock ticks of 10 ms, from the start of the process.
      cpuMillis: (user + system) * 10,
      rssMiBPeak: Math.round(Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) / 1024),
    });
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("close", resolve));
  }
  print("speaker (dist/herald.mjs)", rounds);
}

async function churn(perSecond: number, seconds: number, services = SERVICES): Promise<void> {
  for (const plans of ["", "plans"]) {
    const server = new Child(["serve", String(services)]);
    const { url, ca } = await server.line<ServerAccess>();
    const client = new Child(["follow", JSON.stringify({ url, ca }), plans]);
    await client.line<object>();
    server.tell(`churn ${perSecond} ${seconds}\n`);
    const { said, state } = await server.line<{ said: number; state: string }>();
    client.tell(`${state}\n`);
    client.closeInput();
    const { rssMiBFirstQuarter, rssMiBLastQuarter, ...result } = await client.line<Record<string, number>>();
    rows.push({
      how: plans === "" ? "changes, source" : "changes, source and planner",
      perSecond,
      seconds,
      said,
      ...result,
      rssMiBFirstQuarter,
      rssMiBLastQuarter,
      load: load(),
    });
    await Promise.all([client.end(), server.end()]);
  }
}

function print(how: string, rounds: readonly Record<string, number>[]): void {
  const best = [...rounds].sort((a, b) => (a["cpuMillis"] ?? a["millis"] ?? 0) - (b["cpuMillis"] ?? b["millis"] ?? 0))[0];
  rows.push({ how, ...best, load: load() });
}

function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}
