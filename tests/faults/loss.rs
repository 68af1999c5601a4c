//! Loss that the sender cannot tell from the network's.

use std::{thread::sleep, time::Duration};

use crate::support::{
    HERE, HERE6, THERE, THERE6, World, assert_binomial, kernel,
    traffic::{self, Receiver, TcpInfo, bulk, connect, send_udp, tcp_sink},
};

/// Datagrams and how many of them in a millisecond: a guest under emulation is slower.
fn pace() -> (u64, u64) {
    if kernel() == "native" { (100_000, 20) } else { (20_000, 4) }
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace()
        .map(|word| word.parse().unwrap_or_else(|_| panic!("no number in {text:?}")))
        .collect()
}

/// 5 % of the victim's datagrams are lost, none of the control's, and nobody is told.
fn udp_egress(ip: &'static str) {
    let world = World::lent();
    let (n, per_ms) = pace();
    let (to_victim, to_control) = (world.receiver(ip, 9001), world.receiver(ip, 9002));
    let id = world.daemon.arm(&format!("drop --target {} --percent 5 --for 2m", world.target()));
    let victim = world.in_victim(move || {
        let (sent, refused) = send_udp(ip, 9001, n, per_ms);
        format!("{sent} {refused}")
    });
    let control = world.in_control(move || {
        let (sent, refused) = send_udp(ip, 9002, n, per_ms);
        format!("{sent} {refused}")
    });
    assert_eq!(numbers(&victim.join()), [n, 0], "the victim's sender was told of a loss");
    assert_eq!(numbers(&control.join()), [n, 0]);
    let (got, got_control) = (to_victim.finish(), to_control.finish());
    let acted = world.daemon.counter(&id, "acted");
    let matched = world.daemon.counter(&id, "matched");
    println!(
        "n={n}: victim lost {}, selected {acted} of {matched}; control lost {}",
        n - got.count(),
        n - got_control.count()
    );
    assert_eq!((got.no_room, got_control.no_room), (0, 0), "datagrams were lost for want of room, not by us");
    assert_eq!(got_control.count(), n, "the control group lost datagrams");
    assert_eq!(matched, n);
    assert_eq!(n - got.count(), acted, "what the target lost is not what was selected");
    assert_binomial("UDP loss at egress", acted, n, 0.05);
}

#[test]
fn udp_loss_at_egress_ipv4() {
    if crate::support::same_in_every_guest("udp_loss_at_egress_ipv4") {
        return;
    }
    udp_egress(THERE);
}

#[test]
fn udp_loss_at_egress_ipv6() {
    if crate::support::same_in_every_guest("udp_loss_at_egress_ipv6") {
        return;
    }
    udp_egress(THERE6);
}

/// At ingress the victim is the receiver: 5 % never reach its socket.
fn udp_ingress(ip: &'static str) {
    let world = World::lent();
    let (n, per_ms) = pace();
    let n = n / 5;
    let victim = Receiver::start(Some(&world.victim), &world.here, ip, 9001);
    let control = Receiver::start(Some(&world.control), &world.here, ip, 9002);
    let id = world
        .daemon
        .arm(&format!("drop --target {} --percent 5 --direction ingress --for 2m", world.target()));
    let senders =
        [9001, 9002].map(|port| world.over_there(move || format!("{:?}", send_udp(ip, port, n, per_ms))));
    for sender in senders {
        assert_eq!(sender.join(), format!("{:?}", (n, 0)));
    }
    let (got, got_control) = (victim.finish().count(), control.finish().count());
    let acted = world.daemon.counter(&id, "acted");
    assert_eq!(got_control, n, "the control group lost datagrams");
    assert_eq!(n - got, acted);
    assert_binomial("UDP loss at ingress", acted, n, 0.05);
}

#[test]
fn udp_loss_at_ingress_ipv4() {
    if crate::support::same_in_every_guest("udp_loss_at_ingress_ipv4") {
        return;
    }
    udp_ingress(HERE);
}

#[test]
fn udp_loss_at_ingress_ipv6() {
    if crate::support::same_in_every_guest("udp_loss_at_ingress_ipv6") {
        return;
    }
    udp_ingress(HERE6);
}

/// TCP notices loss by itself and retransmits what was lost, not much more.
#[test]
fn tcp_retransmits_what_was_lost_at_egress() {
    if crate::support::same_in_every_guest("tcp_retransmits_what_was_lost_at_egress") {
        return;
    }
    let world = World::lent();
    let _server = world.over_there(|| tcp_sink(THERE, 9001));
    let id = world
        .daemon
        .arm(&format!("drop --target {} --percent 5 --peer {THERE}:9001 --for 2m", world.target()));
    let seconds = if kernel() == "native" { 5 } else { 10 };
    let run = move || {
        let info = bulk(THERE, 9001, Duration::from_secs(seconds));
        format!("{} {}", info.total_retrans, info.data_segs_out)
    };
    let (victim, control) = (world.in_victim(run), world.in_control(run));
    let (victim, control) = (numbers(&victim.join()), numbers(&control.join()));
    let lost = world.daemon.counter(&id, "acted_wire");
    let ratio = victim[0] as f64 / lost as f64;
    println!(
        "n={} segments, {lost} lost, {} retransmitted: ratio {ratio:.2}; control {control:?}",
        victim[1], victim[0]
    );
    assert!(lost >= 500, "only {lost} segments were lost: too few to judge");
    assert!((0.8..=2.0).contains(&ratio), "{} retransmits for {lost} lost segments", victim[0]);
    let share = |of: &[u64]| of[0] as f64 / of[1] as f64;
    // A busy machine loses some of its own.
    assert!(share(&control) * 5.0 <= share(&victim), "the control group retransmitted {control:?}");
}

/// `--peer` means one address and port, and no other.
#[test]
fn only_the_named_peer_is_hit() {
    if crate::support::same_in_every_guest("only_the_named_peer_is_hit") {
        return;
    }
    let world = World::lent();
    let (to_one, to_other) = (world.receiver(THERE, 9001), world.receiver(THERE, 9002));
    let id = world
        .daemon
        .arm(&format!("drop --target {} --percent 100 --peer {THERE}:9001 --for 1m", world.target()));
    let victim = world
        .in_victim(|| format!("{:?} {:?}", send_udp(THERE, 9001, 500, 5), send_udp(THERE, 9002, 500, 5)));
    assert_eq!(victim.join(), "(500, 0) (500, 0)");
    assert_eq!(to_one.finish().count(), 0);
    assert_eq!(to_other.finish().count(), 500);
    assert_eq!(world.daemon.counter(&id, "acted"), 500);
    assert_eq!(world.daemon.counter(&id, "matched"), 500);
}

/// A child cgroup is part of the target, a process that moves out is not: syscalls follow the task, packets
/// the socket's creator.
#[test]
fn children_are_hit_and_neighbours_are_not() {
    if crate::support::same_in_every_guest("children_are_hit_and_neighbours_are_not") {
        return;
    }
    let world = World::lent();
    let child = world.victim.child("sub");
    let to = world.receiver(THERE, 9001);
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let sender = crate::support::child::fork(Some(&child), &world.here, || {
        format!("{:?}", send_udp(THERE, 9001, 300, 5))
    });
    assert_eq!(sender.join(), "(300, 0)");
    assert_eq!(to.finish().count(), 0);
    assert_eq!(world.daemon.counter(&id, "acted"), 300);
}

/// Bulk TCP gets through 1 % loss as fast as it does through netem's own loss on the same path.
#[test]
fn bulk_tcp_under_loss_is_as_slow_as_with_netem() {
    if crate::support::same_in_every_guest("bulk_tcp_under_loss_is_as_slow_as_with_netem") {
        return;
    }
    let test = "bulk_tcp_under_loss_is_as_slow_as_with_netem";
    let world = World::lent();
    if crate::support::lacks(test, &world.daemon, "delay") {
        return;
    }
    let _server = world.over_there(|| tcp_sink(THERE, 9001));
    let seconds = 4;
    let run = || {
        let victim = world.in_victim(move || {
            let TcpInfo { bytes_acked, .. } = bulk(THERE, 9001, Duration::from_secs(seconds));
            bytes_acked.to_string()
        });
        numbers(&victim.join())[0]
    };
    let (mut ratios, mut ratio) = (Vec::new(), 0.0);
    // What disturbs the machine, or has luck with what it loses, is in some of them: three are enough if they are as
    // they should be.
    while ratios.len() < 9 && !(ratios.len() >= 3 && (0.6..=1.6).contains(&ratio)) {
        world.here.run("tc", "qdisc add dev v0 root netem loss 1% limit 10000");
        let netem = run();
        world.here.run("tc", "qdisc del dev v0 root");
        let id = world.daemon.arm(&format!("drop --target {} --percent 1 --for 1m", world.target()));
        let ours = run();
        world.daemon.json(&format!("stop {id}"));
        println!(
            "n=1 bulk TCP under 1 % loss: netem {netem} bytes in {seconds} s, ours {ours}: {:.2}",
            ours as f64 / netem as f64
        );
        ratios.push((ours as f64 / netem as f64 * 1000.0) as u64);
        ratio = traffic::median(ratios.clone()) as f64 / 1000.0;
    }
    assert!((0.5..=2.0).contains(&ratio), "bulk TCP under 1 % loss: {ratio:.2} of netem's");
}

/// A connection that was there before the fault is hit as well.
#[test]
fn connections_that_were_there_before_are_hit() {
    if crate::support::same_in_every_guest("connections_that_were_there_before_are_hit") {
        return;
    }
    let world = World::lent();
    let _server = world.over_there(|| tcp_sink(THERE, 9001));
    let (tell, told) = nix::unistd::pipe().map(|(read, write)| (write, read)).unwrap();
    let victim = world.in_victim(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = connect(THERE, 9001);
        let mut go = [0];
        std::fs::File::from(told).read_exact(&mut go).unwrap();
        // A busy machine sends several of these in one packet: until it has been hit, or surely would have been.
        for _ in 0..4000 {
            stream.write_all(&[0; 100]).unwrap();
            sleep(Duration::from_millis(5));
            if traffic::tcp_info(&stream).total_retrans >= 5 {
                break;
            }
        }
        traffic::tcp_info(&stream).total_retrans.to_string()
    });
    sleep(Duration::from_millis(500));
    world.daemon.arm(&format!("drop --target {} --percent 20 --for 1m", world.target()));
    nix::unistd::write(&tell, &[1]).unwrap();
    assert!(numbers(&victim.join())[0] >= 5);
}
