//! Tests that need netem: they run in the guests, and skip themselves where the kernel lacks it.

use std::net::UdpSocket;
use std::time::Duration;

use super::testing::{RIGHT, Shaped, bind, round_trip, shaped};
use super::*;
use crate::plan::{Netem, Shape, Side};

fn median(from: &UdpSocket, to: &UdpSocket) -> Duration {
    let mut all: Vec<_> = (0..15).map(|_| round_trip(from, to).expect("round trip")).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
fn a_redirect_into_netem_delays() {
    let netem = Netem { latency: Duration::from_millis(50), limit_packets: 1000, ..Netem::default() };
    let Some(Shaped { a, b, ifb, _program }) =
        shaped("a_redirect_into_netem_delays", Side::Egress, &Shape::Netem(netem.clone()))
    else {
        return;
    };
    let (from, to) = (bind(&a), bind(&b));
    let with = median(&from, &to);
    let mut rtnl = Rtnl::open(&a).expect("open");
    let stats = rtnl.qdisc_stats(ifb).expect("stats");
    println!("{stats:?}");
    assert!(stats.iter().any(|q| q.is_root() && q.kind == "netem" && q.packets >= 15 && q.drops == 0));
    assert_eq!(
        rtnl.links().expect("links").iter().find(|l| l.index == ifb).map(|l| l.stats.rx_dropped),
        Some(0)
    );
    let longer = Netem { latency: Duration::from_millis(80), jitter: Duration::from_millis(1), ..netem };
    rtnl.set_shape(ifb, &Shape::Netem(longer)).expect("change");
    let changed = median(&from, &to);
    let shown = a.run(|| Ok(std::process::Command::new("tc").args(["qdisc", "show"]).output()?)).expect("tc");
    let shown = String::from_utf8_lossy(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    println!("{shown}");
    assert!(shown.contains("netem") && shown.contains("limit 1000 delay 80ms 1ms"), "another reader agrees");
    let ping =
        a.run(|| Ok(std::process::Command::new("ping").args(["-c5", "-i0.2", "10.99.0.2"]).output()?));
    println!("{}", String::from_utf8_lossy(&ping.expect("ping").stdout));
    sweep(&a, &|_| true, Duration::from_secs(1)).expect("sweep");
    let without = median(&from, &to);
    println!("median round trip: 50 ms asked {with:?}, 80 ms asked {changed:?}, swept {without:?}");
    for (asked, got) in [(50.0, with), (80.0, changed)] {
        let added = (got.as_secs_f64() - without.as_secs_f64()) * 1e3;
        assert!((added - asked).abs() < 10.0, "asked {asked} ms, added {added} ms");
    }
}

#[test]
fn a_sweep_under_traffic_loses_nothing() {
    const COUNT: u32 = 400;
    let netem = Netem { latency: Duration::from_millis(200), limit_packets: 1000, ..Netem::default() };
    let Some(Shaped { a, b, ifb, _program }) =
        shaped("a_sweep_under_traffic_loses_nothing", Side::Egress, &Shape::Netem(netem.clone()))
    else {
        return;
    };
    let (from, to) = (bind(&a), bind(&b));
    round_trip(&from, &to).expect("resolve the address first: ARP queues few packets");
    let port = to.local_addr().expect("address").port();
    let mut seen = vec![0u32; COUNT as usize];
    let (swept, backlog) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                from.send_to(&n.to_ne_bytes(), (RIGHT, port)).expect("send");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let sweeper = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(150));
            let backlog = Rtnl::open(&a).and_then(|mut rtnl| rtnl.qdisc_stats(ifb)).expect("stats")[0].qlen;
            (sweep(&a, &|_| true, Duration::from_secs(2)).expect("sweep"), backlog)
        });
        let mut buf = [0; 4];
        while seen.contains(&0) && to.recv_from(&mut buf).is_ok() {
            seen[u32::from_ne_bytes(buf) as usize] += 1;
        }
        sweeper.join().expect("sweeper")
    });
    println!("backlog when the sweep began: {backlog} packets; {swept:?}");
    assert!(backlog > 20, "packets were under way");
    assert!(seen.iter().all(|times| *times == 1), "each number once");
    assert_eq!((swept.lost_packets, swept.errors.len(), swept.removed.len()), (0, 0, 2));
    assert!(swept.drained_for > Duration::from_millis(100));
    assert!(inventory(&a).expect("inventory").is_empty());
}

#[test]
fn a_sweep_without_patience_counts_what_it_loses() {
    let netem = Netem { latency: Duration::from_secs(5), limit_packets: 30, ..Netem::default() };
    let test = "a_sweep_without_patience_counts_what_it_loses";
    let Some(Shaped { a, b: _b, ifb, _program }) = shaped(test, Side::Egress, &Shape::Netem(netem.clone()))
    else {
        return;
    };
    testing::ip(&a, "neigh replace 10.99.0.2 lladdr 02:00:00:00:00:01 dev left").expect("no ARP");
    let from = bind(&a);
    for _ in 0..50 {
        from.send_to(b"x", (RIGHT, 9)).expect("send");
    }
    std::thread::sleep(Duration::from_millis(100));
    let mut rtnl = Rtnl::open(&a).expect("open");
    let root = rtnl.qdisc_stats(ifb).expect("stats").into_iter().find(QdiscStats::is_root).expect("root");
    println!("{root:?}");
    assert_eq!(root.qlen, 30);
    assert!(root.drops >= 20, "the limit's tail drops are counted");
    let swept = sweep(&a, &|_| true, Duration::from_millis(50)).expect("sweep");
    println!("{swept:?}");
    assert_eq!(swept.lost_packets, 30);
    assert!(swept.drained_for < Duration::from_secs(1));
}
