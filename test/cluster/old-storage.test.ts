import { afterAll, beforeAll, expect, it } from "vitest";
import type { ApiServer } from "../support/lab/api-server.ts";
import { bgpPeer, loadBalancer, PEERS, SPEAKER_RULES, servicesIn, slice, slicesIn } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { FOLLOWED_KINDS, Following } from "../support/lab/following.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { findProgram, OLD_ETCD, requireTools } from "../support/requirements.ts";

/**
 * A kube-apiserver on an etcd that cannot do what WatchList needs, and with room for one request at a time, so that what follows from the first (lists
 * instead of watches) meets the second (429). Tests go in order.
 */

const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");
/** So many clients at once that one place for a request is never enough. */
const CLIENTS = 6;

requireTools(...CONTROL_PLANE_NEEDS, OLD_ETCD)("an API server on Debian's etcd", () => {
  let server: ApiServer;
  const followings: Following[] = [];

  beforeAll(async () => {
    server = await preparedServer(
      { herald: SPEAKER_RULES },
      {
        etcd: findProgram("etcd") ?? "",
        // Without fairness there is no queue: who comes second is sent away. Masters are exempt, watches are not counted.
        flags: ["--enable-priority-and-fairness=false", "--max-requests-inflight=1"],
      },
    );
    await server.apply(PEERS, bgpPeer("tor"));
    for (let index = 0; index < 20; index++) await expose(`s-${index}`);
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    for (const following of followings) await following.stop();
    await server?.stop();
  });

  async function expose(name: string): Promise<void> {
    await server.apply(SHOP_SERVICES, loadBalancer(name));
    await server.apply(SHOP_SLICES, slice(`${name}-1`, name));
  }

  function follow(): Following {
    const following = new Following(server.credentials("herald-token"));
    followings.push(following);
    return following;
  }

  it("refuses WatchList in the middle of the stream: each kind is listed, and watched from there", async () => {
    const { sink, watches, lists } = follow();
    await sink.until(() => sink.syncedCount === 1);
    expect(watches.slice(0, FOLLOWED_KINDS).every(({ initialEvents, resourceVersion }) => initialEvents && resourceVersion === null)).toBe(
      true,
    );
    expect(new Set(lists).size).toBe(FOLLOWED_KINDS);
    const before = sink.batches.length;
    await expose("late");
    await server.delete(SHOP_SLICES, "s-0-1");
    await followings[0]?.agree(server);
    expect([...sink.changes(before)].sort()).toEqual([
      "delete EndpointSlice shop/s-0-1",
      "set EndpointSlice shop/late-1",
      "set Service shop/late",
    ]);
    const [latest] = watches.filter(({ plural }) => plural === "services").slice(-1);
    expect(latest).toMatchObject({ initialEvents: false, resourceVersion: expect.stringMatching(/^\d+$/) });
  });

  it("answers a crowd with 429: everybody has everything in the end, and nothing was said to be gone", async () => {
    const crowd = Array.from({ length: CLIENTS }, () => follow());
    for (const following of crowd) await following.sink.until(() => following.sink.syncedCount === 1);
    for (const following of crowd) await following.agree(server);
    const refused = crowd.reduce((sum, following) => sum + following.restarts("TooManyRequests"), 0);
    process.stderr.write(`  ${refused} requests of ${CLIENTS} clients were refused with 429\n`);
    expect(refused).toBeGreaterThan(0);
    for (const { sink } of crowd) expect(sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
  });
});
