import type { SpeakerConfig } from "../config/file.ts";
import type { PlannerOptions } from "../plan/change.ts";

/** The rules by which decisions are made, as the process's configuration has them. */
export function plannerOptionsOf(config: SpeakerConfig): PlannerOptions {
  const { nodeName, namespace, loadBalancerClass, serviceProxyName, ignoreExcludeLabel, drain } = config;
  const { announceHoldDown, weightHoldDownMillis, weightTolerance } = config;
  return {
    node: nodeName,
    heraldNamespace: namespace,
    loadBalancerClass,
    serviceProxyName,
    ignoreExcludeLabel,
    drain: drain.on,
    damping: { announceHoldDown, weightHoldDownMillis, weightTolerance },
  };
}
