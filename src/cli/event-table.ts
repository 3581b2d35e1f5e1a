/** The timeline for people: when, about what, what happened and why, which object caused it, and how long it took to the kernel for each peer. */

import type { TimelineEvent } from "../plan/report.ts";
import { type EventTiming, type HandOver, splitEventText } from "../view/event-text.ts";
import { type Column, formatTable, orNone, type TableStyle } from "./table.ts";

export type NodeEvent = TimelineEvent & { readonly node: string };

/** No events give "". Without `-o wide` events that differ in the peer alone share a row. */
export function formatEvents(events: readonly NodeEvent[], style: TableStyle, nowEpochMillis: number): string {
  const today = new Date(nowEpochMillis).toISOString().slice(0, 10);
  const isToday = events.every(({ at }) => at.startsWith(today));
  const rows = events.map(({ peer, text, ...event }): Row => {
    const { detail, timing } = splitEventText(text);
    return { ...event, peers: peer === null ? [] : [peer], detail, timing, when: isToday ? event.at.slice(11) : event.at };
  });
  return formatTable(COLUMNS, style.wide ? rows : joinPeers(rows), style);
}

interface Row extends Omit<NodeEvent, "peer" | "text"> {
  readonly peers: readonly string[];
  readonly detail: string;
  readonly timing: EventTiming | null;
  readonly when: string;
}

function joinPeers(rows: readonly Row[]): Row[] {
  const joined = new Map<string, Row>();
  for (const row of rows) {
    const { peers, timing, ...same } = row;
    const key = JSON.stringify([same, peers.length === 0, timing?.decidedAfter]);
    const earlier = joined.get(key);
    const handed = [...(earlier?.timing?.handed ?? []), ...(timing?.handed ?? [])];
    joined.set(key, { ...row, peers: [...(earlier?.peers ?? []), ...peers], timing: timing === null ? null : { ...timing, handed } });
  }
  return [...joined.values()];
}

const COLUMNS: readonly Column<Row>[] = [
  // The time of day is enough where all of it is today's, in UTC.
  { header: "AT", only: "narrow", value: ({ when }) => when },
  { header: "AT", only: "wide", value: ({ at }) => at },
  { header: "NODE", fit: "cut", least: 8, value: ({ node }) => node },
  { header: "SUBJECT", only: "narrow", fit: "wrap", least: 20, value: subjectOf },
  { header: "EVENT", only: "narrow", fit: "wrap", least: 38, value: story },
  { header: "SERVICE", only: "wide", value: ({ service }) => orNone(service) },
  { header: "ADDRESS", only: "wide", value: ({ address }) => orNone(address) },
  { header: "PEER", only: "wide", value: ({ peers }) => orNone(peers.join(",")) },
  { header: "KIND", only: "wide", value: ({ kind }) => kind },
  { header: "REASON", only: "wide", value: ({ reason }) => orNone(reason) },
  { header: "CAUSE", only: "wide", value: ({ cause }) => orNone(cause === null ? null : `${cause.kind} ${cause.name}`) },
  { header: "VERSION", only: "wide", value: ({ cause }) => orNone(cause?.resourceVersion) },
  { header: "DECIDED", only: "wide", value: ({ timing }) => orNone(timing?.decidedAfter == null ? null : millis(timing.decidedAfter)) },
  { header: "HANDED", only: "wide", value: ({ timing }) => orNone(timing === null ? null : handedTo(timing, "=").join(",")) },
  { header: "TEXT", only: "wide", value: ({ detail }) => detail },
];

function subjectOf({ service, address, peers }: Row): readonly string[] {
  const names = peers.join(", ");
  if (service === "") return [names === "" ? "this node" : `peer ${names}`];
  return [service, ...(address === null ? [] : [address]), ...(names === "" ? [] : [`to ${names}`])];
}

/** What happened and why; what caused it; how long it took. A line each. */
function story({ kind, reason, detail, cause, timing }: Row): readonly string[] {
  const what = reason === "" ? kind : reason;
  const lines = [detail === "" || detail.startsWith(what) ? detail || what : `${what}: ${detail}`];
  if (cause !== null)
    lines.push(`by ${cause.kind} ${cause.name}${cause.resourceVersion === "" ? "" : `, version ${cause.resourceVersion}`}`);
  if (timing === null) return lines;
  if (timing.decidedAfter !== null) lines.push(`decided after ${millis(timing.decidedAfter)}`);
  lines.push(timing.handed.length === 0 ? "nothing to send" : `to the kernel: ${handedTo(timing, " after ").join(", ")}`);
  return lines;
}

function handedTo({ handed }: EventTiming, between: string): string[] {
  return handed.map((one) => handOverWords(one, between));
}

function handOverWords(one: HandOver, between: string): string {
  switch (one.state) {
    case "handed":
      return `${one.peer}${between}${millis(one.after)}`;
    case "waiting":
      return `${one.peer} waits for it`;
    case "noSession":
      return `${one.peer} with its next session`;
  }
}

function millis(value: number): string {
  return `${value.toFixed(1)} ms`;
}
