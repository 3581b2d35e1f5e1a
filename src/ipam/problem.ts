/** Why a Service lacks an address it asks for, or holds one that it would not be given today. */

import type { Address, Family } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { SHARING_ANNOTATION, type SharingObstacle } from "./sharing.ts";
import { ADDRESSES_ANNOTATION, POOL_ANNOTATION } from "./wish.ts";

export type Problem =
  /** The Service contradicts itself. */
  | { readonly code: "invalidRequest"; readonly fault: string }
  /** The pool it names does not exist. */
  | { readonly code: "unknownPool"; readonly pool: string }
  /** The pool it names is set aside for others. */
  | { readonly code: "poolNotAllowed"; readonly pool: string }
  /** Pools that it may use have no addresses of the family. */
  | { readonly code: "noPool"; readonly family: Family; readonly pool: string | null }
  /** Pools that it may use have none left. */
  | { readonly code: "poolExhausted"; readonly family: Family; readonly pools: readonly string[] }
  /** The address it asks for is in no pool that it may use. */
  | { readonly code: "addressNotInPool"; readonly address: Address; readonly pool: string | null }
  /** The address it asks for is another's, who does not share it. */
  | { readonly code: "addressInUse"; readonly address: Address; readonly holder: string; readonly obstacle: SharingObstacle }
  /** It keeps an address that no pool has any more. */
  | { readonly code: "keptOutsidePools"; readonly address: Address }
  /** It keeps an address whose pools are set aside for others now. */
  | { readonly code: "keptNotAllowed"; readonly address: Address; readonly pools: readonly string[] }
  /** It was found on an address with another that does not share it. */
  | { readonly code: "keptInConflict"; readonly address: Address; readonly holder: string; readonly obstacle: SharingObstacle };

/** True where the Service lacks nothing and only should know. */
export function isKept({ code }: Problem): boolean {
  return code === "keptOutsidePools" || code === "keptNotAllowed" || code === "keptInConflict";
}

/** One line: what, why, and what to do. */
export function problemText(problem: Problem): string {
  switch (problem.code) {
    case "invalidRequest":
      return problem.fault;
    case "unknownPool":
      return `there is no IPAddressPool ${problem.pool}, which ${POOL_ANNOTATION} names`;
    case "poolNotAllowed":
      return `IPAddressPool ${problem.pool} is set aside for other Services (serviceAllocation)`;
    case "noPool": {
      if (problem.pool !== null) return `IPAddressPool ${problem.pool} has no ${problem.family} addresses`;
      return `no IPAddressPool gives this Service ${problem.family} addresses: add one, or name one with ${POOL_ANNOTATION}`;
    }
    case "poolExhausted":
      return `no ${problem.family} address is left in ${poolNames(problem.pools)}: add addresses, or free some`;
    case "addressNotInPool": {
      const address = formatAddress(problem.address);
      if (problem.pool !== null) return `${address} is not in IPAddressPool ${problem.pool}, which ${POOL_ANNOTATION} names`;
      return `${address} is in no IPAddressPool that this Service may use: add it to one, or change ${ADDRESSES_ANNOTATION}`;
    }
    case "addressInUse":
      return `${formatAddress(problem.address)} is held by ${problem.holder}: ${obstacleText(problem.obstacle)}`;
    case "keptOutsidePools":
      return `keeps ${formatAddress(problem.address)}, which is in no IPAddressPool any more: add it to one, or delete the Service to free it`;
    case "keptNotAllowed":
      return `keeps ${formatAddress(problem.address)}, although ${poolNames(problem.pools)} is set aside for other Services now (serviceAllocation)`;
    case "keptInConflict":
      return `keeps ${formatAddress(problem.address)}, which ${problem.holder} holds too: ${obstacleText(problem.obstacle)}`;
  }
}

function poolNames(pools: readonly string[]): string {
  return `${pools.length === 1 ? "IPAddressPool" : "IPAddressPools"} ${pools.join(", ")}`;
}

function obstacleText(obstacle: SharingObstacle): string {
  switch (obstacle) {
    case "key":
      return `to share it, give both the same ${SHARING_ANNOTATION}`;
    case "policy":
      return "Services share an address only when externalTrafficPolicy is the same, and under Local the namespace and selector too";
    case "ports":
      return "Services that share an address must not have a port in common";
  }
}
