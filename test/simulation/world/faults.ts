/** What may break beside links and processes: routers that say NOTIFICATION, disks, clocks, and an API server that is away while a speaker starts. */

import type { StopCause } from "../../../src/bgp/fsm/session.ts";
import { CEASE } from "../../../src/bgp/wire/iana.ts";
import { crash, end } from "./processes.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { DISK_FAULTS, STATE_FILE } from "./virtual-disk.ts";
import type { World } from "./world.ts";

/** Reasons a router has, and whether somebody has to let it try again. */
const REASONS = {
  adminShutdown: { cease: CEASE.administrativeShutdown, stays: true },
  deconfigured: { cease: CEASE.peerDeconfigured, stays: true },
  adminReset: { cease: CEASE.administrativeReset, stays: false },
  configChange: { cease: CEASE.otherConfigurationChange, stays: false },
  bfdDown: { cease: CEASE.bfdDown, stays: false },
  prefixLimit: { cease: CEASE.maximumPrefixes, stays: false },
} as const satisfies Partial<Record<StopCause["reason"], unknown>>;
const OFTEN = ["adminShutdown", "deconfigured", "adminReset", "configChange", "bfdDown"] as const;

/** Somebody lets a router try again after at most so long. */
const PAUSE_MILLIS = 3_000;
const DISK_MILLIS = 15_000;
const AWAY_MILLIS = 30_000;

/** One of them. */
export function takeFault(world: World, node: SimulatedNode): void {
  const at = world.dice.below(100);
  if (at < 40) notification(world, node);
  else if (at < 60) disk(world, node);
  else if (at < 68) damage(world, node);
  else if (at < 84) startWithoutServer(world, node);
  else clockStep(world, node);
}

/** A Cease in whatever state the session is. Too many prefixes at most once: that costs a minute. */
function notification(world: World, node: SimulatedNode): void {
  const { dice, timeline, clock, tally } = world;
  const { name } = dice.pick(world.setting.routers);
  const session = world.routers.get(name)?.sessions.get(node.name);
  const pair = world.pairs.find((one) => one.router === name && one.node === node);
  if (session === undefined || pair === undefined || !session.speaks) return;
  const reason = !pair.refused && dice.chance(10) ? "prefixLimit" : dice.pick(OFTEN);
  const { cease, stays } = REASONS[reason];
  timeline.add(name, `ends what it has with ${node.name}: ${reason} (${cease.code}/${cease.subcode})`);
  tally.notifications++;
  if (reason === "prefixLimit") {
    pair.refused = true;
    tally.refusals++;
  }
  world.causeOf((one) => one === pair);
  session.stop(reason);
  if (stays) clock.after(dice.below(PAUSE_MILLIS), () => session.start());
}

function disk({ dice, timeline, clock }: World, node: SimulatedNode): void {
  if (node.disk.fault !== null) return;
  const fault = dice.pick(DISK_FAULTS);
  timeline.add(node.name, `the disk is ${fault}`);
  node.disk.fault = fault;
  clock.after(1_000 + dice.below(DISK_MILLIS), () => {
    timeline.add(node.name, "the disk is well again");
    node.disk.fault = null;
  });
}

/** A crash, and a state file that is not what was written. */
function damage(world: World, node: SimulatedNode): void {
  crash(world, node);
  if (node.process === null && node.disk.damage(STATE_FILE)) world.timeline.add(node.name, "the state file is damaged");
}

function startWithoutServer(world: World, node: SimulatedNode): void {
  const { dice, timeline, clock, tally } = world;
  if (node.process === null || !node.reachable) return;
  tally.blindStarts++;
  timeline.add("cluster", `the API server does not answer ${node.name}, whose speaker ends`);
  node.setReachable(false);
  world.touch();
  if (dice.chance(2)) crash(world, node);
  else end(world, node);
  clock.after(1_000 + dice.below(AWAY_MILLIS), () => {
    if (node.reachable) return;
    timeline.add("cluster", `the API server answers ${node.name} again`);
    node.setReachable(true);
    world.touch();
  });
}

/** Seconds, a minute or hours, either way. */
function clockStep(world: World, node: SimulatedNode): void {
  const { dice, timeline, tally } = world;
  const seconds = dice.pick([2, 60, 7_200]) * (dice.chance(2) ? 1 : -1);
  timeline.add(node.name, `its time of day steps by ${seconds} s`);
  tally.clockSteps++;
  node.wallOffsetMillis += 1000 * seconds;
  world.clockStepped(node);
}
