/**
 * How the process ends towards its peers (docs/semantics.md, "Exit, restart, loss"). Staying silent, so that routers keep the routes until the next process
 * comes, needs positive evidence: a machine that is going down looks the same from here, and must not attract traffic any longer.
 */

import type { SpeakerConfig } from "../config/file.ts";
import type { PlanChange } from "../plan/change.ts";

/** `silent`: TCP ends without a NOTIFICATION where Graceful Restart was negotiated. `drain`: the grace period ends first. `withdraw`: at once. */
export type Departure = "silent" | "drain" | "withdraw";

export function departureOf(shutdown: SpeakerConfig["shutdown"], drain: PlanChange["drain"], ownPodDeleted: boolean): Departure {
  if (drain === "leaving") return "drain";
  if (drain === "drained") return "withdraw";
  switch (shutdown) {
    case "gracefulRestart":
      return "silent";
    case "withdraw":
      return "withdraw";
    case "auto":
      return ownPodDeleted ? "silent" : "withdraw";
  }
}
