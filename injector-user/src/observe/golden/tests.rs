use super::{samples::*, *};
use crate::api::types::{FlowsDoc, KindsLostDoc, RecentDoc};

fn row<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name} in {rows:#?}"))
}

/// What /batch is known as; whoever named the container means harm.
const BATCH: &str = "pod:shop/job-1 batch\u{1b}-1";

#[test]
fn it_is_told_who_a_cgroup_is() {
    let golden = golden(&flows(10), None);
    let batch = row(&golden.cgroups, BATCH);
    assert_eq!(batch.id, "/batch", "whatever it is called");
    let who =
        ["python3", "sh", "3 more", "pod shop/job-1", "container batch\u{1b}-1 (4f2a8b3c1d2e)", "/batch"];
    assert_eq!(details(batch).last().unwrap(), &("who", who.map(str::to_owned).to_vec()));
    assert_eq!(batch.below[0].name, "tcp [2001:db8::1]:9200 search.internal");
    assert_eq!(batch.below[0].id, "/batch\ntcp [2001:db8::1]:9200");
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    assert_eq!(nginx.who, ["nginx 5", "unit nginx.service"]);
    assert_eq!(details(row(&golden.cgroups, "/idle")).len(), 4, "nobody is known there");
}

#[test]
fn flows_are_in_dependencies_and_these_in_cgroups() {
    let golden = golden(&flows(10), Some(&saturation()));
    let names: Vec<_> = golden.cgroups.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, [BATCH, "/idle", "/system.slice/nginx.service"]);
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    let (web, db) = (row(&nginx.below, "tcp *:443"), row(&nginx.below, "tcp 10.0.0.5:5432"));
    assert_eq!((web.below.len(), db.below.len()), (1, 2));
    assert_eq!(db.below[0].name, "10.0.0.1:40000 - 10.0.0.5:5432");
    assert_eq!(
        nginx.traffic,
        Traffic {
            sent: web.traffic.sent + db.traffic.sent,
            received: web.traffic.received + db.traffic.received,
            sent_packets: 1_800,
            received_packets: 1_600,
            open: 4,
            ended: 24,
        }
    );
    // Of each of two dependencies: 3 connects, 2 packets that the kernel dropped, and not those that we dropped.
    assert_eq!((nginx.error_sum(), db.error_sum()), (21 + 10, 20 + 5));
    // The cgroup's quantiles are its own; those of its parts can't be added up.
    assert_eq!((nginx.latency[0].p99, db.latency[0].p99), (Some(30_000), Some(41_250)));
    assert_eq!(nginx.latency[0].p999, Some(45_000));
    assert_eq!(row(&golden.cgroups, BATCH).latency[0].samples, 500, "of its one part");
    assert!(row(&golden.cgroups, "/idle").latency.is_empty());
}

#[test]
fn latencies_are_those_of_the_window() {
    let mut doc = flows(10);
    let db = doc.dependencies.iter_mut().find(|sum| sum.service == "10.0.0.5:5432").unwrap();
    let slow = RecentDoc { samples: 210, p50_us: Some(80_000), p99_us: Some(90_000), ..RecentDoc::default() };
    db.kinds.latency[0].recent = Some(slow);
    doc.cgroups[0].recent = Some(slow);
    let (since_ever, now) = (golden(&first_flows(10), None), golden(&doc, None));
    let told = |golden: &Golden| {
        let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
        let db = row(&nginx.below, "tcp 10.0.0.5:5432");
        [&nginx.latency[0], &db.latency[0]].map(|one| (one.samples, one.p50, one.p99))
    };
    assert_eq!(
        told(&since_ever),
        [(1_000, Some(800), Some(30_000)), (500, Some(850), Some(41_250))],
        "nobody has looked before"
    );
    assert_eq!(told(&now), [(210, Some(80_000), Some(90_000)); 2]);
    assert_eq!(
        [since_ever.window(), now.window()],
        ["latency since observing began", "latency of the last 10.4 s"]
    );
    let mut rows: Vec<_> = row(&now.cgroups, "/system.slice/nginx.service").below.iter().collect();
    sort(&mut rows, Sort::Latency, &Pace::default());
    assert_eq!(rows[0].name, "tcp 10.0.0.5:5432", "sorted by what is shown");
}

#[test]
fn the_fullest_of_each_kind_is_shown_above() {
    let golden = golden(&flows(10), Some(&saturation()));
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    let fill =
        |row: &Row, what| row.saturation.iter().find(|fill| fill.what == what).map(|fill| fill.percent);
    assert_eq!(
        ["accept queue", "send buffer", "pids", "pressure of io", "files"].map(|what| fill(nginx, what)),
        [Some(75.0), Some(31.0), Some(12.0), Some(3.5), None]
    );
    assert_eq!(fill(row(&nginx.below, "tcp 10.0.0.5:5432"), "accept queue"), None);
    assert_eq!(
        nginx.fullest().map(|fill| fill.what.as_str()),
        Some("accept queue"),
        "a page cache of 94 % and a busy network are no news"
    );
    let mut hot = saturation();
    hot.places[1].gauges[0].percent = Some(95.0);
    let golden = super::golden(&flows(10), Some(&hot));
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    assert_eq!(nginx.fullest().map(|fill| fill.what.as_str()), Some("memory"));
    assert!(golden.cgroups.iter().all(|row| row.name != "web-14"), "the node is no cgroup");
}

#[test]
fn two_looks_are_a_speed_and_more_are_a_line() {
    let mut pace = Pace::default();
    pace.look(&golden(&flows(10), Some(&saturation())));
    let id = "/system.slice/nginx.service\ntcp 10.0.0.5:5432";
    assert_eq!((pace.speed(id), pace.traffic(id)), (None, vec![]), "one look has no speed");
    pace.look(&golden(&flows(12), None));
    let speed = pace.speed(id).unwrap();
    assert_eq!(
        (speed.sent, speed.received, speed.errors),
        (22_010.0, 11_005.0, 2.0),
        "of a second, not of two"
    );
    pace.look(&golden(&flows(12), None));
    assert_eq!(pace.traffic(id).len(), 1, "the same look again is none");
    pace.look(&golden(&flows(13), None));
    assert_eq!(pace.traffic(id), [33_015, 37_515]);
    assert_eq!(pace.p99(id), [41_250, 41_250, 41_250]);
    pace.look(&golden(&flows(11), None));
    assert_eq!(pace.traffic(id).len(), 2, "a clock that goes back is no speed");
    pace.look(&golden(&FlowsDoc { at: "2026-01-01T14:02:30Z".into(), ..FlowsDoc::default() }, None));
    assert_eq!(pace.speed(id), None, "what is gone is forgotten");
}

#[test]
fn sockets_of_one_name_are_different_rows() {
    let mut doc = flows(1);
    doc.flows.push(doc.flows[0].clone());
    let golden = golden(&doc, None);
    let mut ids = Vec::new();
    fn collect(rows: &[Row], ids: &mut Vec<String>) {
        for row in rows {
            ids.push(row.id.clone());
            collect(&row.below, ids);
        }
    }
    collect(&golden.cgroups, &mut ids);
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), all), (11, 11));
}

#[test]
fn lines_are_as_high_as_their_numbers() {
    assert_eq!(spark(&[0, 1, 50, 100], 8), "▁▂▅█");
    assert_eq!(spark(&[9, 0, 0], 2), "▁▁");
    assert_eq!(spark(&[u64::MAX, 1], 2), "█▂");
    assert_eq!(spark(&[], 2), "");
}

#[test]
fn a_fault_has_what_was_asked_beside_what_came() {
    let armed = armed(&status());
    assert_eq!(armed.len(), 1, "the one that has ended is none");
    let [asked, achieved] = [&armed[0].asked, &armed[0].achieved].map(String::as_str);
    assert_eq!(
        (asked, achieved, armed[0].verdict, armed[0].left.as_str()),
        ("5 %", "5.06 %", "as asked", "12.5 s")
    );
}

#[test]
fn kinds_of_latency_and_errors_are_told_in_full() {
    let golden = golden(&flows(10), None);
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    let told = details(row(&nginx.below, "tcp 10.0.0.5:5432"));
    let [latency, _, errors, full] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        latency.1,
        [
            "rtt p50 850 us p90 1.9 ms p99 41.2 ms of 500",
            "first byte p50 2.1 ms p90 9.0 ms of 40",
            "accept multiplexed, of 9"
        ]
    );
    let said = [
        "20 retransmits",
        "3 connect ECONNREFUSED",
        "2 dropped: SOCKET_RCVBUFF",
        "3 lost by us",
        "6 freed: QUEUE_PURGE",
    ];
    assert_eq!(errors.1, said);
    assert_eq!(full.1, ["not known"], "nobody told");
}

#[test]
fn cost_and_losses_are_said() {
    let kinds =
        KindsLostDoc { queries: 4_000, handshakes: 2, drops_unattributed: 9, ..KindsLostDoc::default() };
    let status = status();
    let told = own(&status.own, &status.lost, &kinds, Some(&cost()));
    let said = [
        "0.5 % of a processor since the start",
        "21.5 MB resident",
        "8.4 MB in 41 maps",
        "300.0 kB in 12 programs",
    ];
    assert_eq!(told.cost, said);
    assert_eq!(
        told.measured,
        ["0.10 % of a processor", "inj_egress 83.1 ns a run", "inj_ingress 61.0 ns a run"]
    );
    assert_eq!(
        told.lost,
        [
            "7 packets without an owner",
            "4,000 DNS queries without a place",
            "2 handshakes whose begin was not seen"
        ]
    );
    assert_eq!(own(&Default::default(), &Default::default(), &Default::default(), None), Own::default());
}

#[test]
fn what_has_too_few_samples_for_a_p99_is_sorted_all_the_same() {
    let of = |name: &str, [p50, p90, p99]: [Option<u64>; 3]| Row {
        name: name.into(),
        latency: vec![Latency {
            what: "rtt".into(),
            samples: 9,
            multiplexed: false,
            p50,
            p90,
            p99,
            p999: None,
        }],
        ..golden(&flows(10), None).cgroups[0].clone()
    };
    let rows = [
        of("none", [None; 3]),
        of("quick", [Some(1), None, None]),
        of("slow", [Some(80_000), None, None]),
        of("tail", [Some(1), Some(90_000), None]),
        of("p99", [Some(1), Some(2), Some(3)]),
    ];
    let mut sorted: Vec<_> = rows.iter().collect();
    sort(&mut sorted, Sort::Latency, &Pace::default());
    let names: Vec<_> = sorted.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["p99", "tail", "slow", "quick", "none"]);
}

#[test]
fn rows_are_sorted_by_each_signal() {
    let doc = flows(10);
    let golden = golden(&doc, None);
    let nginx = row(&golden.cgroups, "/system.slice/nginx.service");
    let first = |by| {
        let mut rows: Vec<_> = nginx.below.iter().collect();
        sort(&mut rows, by, &Pace::default());
        rows[0].name.clone()
    };
    let by = [Sort::Traffic, Sort::Latency, Sort::Errors, Sort::Saturation, Sort::Name].map(first);
    let (web, db) = ("tcp *:443", "tcp 10.0.0.5:5432");
    assert_eq!(by, [web, db, db, web, web]);
}
