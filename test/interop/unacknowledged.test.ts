import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type PeerSpec, serviceAt } from "../support/lab/cluster.ts";
import { type Daemon, Fabric } from "../support/lab/fabric.ts";
import { Herald } from "../support/lab/herald.ts";
import { num, record } from "../support/lab/json.ts";
import { LinkCut } from "../support/lab/link-cut.ts";
import { until } from "../support/lab/wait.ts";
import { projectFile } from "../support/project.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
const ASN = 65000;
const TOR = {
  name: "tor",
  myASN: 65001,
  peerASN: ASN,
  peerAddress: ROUTER,
  families: ["IPv4"],
  connectTime: "1s",
  holdTime: "6s",
  sendHoldTime: "7s",
} as const satisfies PeerSpec;
/** KEEPALIVEs that the router sends in twice the hold time. */
const BEATS = 48;
/** Far more octets of UPDATEs than both kernels hold. */
const SERVICES = 6000;

// The router's KEEPALIVEs go on, so the hold timer takes no part; it has no timers of its own. Which of the others ends the session is asked here (docs/sessions.md).
requireTools(
  "root",
  "ip",
  "nft",
  "ss",
  "sysctl",
)("A router that goes on saying KEEPALIVE", () => {
  let fabric: Fabric;
  let herald: Herald;
  let cut: LinkCut;
  let router: Daemon | undefined;

  beforeAll(async () => {
    fabric = new Fabric("unacked", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    // Small buffers, so that a window that stays shut is felt soon.
    fabric.host("node").run("sysctl", ["-qw", "net.ipv4.tcp_wmem=4096 4096 4096"]);
    fabric.host("router").run("sysctl", ["-qw", "net.ipv4.tcp_rmem=4096 4096 4096"]);
    cut = new LinkCut(fabric.host("router"));
    herald = new Herald(fabric.host("node"), { node: "node" });
    herald.cluster.node("node", [NODE]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services(Array.from({ length: SERVICES }, (_, n) => serviceAt(n, "plain")));
    herald.cluster.peers([TOR]);
    await herald.start();
  });
  afterAll(async () => fabric?.close());
  afterEach(async () => {
    await router?.stop("SIGKILL");
    cut.mend();
  });

  const routerThat = (manner: "reads" | "deaf"): Daemon =>
    fabric.host("router").start(process.execPath, [projectFile("test/support/programs/keepalive-router.mjs"), ROUTER, String(ASN), manner]);
  const heard = async (): Promise<{ readonly up: boolean; readonly keepalives: number }> => {
    const { state, received } = await herald.peer("tor");
    return { up: state === "Established", keepalives: num(record(received)["keepalives"]) };
  };
  /** What the node's kernel waits for on its connection to the router. */
  const kernelTimer = (): string => /timer:\((\w+)/.exec(fabric.host("node").run("ss", ["-Htno", `dst ${ROUTER}`]))?.[1] ?? "";

  it("and reads nothing, so that its window stays shut, is given up by the send hold timer, before the kernel does", async () => {
    router = routerThat("deaf");
    await until("the session is up, behind a shut window", async () => (await heard()).up && kernelTimer() === "persist");
    await until("the send hold timer is named", async () => num(record((await herald.peer("tor"))["lastError"])["code"]) === 8);
    expect(record((await herald.peer("tor"))["lastError"])).toMatchObject({
      direction: "sent",
      name: "Send Hold Timer Expired",
      text: "the router has read nothing from us for 7 s",
    });
    expect(herald.output()).not.toContain("sent Hold Timer Expired");
  }, 90_000);

  it("and of ours gets nothing any more is given up by the kernel: TCP_USER_TIMEOUT, ten seconds after sendHoldTime", async () => {
    herald.cluster.peers([{ ...TOR, sendHoldTime: "10m" }]);
    const before = herald.output().length;
    router = routerThat("reads");
    await until("all routes are acknowledged", async () => {
      const { announced, state } = await herald.peer("tor");
      return state === "Established" && num(record(announced)["IPv4"]) === SERVICES && kernelTimer() !== "on";
    });
    const { keepalives } = await heard();
    // Told to a session that is up, which goes on.
    herald.cluster.peers([TOR]);
    cut.dropDataToBgp();
    await until("the session outlived the hold time and sendHoldTime, unacknowledged", async () => {
      const now = await heard();
      return now.up && now.keepalives >= keepalives + BEATS && kernelTimer() === "on";
    });
    await until("the session has ended", async () => !(await heard()).up);
    const said = herald.output().slice(before);
    expect(said).toContain("the router has acknowledged nothing from us for too long (connection timed out)");
    expect(said).not.toContain("Timer Expired");
  }, 90_000);
});
