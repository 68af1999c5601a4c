//! What each shape does to packets: in the guests, for this machine may lack the qdiscs.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use super::testing::{RIGHT, Shaped, bind, round_trip, shaped};
use super::*;
use crate::plan::{Netem, Shape, Side, Table};

/// The payload of a numbered datagram. With IPv4, UDP and Ethernet headers it is 1,042 bytes.
const PAYLOAD: usize = 1000;
const ON_WIRE: u64 = 1042;

fn send(from: &UdpSocket, to: &UdpSocket, numbers: std::ops::Range<u32>) {
    let port = to.local_addr().expect("address").port();
    for number in numbers {
        let mut datagram = [0; PAYLOAD];
        datagram[..4].copy_from_slice(&number.to_ne_bytes());
        from.send_to(&datagram, (RIGHT, port)).expect("send");
    }
}

/// The numbers that arrive until nothing comes for `patience`, in order of arrival.
fn receive(to: &UdpSocket, patience: Duration) -> Vec<u32> {
    to.set_read_timeout(Some(patience)).expect("timeout");
    let mut datagram = [0; PAYLOAD];
    std::iter::from_fn(|| {
        to.recv_from(&mut datagram).ok()?;
        Some(u32::from_ne_bytes(datagram[..4].try_into().ok()?))
    })
    .collect()
}

fn root(a: &Netns, ifb: u32) -> QdiscStats {
    let stats = Rtnl::open(a).and_then(|mut rtnl| rtnl.qdisc_stats(ifb)).expect("stats");
    stats.into_iter().find(QdiscStats::is_root).expect("a root qdisc")
}

/// What another reader says of the device.
fn shown(a: &Netns) -> String {
    let shown = a.run(|| Ok(Command::new("tc").args(["qdisc", "show"]).output()?)).expect("tc");
    let text = String::from_utf8_lossy(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    println!("{text}");
    text
}

fn change(shaped: &Shaped, shape: &Shape) {
    let mut rtnl = Rtnl::open(&shaped.a).expect("open");
    rtnl.set_shape(shaped.ifb, shape).expect("change");
}

#[test]
fn what_came_in_is_delayed_on_its_way_up() {
    let latency = Duration::from_millis(50);
    let shape = Shape::Netem(Netem { latency, ..Netem::default() });
    let Some(shaped) = shaped("what_came_in_is_delayed_on_its_way_up", Side::Ingress, &shape) else { return };
    let (from, to) = (bind(&shaped.a), bind(&shaped.b));
    round_trip(&from, &to).expect("resolve the address");
    let before = root(&shaped.a, shaped.ifb).packets;
    let took = round_trip(&from, &to).expect("it comes back to the socket");
    assert!(took >= latency, "{took:?}");
    assert!(root(&shaped.a, shaped.ifb).packets > before, "through our device");
}

#[test]
fn all_that_shapes_a_delay_is_taken_and_taken_back() {
    let delay =
        Netem { latency: Duration::from_millis(20), jitter: Duration::from_millis(5), ..Netem::default() };
    let test = "all_that_shapes_a_delay_is_taken_and_taken_back";
    let Some(shaped) = shaped(test, Side::Egress, &Shape::Netem(delay.clone())) else { return };
    let samples: Vec<u32> = (0..1000).map(|n| n * n).collect();
    let measured = Table::measured(&samples).2;
    let large = Table::Measured(vec![7; Table::MOST_ENTRIES].into());
    for table in [Table::Normal, Table::Pareto, Table::Paretonormal, measured, large] {
        let table = Some(table);
        let all = Netem { correlation: u32::MAX / 4, table, in_order: true, corrupt: true, ..delay.clone() };
        change(&shaped, &Shape::Netem(all));
    }
    let text = shown(&shaped.a);
    assert!(text.contains("delay 20ms 5ms 25% corrupt 100%") && text.contains("rate "), "{text}");
    change(&shaped, &Shape::Netem(delay));
    let text = shown(&shaped.a);
    assert!(text.contains("delay 20ms 5ms"), "{text}");
    assert!(!["corrupt", "rate", "25%"].iter().any(|gone| text.contains(gone)), "{text}");
    change(&shaped, &Shape::Rate { bytes_per_second: 1_000_000, burst: 1 << 16, queue: 1 << 16 });
    assert_eq!(root(&shaped.a, shaped.ifb).kind, "tbf", "another kind takes its place");
}

#[test]
fn in_order_nothing_overtakes() {
    /// As many as a socket has room for if all come at once.
    const COUNT: u32 = 60;
    let jitter = Duration::from_millis(30);
    let plain = Netem { latency: jitter, jitter, ..Netem::default() };
    let ordered = Netem { in_order: true, ..plain.clone() };
    let first = Shape::Netem(ordered.clone());
    let Some(shaped) = shaped("in_order_nothing_overtakes", Side::Egress, &first) else { return };
    let (from, to) = (bind(&shaped.a), bind(&shaped.b));
    round_trip(&from, &to).expect("resolve the address");
    let patience = Duration::from_secs(1);
    let with_table = Netem { table: Some(Table::Pareto), ..ordered };
    for netem in [None, Some(with_table)] {
        if let Some(netem) = netem {
            change(&shaped, &Shape::Netem(netem));
        }
        send(&from, &to, 0..COUNT);
        assert_eq!(receive(&to, patience), (0..COUNT).collect::<Vec<_>>());
    }
    change(&shaped, &Shape::Netem(plain));
    send(&from, &to, 0..COUNT);
    let mut got = receive(&to, patience);
    assert!(!got.is_sorted(), "otherwise they do: {got:?}");
    got.sort_unstable();
    assert_eq!(got, (0..COUNT).collect::<Vec<_>>());
}

#[test]
fn every_packet_is_duplicated_or_broken() {
    let nothing = Shape::Netem(Netem::default());
    let test = "every_packet_is_duplicated_or_broken";
    let Some(shaped) = shaped(test, Side::Egress, &nothing) else { return };
    let (from, to) = (bind(&shaped.a), bind(&shaped.b));
    round_trip(&from, &to).expect("resolve the address, before it is broken");
    let patience = Duration::from_secs(1);
    change(&shaped, &Shape::Netem(Netem { duplicate: true, ..Netem::default() }));
    send(&from, &to, 0..20);
    let mut got = receive(&to, patience);
    got.sort_unstable();
    assert_eq!(got, (0..20).flat_map(|number| [number; 2]).collect::<Vec<_>>());

    change(&shaped, &Shape::Netem(Netem { corrupt: true, ..Netem::default() }));
    send(&from, &to, 0..50);
    let got = receive(&to, patience);
    // A bit of the sender's Ethernet address is nothing that the receiver would miss: 6 of 1,042 bytes.
    assert!(got.len() < 10, "{got:?}");
    assert!(root(&shaped.a, shaped.ifb).packets >= 50, "they were sent");
    change(&shaped, &nothing);
    round_trip(&from, &to).expect("whole again");
}

#[test]
fn a_token_bucket_lets_no_more_through() {
    // So slow that something waits still when a busy machine looks.
    const RATE: u64 = 8_000;
    const BURST: u32 = 3000;
    let shape = Shape::Rate { bytes_per_second: RATE, burst: BURST, queue: 20_000 };
    let Some(shaped) = shaped("a_token_bucket_lets_no_more_through", Side::Egress, &shape) else { return };
    let (from, to) = (bind(&shaped.a), bind(&shaped.b));
    round_trip(&from, &to).expect("resolve the address");
    let start = Instant::now();
    send(&from, &to, 0..50);
    let full = root(&shaped.a, shaped.ifb);
    println!("{full:?}");
    assert_eq!(full.kind, "tbf");
    assert!(full.qlen > 0 && full.backlog_bytes >= full.qlen * ON_WIRE as u32, "they wait");
    assert!(full.drops > 0, "the queue holds 19 of 50");
    let patience = Duration::from_millis(500);
    let got = receive(&to, patience);
    let took = start.elapsed() - patience;
    assert_eq!(got.len() as u32 + root(&shaped.a, shaped.ifb).drops, 50);
    let at_least = (got.len() as u64 * ON_WIRE - u64::from(BURST)) as f64 / RATE as f64;
    println!("{} of 50 in {took:?}, at least {at_least} s", got.len());
    assert!(got.len() >= 15 && took.as_secs_f64() >= at_least);

    let text = shown(&shaped.a);
    assert!(text.contains("tbf") && text.contains("rate 64Kbit"), "{text}");
    change(&shaped, &Shape::Rate { bytes_per_second: 12_500_000_000, burst: 1 << 20, queue: 1 << 20 });
    assert!(shown(&shaped.a).contains("rate 100Gbit"));
    round_trip(&from, &to).expect("still through");
}

#[test]
fn each_flow_has_its_rate() {
    const RATE: u64 = 20_000;
    let shape = Shape::FlowRate { bytes_per_second: RATE, queue_packets: 15 };
    let Some(shaped) = shaped("each_flow_has_its_rate", Side::Egress, &shape) else { return };
    let (one, other, to) = (bind(&shaped.a), bind(&shaped.a), bind(&shaped.b));
    round_trip(&one, &to).expect("resolve the address");
    let start = Instant::now();
    send(&one, &to, 0..30);
    send(&other, &to, 100..110);
    let full = root(&shaped.a, shaped.ifb);
    println!("{full:?}");
    assert_eq!(full.kind, "fq");
    assert!(full.qlen > 0 && full.backlog_bytes >= full.qlen * ON_WIRE as u32, "they wait");
    assert!(full.drops > 0, "a flow's queue holds 15");
    let patience = Duration::from_millis(800);
    let got = receive(&to, patience);
    let took = start.elapsed() - patience;
    println!("{got:?} in {took:?}");
    assert_eq!(got.len() as u32 + root(&shaped.a, shaped.ifb).drops, 40);
    let first_of_other = got.iter().position(|number| *number >= 100).expect("one of the other flow");
    let last_of_one = got.iter().rposition(|number| *number < 100).expect("one of the first flow");
    assert!(first_of_other < last_of_one, "the second flow does not wait for the first");
    // A packet that was held up lets the next one come up to half its time earlier.
    let gaps = got.iter().filter(|number| **number < 100).count() as u64 - 1;
    assert!(gaps >= 14 && took.as_secs_f64() >= 0.5 * (gaps * ON_WIRE) as f64 / RATE as f64);
}
