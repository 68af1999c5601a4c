use injector_ebpf::flow::DepKey;

use super::*;
use crate::observe::samples::{ended, flow, snapshot, v4};

fn named(id: u64) -> Option<String> {
    (id == 7).then(|| "/app".to_owned())
}

fn listening(port: u16, cgroup_id: Option<u64>) -> Listener {
    let local = std::net::SocketAddr::from(([0, 0, 0, 0], port));
    Listener { local, accept_queue: 3, accept_limit: 128, cgroup_id, inode: 1 }
}

#[test]
fn a_flow_is_shown_with_names_and_quantiles() {
    let mut one = flow(7, 40_000, 5, 5432, 250);
    (one.sndbuf_used, one.sndbuf_limit, one.sndbuf_peak) = (10, 87_040, 125);
    one.last = 250;
    one.counts.tx_more = 30;
    let doc = flows_doc(&snapshot(vec![one], vec![]), named, |_| true);
    let shown = &doc.flows[0];
    assert_eq!(doc.at, "1970-01-01T00:00:00.000Z");
    assert_eq!((&*shown.cgroup, &*shown.local, &*shown.remote), ("/app", "10.0.0.1:40000", "10.0.0.5:5432"));
    assert_eq!((shown.tx_packets, shown.rx_packets, shown.rx_segments), (250, 250, 250));
    assert_eq!((shown.tx_segments, shown.tx_bytes, shown.rtt_samples), (280, 25_000, 250));
    assert_eq!((shown.rtt_p50_us, shown.rtt_p99_us, shown.rtt_p999_us), (Some(99), Some(99), None));
    assert_eq!((shown.sndbuf_limit, shown.sndbuf_peak_percent), (87_040, 12.5));
    assert_eq!(shown.last_seen.as_deref(), Some("1970-01-01T00:00:01.000Z"), "250 ticks of 4 ms");
    one.last = 0;
    let mut look = snapshot(vec![one], vec![]);
    assert_eq!(flows_doc(&look, named, |_| true).flows[0].last_seen, None);
    look.flows[0].last = 250;
    look.epoch = look.at.checked_sub(std::time::Duration::from_secs(2));
    assert_eq!(flows_doc(&look, named, |_| true).flows[0].last_seen, None, "before 1970");
}

#[test]
fn a_tail_of_a_thousandth_is_told_from_two_thousand_samples_on() {
    for (samples, p999) in [(1_999, None), (2_000, Some(99))] {
        let doc = flows_doc(&snapshot(vec![flow(7, 40_000, 5, 5432, samples)], vec![]), named, |_| true);
        let told = (doc.flows[0].rtt_p999_us, doc.dependencies[0].rtt_p999_us, doc.cgroups[0].rtt_p999_us);
        assert_eq!(told, (p999, p999, p999), "{samples}");
    }
}

#[test]
fn dependencies_are_open_and_ended_flows_by_the_kernels_own_rule() {
    let flows = vec![
        flow(7, 40_000, 5, 5432, 10),
        flow(7, 40_001, 5, 5432, 10),
        flow(7, 40_002, 6, 5432, 1),
        flow(7, 8080, 9, 50_000, 2),
        flow(7, 8080, 8, 50_001, 2),
    ];
    let doc =
        flows_doc(&snapshot(flows, vec![ended(7, 5, 5432, 100), ended(8, 5, 5432, 1)]), named, |_| true);
    let seen: Vec<_> = doc
        .dependencies
        .iter()
        .map(|d| (&*d.cgroup, &*d.side, &*d.service, d.open, d.ended, d.tx_segments))
        .collect();
    assert_eq!(
        seen,
        [
            ("/app", "out", "10.0.0.5:5432", 2, 1, 120),
            ("/app", "in", "*:8080", 2, 0, 4),
            ("/app", "out", "10.0.0.6:5432", 1, 0, 1),
            ("8", "out", "10.0.0.5:5432", 0, 1, 1),
        ]
    );
    let first = &doc.dependencies[0];
    assert_eq!((first.rtt_samples, first.rtt_p90_us, first.rtt_p99_us), (120, Some(99), None));
    assert_eq!((first.tx_packets, first.rx_packets), (120, 20));
    assert_eq!((first.rx_segments, first.tx_bytes), (20, 12_000));
}

#[test]
fn the_key_is_that_of_the_kernel() {
    let key = DepKey { cgroup: 7, remote: v4(5), port: 5432, local: 0, protocol: 6 };
    assert_eq!(DepKey::of(&flow(7, 40_000, 5, 5432, 1)), key);
    let key = DepKey { remote: [0; 4], port: 80, local: 1, ..key };
    assert_eq!(DepKey::of(&flow(7, 80, 5, 5432, 1)), key);
}

#[test]
fn an_unconnected_udp_socket_talks_to_nobody_in_particular() {
    let mut udp = flow(7, 53, 0, 0, 4);
    (udp.protocol, udp.remote) = (17, [0, 0, 0xffff_u32.to_be(), 0]);
    let doc = flows_doc(&snapshot(vec![udp], vec![]), named, |_| true);
    assert_eq!((&*doc.flows[0].protocol, &*doc.flows[0].remote), ("udp", "*"));
    // It serves whoever asks; one on a port that the kernel chose asks whoever it likes.
    assert_eq!((&*doc.dependencies[0].side, &*doc.dependencies[0].service), ("in", "*:53"));
    udp.local_port = 40_000;
    let doc = flows_doc(&snapshot(vec![udp], vec![]), named, |_| true);
    assert_eq!((&*doc.dependencies[0].side, &*doc.dependencies[0].service), ("out", "*"));
}

#[test]
fn a_flow_without_a_histogram_has_its_samples_in_its_dependency() {
    let (with, without) = (flow(7, 40_000, 5, 5432, 30), flow(7, 40_001, 5, 5432, 0));
    let mut all = snapshot(vec![with, without], vec![ended(7, 5, 5432, 200)]);
    all.histograms.remove(&without.cookie);
    let doc = flows_doc(&all, named, |_| true);
    assert_eq!((doc.dependencies[0].rtt_samples, doc.dependencies[0].open), (230, 2));
    let shown = doc.flows.iter().find(|flow| flow.local.ends_with(":40001")).unwrap();
    assert_eq!((shown.rtt_samples, shown.rtt_p50_us), (0, None));
}

#[test]
fn of_many_flows_the_largest_are_shown_and_all_are_in_the_sums() {
    let flows: Vec<_> = (0..MOST_SHOWN as u32 + 10).map(|n| flow(7, 40_000, 5, 5432, n)).collect();
    let all: u64 = flows.iter().map(|flow| flow.counts.tx_bytes).sum();
    let doc = flows_doc(&snapshot(flows, vec![]), named, |_| true);
    assert_eq!((doc.flows.len(), doc.open_flows), (MOST_SHOWN, MOST_SHOWN as u64 + 10));
    assert_eq!(doc.flows.last().unwrap().tx_bytes, 1_000, "the ten smallest are left out");
    assert_eq!(doc.dependencies[0].tx_bytes, all);
}

#[test]
fn what_found_no_place_is_shown_as_other() {
    let (key, value) = ended(7, 5, 5432, 9);
    let doc = flows_doc(&snapshot(vec![], vec![(DepKey::other(key.cgroup), value)]), named, |_| true);
    assert_eq!((&*doc.dependencies[0].service, doc.dependencies[0].tx_segments), ("other", 9));
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let mut all = snapshot(vec![flow(7, 1, 5, 2, 1), flow(8, 1, 5, 2, 1)], vec![ended(8, 5, 80, 1)]);
    all.watched = vec![7, 8];
    all.listeners =
        vec![listening(443, Some(7)), listening(80, Some(7)), listening(81, Some(8)), listening(82, None)];
    let doc = flows_doc(&all, named, |id| id == 7);
    assert_eq!((doc.watched, doc.flows.len(), doc.dependencies.len()), (vec!["/app".to_owned()], 1, 1));
    let local: Vec<_> = doc.listeners.iter().map(|l| (&*l.local, l.accept_queue, l.accept_limit)).collect();
    assert_eq!(local, [("0.0.0.0:443", 3, 128), ("0.0.0.0:80", 3, 128)]);
}
