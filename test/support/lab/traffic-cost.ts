import { type Connection, failuresOf, inFlightAt, type Tally, type Traffic } from "./traffic.ts";

/** What a change cost a client: connections, and how many of them failed, by what could have saved them. */
export interface Cost extends Tally {
  /** Changes of the router's route. */
  readonly tableChanges: number;
  /** Open at one of these changes or more: a router that keeps no state of flows may move any of them. */
  readonly underWay: number;
  readonly failedUnderWay: number;
  /** Neither open at any change nor saved: what a speaker is to blame for. */
  readonly failedElse: number;
  /** Open when the change began. */
  readonly before: number;
  readonly failedBefore: number;
}

/** `began`: milliseconds since the epoch at which the change began. */
export function costOf(traffic: Traffic, tally: Tally, began: number): Cost {
  const underWay = openAtAnyChange(traffic);
  const failures = failuresOf(traffic.connections);
  const failedElse = failuresBesides(underWay, traffic).length;
  const before = traffic.connections.filter(({ at, endedAt }) => at <= began && endedAt >= began);
  return {
    ...tally,
    tableChanges: traffic.tableChanges().length,
    underWay: underWay.size,
    failedUnderWay: failures.length - failedElse,
    failedElse,
    before: before.length,
    failedBefore: failuresOf(before).length,
  };
}

/** Connections that were open when the router's route changed. */
export function openAtAnyChange(traffic: Traffic): ReadonlySet<Connection> {
  return new Set(traffic.tableChanges().flatMap((moment) => inFlightAt(traffic.connections, moment)));
}

export function failuresBesides(excused: ReadonlySet<Connection>, traffic: Traffic): readonly Connection[] {
  return failuresOf(traffic.connections).filter((connection) => !excused.has(connection));
}
