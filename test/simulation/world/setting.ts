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
  readonly gracefulRestart: { readonly enabled: boolean; readonly restartTimeSeconds: number; readonly notification: false };
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
  const announceHoldDown = dice.chance(3);
  const weights = dice.chance(3);
  return {
    nodes,
    routers: dice.chance(3) ? [router(1)] : [router(1), router(2)],
    routersDial: dice.chance(2),
    gate: dice.chance(2),
    announceHoldDown,
    weights,
    damped: announceHoldDown || weights,
    gracefulRestart: { enabled: !dice.chance(3), restartTimeSeconds: 20, notification: false },
    weather: { lossOneIn: dice.pick([1_000_000, 50, 10]), windowOctets: dice.pick([65_536, 65_536, 300]) },
    steps,
  };
}
