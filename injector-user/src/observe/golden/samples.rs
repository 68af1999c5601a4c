//! Made-up documents for the tests of the screens.

use serde_json::{Value, json};

use crate::api::types::{CostDoc, FlowsDoc, LatelyDoc, RecentDoc, SaturationDoc, StatusDoc};

fn flow(cgroup: &str, ends: [&str; 2], bytes: u64, retransmits: u64, p99: Option<u64>, used: u64) -> Value {
    json!({
        "cgroup": cgroup, "protocol": "tcp", "local": ends[0], "remote": ends[1], "tx_packets": 90, "rx_packets": 80, "tx_segments": 1,
        "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": bytes / 2, "retransmits": retransmits, "injected_drops": 3,
        "injected_delays": 0, "rtt_samples": 250, "rtt_p50_us": 850, "rtt_p90_us": 1_900, "rtt_p99_us": p99, "sndbuf_used": used,
        "sndbuf_limit": 1_000, "sndbuf_peak_percent": 90.0,
    })
}

fn sum(cgroup: &str, side: &str, service: &str, bytes: u64, retransmits: u64, p99: Option<u64>) -> Value {
    json!({
        "cgroup": cgroup, "side": side, "service": service, "protocol": "tcp", "open": 2, "ended": 12,
        "tx_packets": 900, "rx_packets": 800, "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": bytes / 2, "retransmits": retransmits,
        "injected_drops": 3, "injected_delays": 0, "rtt_samples": 500, "rtt_p50_us": 850, "rtt_p90_us": 1_900,
        "rtt_p99_us": p99,
        "latency": [
            {"kind": "rtt", "samples": 500, "p50_us": 850, "p90_us": 1_900, "p99_us": p99},
            {"kind": "first_byte", "samples": 40, "p50_us": 2_100, "p90_us": 9_000},
            {"kind": "accept", "samples": 9, "overlaps": 9, "multiplexed": true},
        ],
        "errors": [{"name": "connect ECONNREFUSED", "count": 3}],
        "drops": [{"name": "injected", "count": 3}, {"name": "SOCKET_RCVBUFF", "count": 2}],
        "freed": [{"name": "QUEUE_PURGE", "count": 6}],
    })
}

/// The look of second `n`, by somebody who has looked for long: its window is as all since observing began.
pub fn flows(n: u64) -> FlowsDoc {
    let mut doc = first_flows(n);
    doc.window = Some(LatelyDoc { ms: 10_400, without_room: 0 });
    for flow in &mut doc.flows {
        flow.recent =
            rtt(flow.rtt_samples, [flow.rtt_p50_us, flow.rtt_p90_us, flow.rtt_p99_us, flow.rtt_p999_us]);
    }
    for sum in &mut doc.cgroups {
        sum.recent = rtt(sum.rtt_samples, [sum.rtt_p50_us, sum.rtt_p90_us, sum.rtt_p99_us, sum.rtt_p999_us]);
    }
    for one in doc.dependencies.iter_mut().flat_map(|sum| &mut sum.kinds.latency) {
        let recent = rtt(one.samples, [one.p50_us, one.p90_us, one.p99_us, one.p999_us]);
        one.recent =
            recent.map(|recent| RecentDoc { overlaps: one.overlaps, multiplexed: one.multiplexed, ..recent });
    }
    doc
}

fn rtt(samples: u64, [p50_us, p90_us, p99_us, p999_us]: [Option<u64>; 4]) -> Option<RecentDoc> {
    Some(RecentDoc { samples, p50_us, p90_us, p99_us, p999_us, ..RecentDoc::default() })
}

/// The same, when nobody has looked before.
pub fn first_flows(n: u64) -> FlowsDoc {
    let lost = json!({"flows_refused": 0, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0,
                      "cgroups_full": 0, "unattributed": 7, "unparsed": 0});
    let db = "10.0.0.5:5432";
    let mut doc: FlowsDoc = serde_json::from_value(json!({
        "at": format!("2026-01-01T14:02:{n:02}Z"), "watched": ["/system.slice/nginx.service", "/idle"], "lost": lost,
        "flows": [
            flow("/system.slice/nginx.service", ["10.0.0.1:40000", db], 1_000 * n * n, 2 * n, Some(41_250), 120),
            flow("/system.slice/nginx.service", ["10.0.0.1:40001", db], 10 * n, 0, None, 0),
            flow("/system.slice/nginx.service", ["10.0.0.1:443", "10.9.9.9:51000"], 2_000_000 * n, 1, Some(9_000), 310),
            flow("/batch", ["10.0.0.1:50000", "[2001:db8::1]:9200"], 50, 0, None, 0),
        ],
        "cgroups": [
            {"cgroup": "/system.slice/nginx.service", "rtt_samples": 1_000, "rtt_p50_us": 800, "rtt_p90_us": 1_800,
             "rtt_p99_us": 30_000, "rtt_p999_us": 45_000},
        ],
        "dependencies": [
            sum("/system.slice/nginx.service", "out", db, 1_000 * n * n + 10 * n, 2 * n, Some(41_250)),
            sum("/system.slice/nginx.service", "in", "*:443", 2_000_000 * n, 1, Some(9_000)),
            sum("/batch", "out", "[2001:db8::1]:9200", 50, 0, None),
        ],
        "listeners": [{"cgroup": "/system.slice/nginx.service", "local": "0.0.0.0:443", "accept_queue": 96, "accept_limit": 128}],
        "owners": [
            {"cgroup": "/system.slice/nginx.service", "unit": "nginx.service", "programs": [{"name": "nginx", "processes": 5}]},
            {"cgroup": "/batch", "container": "batch\u{1b}-1", "container_id": "4f2a8b3c1d2e0000", "namespace": "shop", "pod": "job-1",
             "programs": [{"name": "python3", "processes": 1}, {"name": "sh", "processes": 1}], "other_processes": 3},
        ],
    }))
    .unwrap();
    doc.dependencies[2].names = vec!["search.internal".to_owned()];
    doc
}

/// One fault is armed, one has ended.
pub fn status() -> StatusDoc {
    let fault = |id: &str, state: &str| {
        json!({
            "id": id, "state": state, "summary": "5 % egress loss, nginx.service",
            "spec": {"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"},
            "cgroups": 1, "processes": 4, "flows": 37, "started": "2026-01-01T14:02:01Z", "ends": "2026-01-01T14:02:31Z",
            "left_ms": 12_500, "target": {"samples": 0, "segments": 0, "retransmits": 0},
            "control": {"samples": 0, "segments": 0, "retransmits": 0}, "control_verdict": "ok", "by": "root",
            "counters": serde_json::to_value(crate::api::types::CountersDoc::default()).unwrap(),
            "achieved": {"rate_percent": 5.058, "asked_percent": 5.0, "verdict": "within"},
        })
    };
    serde_json::from_value(json!({
        "halted": null, "disarmed": null, "mode": "armed", "limits_sha256": "", "pending": [], "kernel": "6.12.43",
        "instance": "00c0ffee", "pid": 1, "faults": [fault("drop-7k3", "armed"), fault("drop-old", "ended")],
        "attached": [], "lost": flows(1).lost,
        "own": {"cpu_seconds": 3.0, "up_seconds": 600.0, "rss_bytes": 21_500_000, "maps_bytes": 8_400_000, "maps": 41,
                "programs_bytes": 300_000, "programs": 12, "missed": 0, "clock_backwards": 0},
        "saturated": [{"place": "/batch", "what": "pids", "says": "96 of 100 (96 %)"}],
    }))
    .unwrap()
}

/// What is full of it: nginx's accept queue, and the buffers of its connections.
pub fn saturation() -> SaturationDoc {
    let gauge = |what: &str, percent: f64, unit: &str| json!({"what": what, "used": 1, "limit": 2, "percent": percent, "unit": unit});
    let nginx = "/system.slice/nginx.service";
    serde_json::from_value(json!({
        "at": "2026-01-01T14:02:10Z", "interval_ms": 1_000, "took_us": 900, "hot": [], "faults": [],
        "places": [
            {"kind": "node", "name": "web-14", "gauges": [gauge("files", 99.0, "count")]},
            {"kind": "cgroup", "name": nginx, "gauges": [gauge("memory", 94.0, "bytes"), gauge("pids", 12.0, "count")],
             "pressures": [{"what": "io", "some_percent": 3.5, "some_avg10": 0.0, "some_total_us": 0}]},
            {"kind": "listener", "name": "0.0.0.0:443", "cgroup": nginx, "gauges": [gauge("accept_queue", 75.0, "count")]},
            {"kind": "dependency", "name": "10.0.0.5:5432", "cgroup": nginx,
             "gauges": [gauge("send_buffer", 31.0, "bytes"), gauge("limited_by_network", 97.0, "micros")]},
        ],
    }))
    .unwrap()
}

/// What the programs cost.
pub fn cost() -> CostDoc {
    serde_json::from_value(json!({
        "own": status().own, "measured_ms": 1_003, "programs_cpu_percent": 0.104,
        "programs": [{"name": "inj_egress", "runs": 12_000, "ns_per_run": 83.1},
                     {"name": "inj_ingress", "runs": 9_000, "ns_per_run": 61.0}, {"name": "inj_beat", "runs": 0}],
    }))
    .unwrap()
}
