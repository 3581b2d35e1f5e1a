/** What stays the same in a world from its beginning to its end, by seed. */

import type { Dice } from "../../support/dice.ts";

export const NODE_ASN = 64_512;

export interface RouterSetting {
  readonly name: string;
  readonly address: string;
  /** The nodes' own number makes the sessions internal. */
  readonly asn: number;
}

export interface Setting {
  readonly nodes: readonly [string, ...string[]];
  readonly routers: readonly [RouterSetting, ...RouterSetting[]];
  /** Routers dial too; then speakers listen and connections collide. */
  readonly routersDial: boolean;
  /** A service proxy is probed before anything is announced. */
  readonly gate: boolean;
  readonly announceHoldDown: boolean;
  /** Advertisements ask for weights. */
  readonly weights: boolean;
  /** Something is sent later than it is wanted. */
  readonly damped: boolean;
  /** `notification`: routes are kept through NOTIFICATIONs too (RFC 8538). */
  readonly gracefulRestart: { readonly enabled: boolean; readonly restartTimeSeconds: number; readonly notification: boolean };
  /** Ways are watched by BFD. */
  readonly bfd: boolean;
  /** Peers take few routes. Then nothing else keeps a route back: which ones are taken would depend on it. */
  readonly limits: boolean;
  readonly weather: { readonly lossOneIn: number; readonly windowOctets: number };
  readonly steps: number;
}

export function randomSetting(dice: Dice, steps: number): Setting {
  const nodes = dice.pick<readonly [string, ...string[]]>([
    ["n1", "n2"],
    ["n1", "n2"],
    ["n1", "n2", "n3"],
  ]);
  const router = (at: number): RouterSetting => ({
    name: `tor${at}`,
    address: `192.0.2.${at}`,
    asn: dice.chance(4) ? NODE_ASN : NODE_ASN + 1,
  });
  const limits = dice.chance(5);
  const announceHoldDown = dice.chance(3) && !limits;
  const weights = dice.chance(3);
  return {
    nodes,
    routers: dice.chance(3) ? [router(1)] : [router(1), router(2)],
    routersDial: dice.chance(2),
    gate: dice.chance(2) && !limits,
    announceHoldDown,
    weights,
    damped: announceHoldDown || weights,
    gracefulRestart: { enabled: !dice.chance(3), restartTimeSeconds: 20, notification: dice.chance(3) },
    bfd: dice.chance(3),
    limits,
    weather: { lossOneIn: dice.pick([1_000_000, 50, 10]), windowOctets: dice.pick([65_536, 65_536, 300]) },
    steps,
  };
}
