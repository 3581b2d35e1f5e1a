/** What happens to a world, step by step, by its dice: the cluster changes, and everything that can break does. */

import { ip as ipOf } from "../../support/cluster-objects.ts";
import { takeFault } from "./faults.ts";
import { crash, end, startLater, startNode } from "./processes.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { World } from "./world.ts";

/** Milliseconds between steps: in a burst, within a dump, within a session's timers, beyond them. */
const PAUSES = [0, 0, 3, 50, 300, 1_000, 2_500, 6_000] as const;

/** Plays `world.setting.steps` steps, mends all, waits until nothing moves, and ends. @throws {Violation} */
export async function play(world: World): Promise<void> {
  for (const setting of world.setting.routers) world.startRouter(setting);
  for (const node of world.nodes) node.start();
  world.onExit = (node) => startLater(world, node);
  await world.advance(world.dice.below(3_000));
  for (let step = 0; step < world.setting.steps; step++) {
    takeStep(world);
    await world.advance(world.dice.pick(PAUSES));
  }
  mend(world);
  await world.quiesce();
  await world.end();
}

function takeStep(world: World): void {
  const { dice, cluster } = world;
  const at = dice.below(115);
  if (at >= 100) takeFault(world, anyNode(world));
  else if (at < 52) cluster.change();
  else if (at < 60) cutOrMend(world);
  else if (at < 67) reset(world);
  else if (at < 73) outage(world);
  else if (at < 80) end(world, anyNode(world));
  else if (at < 86) crash(world, anyNode(world));
  else if (at < 89) power(world);
  else if (at < 92) proxy(world);
  else if (at < 94) router(world);
  else if (at < 96) drain(world);
  else if (at < 98) world.refresh();
  else for (let i = 0; i < 8; i++) cluster.change();
}

function cutOrMend(world: World): void {
  const { dice, network, timeline } = world;
  const node = anyNode(world);
  const { address, name } = dice.pick(world.setting.routers);
  const router = network.host(ipOf(address));
  if (network.isCut(node.host, router)) {
    timeline.add("network", `${name} and ${node.name} are connected again`);
    network.mend(node.host, router);
    return;
  }
  timeline.add("network", `${name} and ${node.name} are cut off from each other`);
  world.tally.cuts++;
  network.cut(node.host, router);
  world.causeOf((pair) => pair.router === name && pair.node === node);
}

function reset(world: World): void {
  const { dice, network, timeline } = world;
  const node = anyNode(world);
  const { address, name } = dice.pick(world.setting.routers);
  const stream = network.anyStream(node.host, network.host(ipOf(address)));
  if (stream === undefined) return;
  const end = dice.chance(2) ? stream : (stream.partner ?? stream);
  end.resetAfterOctets = 1 + dice.below(150);
  world.tally.resets++;
  timeline.add("network", `a connection of ${name} and ${node.name} is reset after ${end.resetAfterOctets} octets from ${end.host.text}`);
  stream.onReset = () => world.causeOf((pair) => pair.router === name && pair.node === node);
  if (stream.partner !== null) stream.partner.onReset = stream.onReset;
}

function outage(world: World): void {
  const { dice, timeline } = world;
  const nodes = dice.chance(2) ? world.nodes : [anyNode(world)];
  const answers = nodes.some(({ reachable }) => !reachable);
  if (!answers) world.tally.outages++;
  timeline.add("cluster", `the API server ${answers ? "answers" : "does not answer"} ${nodes.map(({ name }) => name).join(", ")}`);
  for (const node of nodes) node.setReachable(answers);
  world.touch();
}

function power(world: World): void {
  const node = anyNode(world);
  if (!node.powered) return;
  world.timeline.add(node.name, "loses power");
  world.tally.powerLosses++;
  world.ending(node);
  node.powerOff();
  world.clock.after(500 + world.dice.below(20_000), () => powerOn(world, node));
}

function powerOn(world: World, node: SimulatedNode): void {
  if (node.powered) return;
  world.timeline.add(node.name, "has power again");
  node.powerOn();
  world.touch();
  startNode(world, node);
}

function drain(world: World): void {
  const node = anyNode(world);
  if (node.process === null || node.process.stopping) return;
  world.timeline.add(node.name, node.drainedByHand ? "is undrained by hand" : "is drained by hand");
  node.drain(!node.drainedByHand);
  world.drained(node);
}

function proxy(world: World): void {
  const node = anyNode(world);
  node.proxy.alive = !node.proxy.alive;
  world.timeline.add(node.name, `the service proxy is ${node.proxy.alive ? "alive" : "dead"}`);
}

function router(world: World): void {
  const setting = world.dice.pick(world.setting.routers);
  if (!world.routers.has(setting.name)) return;
  world.timeline.add(setting.name, "crashes");
  world.crashRouter(setting.name, world.dice.pick(["fin", "rst"]));
  world.clock.after(world.dice.below(6_000), () => startRouter(world, setting));
}

function startRouter(world: World, setting: World["setting"]["routers"][number]): void {
  world.timeline.add(setting.name, "starts");
  world.startRouter(setting);
}

function mend(world: World): void {
  const { network, nodes, setting } = world;
  network.calm();
  for (const { name, address } of setting.routers) {
    for (const { host } of nodes) network.mend(host, network.host(ipOf(address)));
    if (!world.routers.has(name)) startRouter(world, { ...(setting.routers.find((one) => one.name === name) ?? setting.routers[0]) });
  }
  for (const node of nodes) {
    node.proxy.alive = true;
    node.disk.fault = null;
    node.setReachable(true);
    powerOn(world, node);
    startNode(world, node);
    // A drain outlives its process: there has to be one that can be told.
    if (node.drainedByHand) {
      node.drain(false);
      world.drained(node);
    }
  }
  world.touch();
}

function anyNode({ dice, nodes }: World): SimulatedNode {
  const node = dice.any(nodes);
  if (node === undefined) throw new Error("a world has nodes");
  return node;
}
