//! Made-up documents for the tests of the screens.

use serde_json::{Value, json};

use crate::api::types::{CertificateDoc, FlowsDoc, StatusDoc};

fn flow(cgroup: &str, ends: [&str; 2], bytes: u64, retransmits: u64, p99: Option<u64>, used: u64) -> Value {
    json!({
        "cgroup": cgroup, "protocol": "tcp", "local": ends[0], "remote": ends[1], "tx_segments": 1, "tx_bytes": bytes,
        "rx_segments": 1, "rx_bytes": bytes / 2, "retransmits": retransmits, "injected_drops": 3, "injected_delays": 0,
        "rtt_samples": 250, "rtt_p50_us": 850, "rtt_p90_us": 1_900, "rtt_p99_us": p99, "sndbuf_used": used,
        "sndbuf_limit": 1_000, "sndbuf_peak_percent": 90.0,
    })
}

fn sum(cgroup: &str, side: &str, service: &str, bytes: u64, retransmits: u64, p99: Option<u64>) -> Value {
    json!({
        "cgroup": cgroup, "side": side, "service": service, "protocol": "tcp", "open": 2, "ended": 12,
        "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": bytes / 2, "retransmits": retransmits,
        "injected_drops": 3, "injected_delays": 0, "rtt_samples": 500, "rtt_p50_us": 850, "rtt_p90_us": 1_900,
        "rtt_p99_us": p99,
    })
}

/// The look of second `n`.
pub fn flows(n: u64) -> FlowsDoc {
    let lost = json!({"flows_refused": 0, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0,
                      "cgroups_full": 0, "unattributed": 7, "unparsed": 0});
    let db = "10.0.0.5:5432";
    serde_json::from_value(json!({
        "at": format!("2026-01-01T14:02:{n:02}Z"), "watched": ["/system.slice/nginx.service", "/idle"], "lost": lost,
        "flows": [
            flow("/system.slice/nginx.service", ["10.0.0.1:40000", db], 1_000 * n * n, 2 * n, Some(41_250), 120),
            flow("/system.slice/nginx.service", ["10.0.0.1:40001", db], 10 * n, 0, None, 0),
            flow("/system.slice/nginx.service", ["10.0.0.1:443", "10.9.9.9:51000"], 2_000_000 * n, 1, Some(9_000), 310),
            flow("/batch", ["10.0.0.1:50000", "[2001:db8::1]:9200"], 50, 0, None, 0),
        ],
        "cgroups": [
            {"cgroup": "/system.slice/nginx.service", "rtt_samples": 1_000, "rtt_p50_us": 800, "rtt_p90_us": 1_800,
             "rtt_p99_us": 30_000},
        ],
        "dependencies": [
            sum("/system.slice/nginx.service", "out", db, 1_000 * n * n + 10 * n, 2 * n, Some(41_250)),
            sum("/system.slice/nginx.service", "in", "*:443", 2_000_000 * n, 1, Some(9_000)),
            sum("/batch", "out", "[2001:db8::1]:9200", 50, 0, None),
        ],
        "listeners": [{"cgroup": "/system.slice/nginx.service", "local": "0.0.0.0:443", "accept_queue": 96, "accept_limit": 128}],
    }))
    .unwrap()
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
    }))
    .unwrap()
}

/// What the daemon costs.
pub fn certificate() -> CertificateDoc {
    CertificateDoc {
        daemon_cpu_seconds: 12.34,
        daemon_rss_bytes: 38_100_000,
        cost_ns: Some(21.5),
        ..Default::default()
    }
}
