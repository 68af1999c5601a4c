//! Readers on temporary trees, and what is derived of two readings and of a fault's first one.

use std::time::{Duration, Instant, SystemTime};

use super::{History, Place, Reading, Scope, SeenFault, hot, namespace::facts, probes, read};
use crate::{
    api::types::{GaugeDoc, PlaceDoc, PlaceKind, SaturationDoc, Unit},
    target::testhost::TestHost,
};

const APP: &str = "/app";

fn file(host: &TestHost, name: &str, text: &str) {
    host.file(&format!("/sys/fs/cgroup/unified/app/{name}"), text);
}

/// A cgroup with all controllers, at so many periods of its CPU quota.
fn app(periods: u64, throttled: u64, usage_us: u64, stalled_us: u64) -> TestHost {
    let host = TestHost::new();
    host.cgroup(APP);
    again(&host, periods, throttled, usage_us, stalled_us);
    file(&host, "cpu.max", "50000 100000\n");
    for (name, text) in [
        ("memory.current", "900\n"),
        ("memory.max", "1000\n"),
        ("memory.high", "max\n"),
        ("memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 1\n"),
        ("pids.current", "9\n"),
        ("pids.max", "max\n"),
        ("pids.events", "max 2\n"),
        (
            "io.stat",
            "8:0 rbytes=100 wbytes=20 rios=3 wios=1 dbytes=0 dios=0\n8:16 rbytes=11 wbytes=0 rios=1 wios=0\n",
        ),
    ] {
        file(&host, name, text);
    }
    host
}

fn again(host: &TestHost, periods: u64, throttled: u64, usage_us: u64, stalled_us: u64) {
    let stat = format!(
        "usage_usec {usage_us}\nuser_usec 1\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 9\n"
    );
    file(host, "cpu.stat", &stat);
    file(host, "cpu.pressure", &format!("some avg10=2.00 avg60=0.00 avg300=0.00 total={stalled_us}\n"));
}

fn scope(pids: &[u32]) -> Scope {
    let place = Place { path: APP.to_owned(), id: 7, pids: pids.to_vec() };
    Scope { roots: vec![APP.to_owned()], places: vec![place], ..Scope::default() }
}

fn place(doc: &SaturationDoc, kind: PlaceKind) -> &PlaceDoc {
    doc.places.iter().find(|place| place.kind == kind).unwrap_or_else(|| panic!("no {kind:?}: {doc:?}"))
}

fn gauge<'a>(place: &'a PlaceDoc, what: &str) -> &'a GaugeDoc {
    place.gauges.iter().find(|gauge| gauge.what == what).unwrap_or_else(|| panic!("no {what}: {place:?}"))
}

fn missing<'a>(place: &'a PlaceDoc, what: &str) -> &'a str {
    let found = place.missing.iter().find(|missing| missing.what == what);
    &found.unwrap_or_else(|| panic!("{what} is not missing: {place:?}")).why
}

fn doc(history: &History) -> SaturationDoc {
    history.doc(&[], |_| "now".to_owned())
}

#[test]
fn two_readings_give_shares_of_the_time_between_them() {
    let host = app(100, 10, 5_000_000, 1_000_000);
    let mut history = History::default();
    let mut first = read(&host.host, &scope(&[]), None);
    // Two seconds ago, whatever this machine was doing meanwhile.
    first.at = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
    let begun = first.at;
    history.add(first, &[]);
    let one = doc(&history);
    let cgroup = place(&one, PlaceKind::Cgroup);
    assert_eq!((one.interval_ms, cgroup.pressures[0].some_percent), (None, None), "no rate of one reading");
    assert!(cgroup.gauges.iter().all(|gauge| !gauge.what.starts_with("cpu")), "{cgroup:?}");
    again(&host, 120, 18, 5_500_000, 1_600_000);
    let mut second = read(&host.host, &scope(&[]), history.before(Instant::now()));
    second.at = begun + Duration::from_secs(2);
    history.add(second, &[]);
    let two = doc(&history);
    assert_eq!(two.interval_ms, Some(2000));
    let cgroup = place(&two, PlaceKind::Cgroup);
    // 0.5 s of CPU in 2 s, of half a CPU; 8 of 20 periods; 0.6 s of 2 s.
    let (cpu, throttled) = (gauge(cgroup, "cpu"), gauge(cgroup, "cpu_throttled"));
    assert_eq!((cpu.used, cpu.limit, cpu.percent), (250, Some(500), Some(50.0)));
    assert_eq!((throttled.used, throttled.limit, throttled.percent), (8, Some(20), Some(40.0)));
    assert_eq!(cgroup.pressures[0].some_percent, Some(30.0));
    assert_eq!(cgroup.pressures[0].full_percent, None, "there is no such line");
    let counter = |what: &str| cgroup.counters.iter().find(|counter| counter.what == what).unwrap();
    assert_eq!(counter("throttled_periods").per_second, Some(4.0));
    assert_eq!((counter("io_read_bytes").total, counter("io_reads").total), (111, 4));
    let memory = gauge(cgroup, "memory");
    assert_eq!((memory.used, memory.limit, memory.percent), (900, Some(1000), Some(90.0)));
    assert_eq!((gauge(cgroup, "pids").used, gauge(cgroup, "pids").percent), (9, None), "no limit, no share");
    assert_eq!((counter("memory_max_hits").total, counter("oom_kills").total), (3, 1));
    let words: Vec<_> = two.hot.iter().map(|hot| hot.what.as_str()).collect();
    assert_eq!(words, ["throttled_periods", "cpu_throttled"], "memory at 90 % is a full page cache");
}

#[test]
fn a_file_that_is_not_there_is_said_and_gives_no_number() {
    let host = TestHost::new();
    host.cgroup(APP);
    file(&host, "cpu.stat", "usage_usec 5\n");
    let mut history = History::default();
    history.add(read(&host.host, &scope(&[]), None), &[]);
    let seen = doc(&history);
    let cgroup = place(&seen, PlaceKind::Cgroup);
    assert!(cgroup.gauges.is_empty() && cgroup.pressures.is_empty(), "{cgroup:?}");
    assert_eq!(missing(cgroup, "memory"), "there is no memory.current");
    assert_eq!(missing(cgroup, "cpu"), "there is no cpu.max");
    assert_eq!(missing(cgroup, "pressure of io"), "there is no io.pressure");
    for what in ["pids", "io"] {
        missing(cgroup, what);
    }
    let node = place(&seen, PlaceKind::Node);
    for what in ["files", "threads", "tcp_memory", "orphans", "softnet", "pressure of cpu"] {
        missing(node, what);
    }
    let tried = probes(&host.host);
    assert!(tried.iter().all(|probe| !probe.works && !probe.why.is_empty()), "{tried:?}");
    host.file("/sys/fs/cgroup/unified/cgroup.controllers", "cpu pids\n");
    let works: Vec<_> = probes(&host.host).into_iter().filter(|probe| probe.works).map(|p| p.what).collect();
    assert_eq!(works, ["saturation: cpu", "saturation: pids"]);
}

#[test]
fn the_process_that_is_nearest_to_its_limit_is_named() {
    let host = TestHost::new();
    for (pid, comm, open, limit, threads) in
        [(41, "small", 3, "10", 2), (42, "large", 5, "100", 9), (43, "free", 7, "unlimited", 1)]
    {
        host.process(pid, comm, APP);
        for fd in 0..open {
            host.file(&format!("/proc/{pid}/fd/{fd}"), "");
        }
        let limits =
            format!("Limit   Soft Limit  Hard Limit  Units\nMax open files   {limit}   4096   files\n");
        host.file(&format!("/proc/{pid}/limits"), limits);
        host.file(&format!("/proc/{pid}/status"), format!("Name:\t{comm}\nThreads:\t{threads}\n"));
    }
    let mut history = History::default();
    // 44 has ended since it was listed.
    history.add(read(&host.host, &scope(&[41, 42, 43, 44]), None), &[]);
    let seen = doc(&history);
    let cgroup = place(&seen, PlaceKind::Cgroup);
    let fds = gauge(cgroup, "fds");
    assert_eq!((fds.of.as_deref(), fds.used, fds.limit), (Some("small (41)"), 3, Some(10)));
    let threads = gauge(cgroup, "threads");
    assert_eq!((threads.of.as_deref(), threads.used, threads.limit), (Some("large (42)"), 9, None));
    assert!(cgroup.missing.iter().all(|missing| missing.what != "fds"), "{cgroup:?}");
    // A namespace that cannot be entered (here it is no namespace at all) is not one in which all is well.
    missing(place(&seen, PlaceKind::Namespace), "everything");
}

#[test]
fn a_namespaces_files_are_read_by_the_names_in_them() {
    let host = TestHost::new();
    host.file("/proc/sys/net/ipv4/ip_local_port_range", "40000\t40009\n");
    host.file("/proc/sys/net/netfilter/nf_conntrack_count", "90\n");
    host.file("/proc/sys/net/netfilter/nf_conntrack_max", "100\n");
    host.file("/proc/thread-self/net/sockstat", "TCP: inuse 1 orphan 0 tw 5 alloc 1 mem 2\n");
    host.file("/proc/sys/net/ipv4/tcp_max_tw_buckets", "10\n");
    host.file("/proc/thread-self/net/netstat", "TcpExt: A ListenDrops\nTcpExt: 1 7\n");
    let drops = "entries clashres drop early_drop\n00000001 00000000 0000000a 00000001\n00000001 00000000 00000002 00000000\n";
    host.file("/proc/thread-self/net/stat/nf_conntrack", drops);
    let found = facts(&host.host, 9);
    let place = found.place;
    assert_eq!(place.name, "net:[9]");
    assert_eq!(gauge(&place, "conntrack").percent, Some(90.0));
    assert_eq!(gauge(&place, "time_wait").percent, Some(50.0));
    assert_eq!((place.total("listen_drops"), place.total("conntrack_drops")), (Some(7), Some(12)));
    assert_eq!(place.total("listen_overflows"), None, "not 0");
    assert_eq!(missing(&place, "listen_overflows"), "this kernel has no ListenOverflows in netstat");
    assert!(missing(&place, "udp_receive_buffer_errors").contains("snmp"));
    assert_eq!(found.range.map(|range| range.size()), Some(10));
}

#[test]
fn the_nodes_tables_and_cpus_are_read() {
    let host = TestHost::new();
    host.file("/proc/sys/fs/file-nr", "50 0 100\n");
    host.file("/proc/loadavg", "0.1 0.2 0.3 2/80 999\n");
    host.file("/proc/sys/kernel/threads-max", "100\n");
    host.file("/proc/net/sockstat", "sockets: used 9\nTCP: inuse 1 orphan 3 tw 0 alloc 1 mem 60\n");
    host.file("/proc/sys/net/ipv4/tcp_mem", "50 70 80\n");
    host.file("/proc/sys/net/ipv4/tcp_max_orphans", "4\n");
    host.file("/proc/net/softnet_stat", "000000ff 0000000a 00000001 0\n00000001 00000001 00000002 0\n");
    let mut history = History::default();
    history.add(read(&host.host, &Scope::default(), None), &[]);
    let seen = doc(&history);
    let node = place(&seen, PlaceKind::Node);
    let of = |what: &str| gauge(node, what).percent;
    assert_eq!(
        [of("files"), of("threads"), of("tcp_memory"), of("orphans")],
        [50.0, 80.0, 75.0, 75.0].map(Some)
    );
    assert_eq!((node.total("softnet_dropped"), node.total("softnet_squeezed")), (Some(11), Some(3)));
}

/// A listener and the namespace that it is in, at so many drops.
fn places(listener: Option<u64>, namespace: Option<u64>, device: Option<u64>) -> Vec<PlaceDoc> {
    let mut all = Vec::new();
    if let Some(drops) = namespace {
        let mut place = PlaceDoc::new(PlaceKind::Namespace, "net:[1]");
        place.members = vec!["/app/a".to_owned()];
        place.overflow("listen_drops", None, drops);
        device.iter().for_each(|drops| place.overflow("queue_drops", Some("ifb0"), *drops));
        all.push(place);
    }
    if let Some(drops) = listener {
        let mut place = PlaceDoc::new(PlaceKind::Listener, "10.0.0.1:80");
        place.cgroup = Some("/app/a".to_owned());
        place.gauge("accept_queue", drops, Some(100), Unit::Count);
        place.overflow("listen_drops", None, drops);
        all.push(place);
    }
    let mut other = PlaceDoc::new(PlaceKind::Cgroup, "/apple");
    other.overflow("oom_kills", None, 1000 + listener.unwrap_or_default());
    all.push(other);
    all
}

#[test]
fn what_ran_over_is_counted_since_the_fault_began() {
    let (at, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
    let second = Duration::from_secs(1);
    let reading = |n: u32, places| Reading::made(at + second * n, wall + second * n, &[APP], places);
    let started = wall + Duration::from_millis(1500);
    let fault = SeenFault { id: "drop-1".to_owned(), started, roots: vec![APP.to_owned()] };
    let seen = [fault];
    let mut history = History::default();
    history.add(reading(1, places(Some(5), Some(50), None)), &[]);
    history.add(reading(2, places(Some(7), Some(53), Some(4))), &seen);
    history.add(reading(3, places(Some(30), Some(60), Some(9))), &seen);
    let track = |history: &History| doc(history).faults.remove(0);
    let counts = |history: &History| {
        let count = |over: crate::api::types::OverflowDoc| (over.place, over.what, over.count);
        track(history).overflows.into_iter().map(count).collect::<Vec<_>>()
    };
    let all = [
        ("/app/a on 10.0.0.1:80".to_owned(), "listen_drops".to_owned(), 25),
        ("net:[1]".to_owned(), "listen_drops".to_owned(), 10),
        // The device came with the fault.
        ("net:[1]".to_owned(), "queue_drops".to_owned(), 9),
    ];
    assert_eq!(counts(&history), all, "/apple is not below /app");
    assert_eq!((track(&history).late_ms, track(&history).ended), (0, false), "from the reading before it");
    assert_eq!(track(&history).peaks[0].percent, 30.0);
    history.add(reading(4, places(Some(99), Some(99), Some(99))), &[]);
    assert_eq!(
        (counts(&history).as_slice(), track(&history).ended),
        (&all[..], true),
        "what came later is not its"
    );
}

#[test]
fn a_fault_without_a_reading_before_it_says_so() {
    let (at, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
    let second = Duration::from_secs(1);
    let started = wall + Duration::from_millis(1500);
    let seen = [SeenFault { id: "drop-1".to_owned(), started, roots: vec![APP.to_owned()] }];
    let mut history = History::default();
    // Another target's: it has nothing of ours.
    history.add(Reading::made(at + second, wall + second, &["/other"], Vec::new()), &[]);
    history
        .add(Reading::made(at + second * 2, wall + second * 2, &[APP], places(Some(7), None, None)), &seen);
    history.add(
        Reading::made(at + second * 3, wall + second * 3, &[APP], places(Some(8), Some(900), None)),
        &seen,
    );
    let track = doc(&history).faults.remove(0);
    assert_eq!(track.late_ms, 500);
    let counts: Vec<_> = track.overflows.iter().map(|over| (over.place.as_str(), over.count)).collect();
    // The namespace was there before the target was in it.
    assert_eq!(counts, [("/app/a on 10.0.0.1:80", 1)]);
}

#[test]
fn a_document_has_what_was_asked_for() {
    let (at, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
    let mut history = History::default();
    history.add(Reading::made(at, wall, &["/app", "/apple"], places(Some(1), Some(1), None)), &[]);
    let names = |roots: &[&str]| {
        let roots: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
        let doc = history.doc(&roots, |_| String::new());
        doc.places.into_iter().map(|place| place.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["/apple"]), ["/apple"]);
    assert_eq!(names(&["/app"]), ["net:[1]", "10.0.0.1:80"]);
    assert_eq!(names(&[]).len(), 3);
}

#[test]
fn one_window_of_0_is_hot_and_waiting_for_the_network_never_is() {
    let mut place = PlaceDoc::new(PlaceKind::Dependency, "10.0.0.5:5432");
    place.cgroup = Some(APP.to_owned());
    place.gauge("zero_window_peer", 1, Some(500), Unit::Count);
    place.gauge("zero_window_own", 0, Some(500), Unit::Count);
    place.gauge("limited_by_network", 100, Some(100), Unit::Micros);
    place.gauge("limited_by_peer_window", 49, Some(100), Unit::Micros);
    place.gauge("receive_buffer", 79, Some(100), Unit::Bytes);
    place.gauge("pool", 8, Some(8), Unit::Count);
    let found = hot(&[place]);
    let words: Vec<_> = found.iter().map(|hot| (hot.place.as_str(), hot.what.as_str())).collect();
    assert_eq!(words, [("/app to 10.0.0.5:5432", "pool"), ("/app to 10.0.0.5:5432", "zero_window_peer")]);
}
