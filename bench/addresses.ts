/**
 * Addresses into the status of so many Services of a real API server: the controller's duty, with its reading, deciding and the watch that tells it of its
 * own writes, against a bare loop that sends the same patches through the same client, as many at a time. In turns, in one run.
 *
 *   npm run bench -- addresses [SERVICES] [ROUNDS]
 */

import { systemClock } from "../src/clock.ts";
import { AddressDuty } from "../src/controller/address-duty.ts";
import { listLoadBalancers } from "../src/controller/service-list.ts";
import { KubeClient } from "../src/kube/client.ts";
import { DEFINITIONS } from "../src/objects/definitions.ts";
import type { Service } from "../src/objects/kinds.ts";
import { KubernetesSource } from "../src/source/kubernetes/kubernetes-source.ts";
import { HERALD_NAMESPACE, pool } from "../test/support/cluster-objects.ts";
import { ApiServer } from "../test/support/lab/api-server.ts";
import { NAMESPACES, namespace, servicesIn } from "../test/support/lab/cluster-kinds.ts";

const SERVICES = Number(process.argv[2] ?? 2000);
const ROUNDS = Number(process.argv[3] ?? 3);
/** As many as the duty has under way. */
const CONCURRENCY = 16;
const PLACE = servicesIn("shop");

const { signal } = new AbortController();
const server = await ApiServer.start();
try {
  const client = (): KubeClient =>
    new KubeClient({
      credentials: server.credentials("admin-token"),
      clock: systemClock,
      userAgent: "herald-bench",
      budget: { perSecond: 100_000, burst: 100_000 },
    });
  await server.apply(NAMESPACES, namespace("shop"));
  const names = Array.from({ length: SERVICES }, (_, index) => `service-${index}`);
  const setup = client();
  await atATime(names, async (name) => {
    const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], selector: { app: name } };
    const made = await setup.create(PLACE, { apiVersion: "v1", kind: "Service", metadata: { name }, spec }, signal);
    if (!made.ok) throw new Error(made.failure.message);
  });
  const bare: number[] = [];
  const duty: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await writeBare(client()));
    await clear(setup);
    duty.push(await writeByDuty(client(), client()));
    await clear(setup);
  }
  const perSecond = (millis: readonly number[]): number => Math.round(SERVICES / (Math.min(...millis) / 1000));
  const row = { services: SERVICES, rounds: ROUNDS, barePerSecond: perSecond(bare), dutyPerSecond: perSecond(duty) };
  process.stdout.write(`${JSON.stringify({ ...row, ratio: Math.min(...bare) / Math.min(...duty) })}\n`);
} finally {
  await server.stop();
}
process.exit(0);

/** Milliseconds. Its list is not counted: it knows beforehand what to write. */
async function writeBare(client: KubeClient): Promise<number> {
  const services = await read(client);
  const start = performance.now();
  await atATime(services, async ({ metadata: { name, resourceVersion } }, index) => {
    const ingress = [{ ip: `198.18.${(index + 1) >> 8}.${(index + 1) & 255}`, ipMode: "VIP" }];
    const patch = { metadata: { resourceVersion }, status: { loadBalancer: { ingress } } };
    const answer = await client.patch(PLACE, name, patch, signal, "status");
    if (!answer.ok) throw new Error(answer.failure.message);
  });
  const took = performance.now() - start;
  client.close();
  return took;
}

/** Milliseconds, from the moment it leads, its own list included. */
async function writeByDuty(client: KubeClient, watching: KubeClient): Promise<number> {
  const ending = new AbortController();
  let left = SERVICES;
  let done = (): void => {};
  const written = new Promise<void>((resolve) => {
    done = resolve;
  });
  const duty = new AddressDuty(
    { loadBalancerClass: "", heraldNamespace: HERALD_NAMESPACE },
    {
      client,
      clock: systemClock,
      random: Math.random,
      log: (event) => {
        if (event.event === "address.written" && --left === 0) done();
      },
      events: { emit: () => {} },
      holds: () => true,
      usageChanged: () => {},
    },
  );
  duty.observe({ changes: [{ type: "set", object: pool("bench", "198.18.0.1", "198.19.255.254") }], findings: [], at: 0 });
  const source = new KubernetesSource({
    client: watching,
    heraldNamespace: HERALD_NAMESPACE,
    serviceProxyName: "",
    omitKinds: ["EndpointSlice", "Node", ...DEFINITIONS.map(({ kind }) => kind)],
    clock: systemClock,
    random: Math.random,
  });
  const following = new Promise<void>((synced, failed) => {
    source.run({ batch: (batch) => duty.observe(batch), synced, fault: () => {} }, ending.signal).catch(failed);
  });
  await following;
  const start = performance.now();
  const leading = duty.lead(ending.signal);
  await written;
  const took = performance.now() - start;
  ending.abort();
  await leading;
  client.close();
  return took;
}

async function clear(client: KubeClient): Promise<void> {
  await atATime(await read(client), async ({ metadata: { name }, loadBalancerIPs }) => {
    if (loadBalancerIPs.length !== 1) throw new Error(`${name} has ${loadBalancerIPs.length} addresses`);
    const answer = await client.patch(PLACE, name, { status: { loadBalancer: { ingress: null } } }, signal, "status");
    if (!answer.ok) throw new Error(answer.failure.message);
  });
}

async function read(client: KubeClient): Promise<readonly Service[]> {
  const services = await listLoadBalancers(client, signal);
  if (!services.ok) throw new Error(services.failure.message);
  return services.value;
}

async function atATime<T>(items: readonly T[], act: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) await act(item, index);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}
