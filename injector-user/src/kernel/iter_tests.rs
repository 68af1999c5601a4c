//! Flows of a real program, in a cgroup and a network namespace of its own, read back by the iterator.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use injector_ebpf::{
    flow::{DepKey, DepValue, FlowStats},
    rtt::{AGGREGATES, Near},
    slot::{SLOT_ENDED, SLOTS, Slot, SlotCounts},
};

use self::observed::{Cgroup, Talker, observed};
use super::*;
use crate::{
    kernel::slots::Slots,
    observe::{Snapshot, ZERO, read_aggregate, read_cgroups},
};

#[path = "again_tests.rs"]
mod again;
#[path = "ends_tests.rs"]
pub mod ends;
#[path = "full_tests.rs"]
mod full;
#[path = "observed_tests.rs"]
mod observed;
#[path = "rest_tests.rs"]
mod rest;

const MAPPED_LOOPBACK: [u32; 4] = [0, 0, 0xffff_u32.to_be(), 0x7f00_0001_u32.to_be()];

/// 300 questions of 100 bytes and answers of 50 over TCP; before the last one 40 datagrams of 72 bytes, and half a
/// second; then waits to be told to end.
const TALK: &str = r#"
import socket, sys, time
W = socket.MSG_WAITALL
srv = socket.create_server(("127.0.0.1", 7001))
cli = socket.create_connection(("127.0.0.1", 7001))
con, _ = srv.accept()
for _ in range(299):
    cli.sendall(b"x" * 100); con.recv(100, W); con.sendall(b"y" * 50); cli.recv(50, W)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7002))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(("127.0.0.1", 7002))
for _ in range(40):
    v.send(b"z" * 72); u.recv(100)
time.sleep(0.5)
cli.sendall(b"x" * 100); con.recv(100, W); con.sendall(b"y" * 50); cli.recv(50, W)
print("ready", flush=True)
sys.stdin.readline()
"#;

fn key(cgroup: u64, local: bool) -> DepKey {
    let remote = if local { [0; 4] } else { MAPPED_LOOPBACK };
    DepKey { cgroup, remote, port: 7001, local: u16::from(local), protocol: 6 }
}

/// What of a flow is in its dependency.
fn ended(object: &mut Object, flow: &Flow) -> DepValue {
    object.hash(names::DEPS).unwrap().get(&DepKey::of(flow), 0).unwrap()
}

#[test]
fn the_epoch_is_kept_until_the_clock_is_set() {
    let at = |millis| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
    for (before, found, holds) in [
        (None, None, None),
        (None, at(5_000), at(5_000)),
        // A reading without flows.
        (at(5_000), None, at(5_000)),
        (at(5_000), at(5_099), at(5_000)),
        (at(5_000), at(4_901), at(5_000)),
        (at(5_000), at(5_100), at(5_100)),
        (at(5_000), at(4_000), at(4_000)),
    ] {
        assert_eq!(kept(before, found), holds, "{before:?} {found:?}");
    }
}

#[test]
fn flows_of_a_real_program_come_back_with_their_counts() {
    come_back("flows_of_a_real_program_come_back_with_their_counts", None, 0);
}

#[test]
fn flows_whose_slots_are_anothers_come_back_with_their_counts() {
    // No socket of this machine has such a number yet.
    let slot = Slot { cookie: 1 << 48, ..Slot::default() };
    come_back("flows_whose_slots_are_anothers_come_back_with_their_counts", Some((slot, false)), 0);
}

#[test]
fn flows_take_slots_whose_flows_have_ended() {
    let slot = Slot { cookie: 1 << 48 | SLOT_ENDED, ..Slot::default() };
    come_back("flows_take_slots_whose_flows_have_ended", Some((slot, true)), 0);
}

#[test]
fn flows_leave_slots_from_which_something_has_still_to_be_moved() {
    let counts = SlotCounts { rx_more: 1, ..SlotCounts::default() };
    let slot = Slot { cookie: 1 << 48 | SLOT_ENDED, counts, ..Slot::default() };
    come_back("flows_leave_slots_from_which_something_has_still_to_be_moved", Some((slot, false)), 0);
}

#[test]
fn samples_of_flows_and_cgroups_without_a_place_are_in_the_sums() {
    // As above: it is no socket's, and no cgroup's.
    come_back("samples_of_flows_and_cgroups_without_a_place_are_in_the_sums", None, 1 << 48);
}

fn slots_of(object: &mut Object) -> Vec<Slot> {
    let slots = object.array::<Slot>(names::SLOTS).unwrap();
    (0..SLOTS).map(|at| slots.get(&at, 0).unwrap()).collect()
}

/// `before`: what all slots are at first, and whether a flow may have them; those that have none count in their own
/// storage. `taken`: whose all histograms, and all places of cgroups, are at first; 0: nobody's.
fn come_back(test: &str, before: Option<(Slot, bool)>, taken: u64) {
    let Some((cgroup, mut object, mut reader)) = observed(test) else { return };
    assert_eq!(reader.all().unwrap(), []);
    if let Some((slot, _)) = before {
        (0..SLOTS).for_each(|at| object.array(names::SLOTS).unwrap().set(at, slot, 0).unwrap());
    }
    let (slot, may) = before.unwrap_or((Slot::default(), true));
    // SAFETY: plain data, all zero is a value.
    let histogram = FlowRtt { cookie: taken, ..unsafe { std::mem::zeroed() } };
    if taken != 0 {
        let mut near = object.array::<Near>(names::CG_NEAR).unwrap();
        (0..near.len()).for_each(|at| near.set(at, Near { cgroup: taken, sum: ZERO }, 0).unwrap());
    }
    (0..HISTOGRAMS).for_each(|at| object.array(names::FLOW_RTT).unwrap().set(at, histogram, 0).unwrap());
    let began = SystemTime::now();
    let mut talker = Talker::start(&cgroup, TALK);

    let flows = reader.all().unwrap();
    let histograms = reader.histograms().unwrap();
    for f in &flows {
        println!(
            "proto {} {} -> {}: tx {}/{}/{} rx {}/{}/{} retr {} rtt {} sndbuf {}/{} peak {}",
            f.protocol,
            f.local_port,
            f.remote_port,
            f.counts.tx_packets,
            f.tx_segments(),
            f.counts.tx_bytes,
            f.counts.rx_packets,
            f.rx_segments(),
            f.counts.rx_bytes,
            f.retransmits,
            f.rtt_samples,
            f.sndbuf_used,
            f.sndbuf_limit,
            f.sndbuf_peak
        );
        assert_eq!((f.cgroup, f.local, f.injected_drops), (cgroup.id(), MAPPED_LOOPBACK, 0));
        let own = histograms.get(&f.cookie).map_or(0, |own| own.rtt.iter().map(|n| u64::from(*n)).sum());
        assert_eq!(own, f.rtt_samples);
    }
    let find = |protocol, local: u16, remote: u16| {
        let fits = |port: u16, want: u16| want == u16::MAX || port == want;
        let all: Vec<&Flow> = flows
            .iter()
            .filter(|f| f.protocol == protocol && fits(f.local_port, local) && fits(f.remote_port, remote))
            .collect();
        assert_eq!(all.len(), 1, "{protocol} {local} {remote}");
        *all[0]
    };
    assert_eq!(flows.len(), 4);
    let (client, server) = (find(6, u16::MAX, 7001), find(6, 7001, u16::MAX));
    // 300 of data (20 of IP, 32 of TCP, 100 of payload), handshake, some pure ACKs.
    assert!((301..=340).contains(&client.tx_segments()), "{}", client.tx_segments());
    assert!(
        client.counts.tx_bytes >= 300 * 152 && client.counts.tx_bytes < 300 * 152 + 40 * 60,
        "{}",
        client.counts.tx_bytes
    );
    assert!((300..=340).contains(&server.tx_segments()), "{}", server.tx_segments());
    assert!(
        server.counts.tx_bytes >= 300 * 102 && server.counts.tx_bytes < 300 * 102 + 40 * 60,
        "{}",
        server.counts.tx_bytes
    );
    for tcp in [&client, &server] {
        // A sample that equals the running average is unknown: on loopback that is most of them.
        assert_eq!(tcp.remote, MAPPED_LOOPBACK);
        let samples = if taken == 0 { tcp.rtt_samples } else { ended(&mut object, tcp).rtt_samples };
        assert!((10..=302).contains(&samples), "RTT samples: {samples}");
        assert_eq!(tcp.rtt_samples, if taken == 0 { samples } else { 0 });
        assert!(tcp.sndbuf_limit > 0 && tcp.sndbuf_peak <= 1000);
        assert_eq!(tcp.retransmits, 0);
    }
    let (sender, receiver) = (find(17, u16::MAX, 7002), find(17, 7002, 0));
    assert_eq!((sender.tx_segments(), sender.counts.tx_bytes, sender.counts.rx_packets), (40, 4000, 0));
    assert_eq!((receiver.rx_segments(), receiver.counts.rx_bytes, receiver.counts.tx_packets), (40, 4000, 0));

    let changed: Vec<Slot> = slots_of(&mut object).into_iter().filter(|now| *now != slot).collect();
    let owners: BTreeSet<u64> = changed.iter().map(|slot| slot.cookie).collect();
    if may {
        assert_eq!(owners, flows.iter().map(|flow| flow.cookie).collect(), "each flow has its slot");
        assert!(changed.iter().all(|slot| slot.counts != SlotCounts::default()), "nothing was counted there");
    } else {
        assert_eq!(changed, [], "what was not free was changed");
    }
    if slot.cookie == 1 << 48 {
        let mut slots = Slots::default();
        assert_eq!(slots.free(&mut object, &flows, 1).unwrap(), (0, 0), "one reading is not enough");
        assert_eq!(slots.free(&mut object, &flows, 1).unwrap(), (SLOTS as usize, 0));
    }

    // The link is made once; each read is a new walk.
    assert_eq!(reader.all().unwrap().len(), 4);
    let all = Snapshot::take(&mut object, &mut reader, vec![]).unwrap();
    let deps = if taken == 0 { 0 } else { 2 };
    assert_eq!((all.flows.len(), all.deps.len(), all.watched.clone()), (4, deps, vec![cgroup.id()]));
    let (quiet, sleep) = (all.when(sender.last).unwrap(), Duration::from_millis(500));
    for flow in &all.flows {
        let seen = all.when(flow.last).unwrap();
        assert!(seen + SAME_CLOCK > began && seen < all.at + SAME_CLOCK, "{began:?} {seen:?} {:?}", all.at);
        // What was seen last, and not first.
        assert_eq!(seen + SAME_CLOCK > quiet + sleep, flow.protocol == 6, "{seen:?} {quiet:?}");
    }
    let again = Snapshot::take(&mut object, &mut reader, vec![]).unwrap();
    assert_eq!(again.epoch, all.epoch, "what was not seen again was last seen at the same time");
    // No rule means these sockets: they are in the control group, with everybody else's.
    let control = read_aggregate(&mut object, 0).unwrap();
    assert_eq!(control.rtt.iter().sum::<u64>(), control.samples);
    assert!(control.samples >= client.rtt_samples + server.rtt_samples && control.segments >= 500);
    // Wherever they are summed up, they are the cgroup's.
    let own = read_cgroups(&mut object, &|_| true).unwrap()[&cgroup.id()];
    let near = |object: &mut Object, id| {
        let places = object.array::<Near>(names::CG_NEAR).unwrap();
        places.iter().map(Result::unwrap).filter(|near| near.cgroup == id).map(|near| near.sum.samples).sum()
    };
    let found: u64 = near(&mut object, cgroup.id());
    assert_eq!(found, if taken == 0 { own.samples } else { 0 }, "of the cgroup's own place");
    assert_eq!(own.rtt.iter().sum::<u64>(), own.samples);
    assert!((20..=604).contains(&own.samples) && (500..=680).contains(&own.segments), "{own:?}");
    let gone = cgroup.id();
    for exists in [&(|id| id != gone) as &dyn Fn(u64) -> bool, &|_| true] {
        assert_eq!(read_cgroups(&mut object, exists).unwrap().get(&gone), None, "what is gone is forgotten");
    }
    for target in 1..AGGREGATES as u32 {
        assert_eq!(read_aggregate(&mut object, target).unwrap(), ZERO, "no rule means anybody");
    }
    talker.end();
    // Sockets are freed after a grace period.
    let deadline = Instant::now() + Duration::from_secs(5);
    while !reader.all().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "the flows did not go with their sockets");
        std::thread::sleep(Duration::from_millis(20));
    }
    let histograms = object.array::<FlowRtt>(names::FLOW_RTT).unwrap();
    let changed = (0..HISTOGRAMS).filter(|at| histograms.get(at, 0).unwrap() != histogram);
    assert_eq!(changed.collect::<Vec<u32>>(), [0; 0], "a histogram was not given back, or not empty");
    let deps = object.hash::<DepKey, DepValue>(names::DEPS).unwrap();
    for (flow, local) in [(&client, false), (&server, true)] {
        let dep = deps.get(&key(cgroup.id(), local), 0).unwrap();
        assert_eq!(dep.flows, 1);
        let more = dep.tx_segments - flow.tx_segments();
        assert!(more <= 4, "only FIN and ACK came after: {more}");
        let more = [dep.tx_bytes - flow.counts.tx_bytes, dep.rx_bytes - flow.counts.rx_bytes];
        assert!(more.iter().all(|bytes| *bytes <= 4 * 60), "of 60 bytes at most: {more:?}");
        assert!(dep.rtt_samples >= flow.rtt_samples.max(10));
        assert_eq!(dep.rtt.iter().map(|n| u64::from(*n)).sum::<u64>(), dep.rtt_samples);
    }
    // The datagram sockets, too: what they counted is in their dependencies.
    let udp = |key: DepKey| deps.get(&key, 0).map(|dep| (dep.flows, dep.tx_segments, dep.rx_segments));
    let to = DepKey { port: 7002, protocol: 17, ..key(cgroup.id(), false) };
    assert_eq!(udp(to).unwrap(), (1, 40, 0));
    let at = DepKey { port: 7002, protocol: 17, ..key(cgroup.id(), true) };
    assert_eq!(udp(at).unwrap(), (1, 0, 40));
    let stats: FlowStats = object.array(names::FLOW_STATS).unwrap().get(&0, 0).unwrap();
    println!("{stats:?}");
    assert_eq!((stats.created, stats.refused, stats.no_memory, stats.folded), (4, 0, 0, 4));
    let left: Vec<Slot> = slots_of(&mut object).into_iter().filter(|now| *now != slot).collect();
    let over = |slot: &Slot| {
        slot.counts == SlotCounts::default() && (slot.cookie == 0 || slot.cookie & SLOT_ENDED != 0)
    };
    assert!(left.iter().all(over), "a flow has ended and its slot has not, or still holds counts: {left:?}");
}
