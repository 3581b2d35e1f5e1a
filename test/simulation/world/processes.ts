/** Speakers that are told to end, or die, and are started again later. */

import type { SimulatedNode } from "./simulated-node.ts";
import type { World } from "./world.ts";

/** A speaker that ended is started again after at most so long. */
const RESTART_MILLIS = 8_000;

export function end(world: World, node: SimulatedNode): void {
  const { process } = node;
  if (process === null) return;
  const { dice, timeline, clock, tally } = world;
  timeline.add(node.name, "is told to end");
  world.ending(node);
  tally.restarts++;
  const { stopMillis } = process.speaker;
  node.stop(dice.chance(2));
  clock.after(stopMillis, () => {
    if (node.process === process) world.fail("a stop ends in time", `${node.name} has not ended after ${stopMillis} ms`);
  });
}

export function crash(world: World, node: SimulatedNode): void {
  if (node.process === null) return;
  world.timeline.add(node.name, "is killed");
  world.ending(node);
  world.tally.crashes++;
  node.crash(world.dice.pick(["fin", "rst"]));
  startLater(world, node);
}

export function startLater(world: World, node: SimulatedNode): void {
  world.clock.after(100 + world.dice.below(RESTART_MILLIS), () => startNode(world, node));
}

export function startNode(world: World, node: SimulatedNode): void {
  if (node.process !== null || !node.powered || world.ended) return;
  world.timeline.add(node.name, "starts");
  node.start();
  world.touch();
}
