import { describe, expect, it } from "vitest";
import { Metrics, type MetricsSource } from "../../src/metrics.ts";

const SOURCE: MetricsSource = {
  measuredPeers: () => [
    {
      name: "tor",
      state: "Established",
      flaps: 2,
      holdTimeSeconds: 9,
      announced: { IPv4: 5, IPv6: 1 },
      pending: 3,
      messages: [{ direction: "sent", type: "update", count: 7 }],
      notifications: [{ direction: "received", code: 6, subcode: 2, count: 1 }],
      bfd: { up: true, detections: 2 },
      updateErrors: { treatAsWithdraw: 4 },
    },
  ],
  decisions: () => [
    { announced: true, reason: "", count: 6 },
    { announced: false, reason: "noEndpoints", count: 2 },
  ],
  kinds: () => [
    { kind: "Service", synced: true, lastEventAgeSeconds: 1.5 },
    { kind: "Node", synced: false, lastEventAgeSeconds: null },
  ],
  invalidObjects: () => new Map([["BGPPeer", 1]]),
  sourceRestarts: () => [{ kind: "all", cause: "EACCES", count: 1 }],
  drainCauses: () => [
    { cause: "taint", drains: true },
    { cause: "command", drains: false },
  ],
};

describe("the metrics (docs/admin-api.md, metrics)", () => {
  it("have the names, labels and values that were promised", async () => {
    const metrics = new Metrics({ version: "1.2.3", commit: "abc" });
    metrics.setSource(SOURCE);
    metrics.observeConvergence("tor", 1.5);
    metrics.observePlan(0.3);
    const text = await metrics.text();
    const expected = [
      'herald_bgp_session_up{peer="tor"} 1',
      'herald_bgp_session_state{peer="tor",state="Established"} 1',
      'herald_bgp_session_state{peer="tor",state="Idle"} 0',
      'herald_bgp_session_flaps_total{peer="tor"} 2',
      'herald_bgp_messages_total{peer="tor",direction="sent",type="update"} 7',
      'herald_bgp_notifications_total{peer="tor",direction="received",code="6",subcode="2"} 1',
      'herald_bgp_update_errors_total{peer="tor",action="treatAsWithdraw"} 4',
      'herald_bgp_announced_prefixes{peer="tor",family="IPv4"} 5',
      'herald_bgp_announced_prefixes{peer="tor",family="IPv6"} 1',
      'herald_bgp_pending_prefixes{peer="tor"} 3',
      'herald_bgp_hold_time_seconds{peer="tor"} 9',
      'herald_convergence_seconds_bucket{le="0.002",peer="tor"} 1',
      'herald_convergence_seconds_count{peer="tor"} 1',
      "herald_plan_seconds_count 1",
      'herald_decisions{announced="true",reason=""} 6',
      'herald_decisions{announced="false",reason="noEndpoints"} 2',
      'herald_source_synced{kind="Service"} 1',
      'herald_source_synced{kind="Node"} 0',
      "herald_source_last_event_age_seconds 1.5",
      'herald_source_restarts_total{kind="all",cause="EACCES"} 1',
      'herald_invalid_objects{kind="BGPPeer"} 1',
      'herald_drained{cause="taint"} 1',
      'herald_drained{cause="command"} 0',
      'herald_event_loop_delay_seconds{quantile="p99"}',
      `herald_build_info{version="1.2.3",commit="abc",node="${process.versions.node}"} 1`,
      "process_resident_memory_bytes ",
      "process_cpu_seconds_total ",
    ];
    expect(expected).toHaveLength(27);
    expect(expected.filter((line) => !text.includes(line))).toEqual([]);
  });

  it("counts once, however often it is asked, and forgets a peer that is gone", async () => {
    const metrics = new Metrics({ version: "1.2.3", commit: "abc" });
    metrics.setSource(SOURCE);
    metrics.observeConvergence("gone", 1);
    await metrics.text();
    metrics.forgetPeer("gone");
    const text = await metrics.text();
    expect(text).toContain('herald_bgp_session_flaps_total{peer="tor"} 2');
    expect(text).not.toContain('peer="gone"');
  });
});
