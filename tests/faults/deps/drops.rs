//! What we lose beside what the kernel loses.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, UdpSocket},
    thread::sleep,
    time::Duration,
};

use super::{counted, deps, of, watched};
use crate::support::{
    HERE, THERE, World, kernel, lacks, same_as_in, same_as_natively, skip,
    traffic::{Flag, connect, send_on, send_udp},
};

/// 5 % by us, and 5 % of the rest by netem behind us.
#[test]
fn injected_and_organic_loss_are_told_apart() {
    let test = "injected_and_organic_loss_are_told_apart";
    const N: u64 = 60_000;
    if kernel() != "6.1" && same_as_in("6.12", test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "delay") {
        return;
    }
    let to = world.receiver(THERE, 9001);
    world.here.run("tc", "qdisc add dev v0 root netem loss 5% limit 10000");
    let id = world.daemon.arm(&format!("drop --target {} --percent 5 --for 2m", world.target()));
    let (all_sent, looked) = (Flag::new(), Flag::new());
    let sender = world.in_victim(|| {
        // Its socket is there when it is looked at: a UDP flow's own counters go with it.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((THERE, 9001)).unwrap();
        let sent = send_on(&socket, N, 10);
        all_sent.set();
        while !looked.is_set() {
            sleep(Duration::from_millis(10));
        }
        format!("{sent:?}")
    });
    let seen = loop {
        let last = all_sent.is_set() || sender.wrote(0);
        let seen = deps(&world);
        if last {
            break seen;
        }
        sleep(Duration::from_millis(300));
    };
    looked.set();
    assert_eq!(sender.join(), format!("{:?}", (N, 0)));
    let text = world.here.run("tc", "-s qdisc show dev v0 root");
    let netem: u64 = text.split("dropped ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let ours = world.daemon.counter(&id, "acted");
    let got = to.finish();
    let dep = of(&seen, &format!("{THERE}:9001"));
    let injected = counted(dep, "drops", "injected");
    let all = dep["drops"].as_array().unwrap();
    let organic: u64 =
        all.iter().filter(|one| one["name"] != "injected").map(|one| one["count"].as_u64().unwrap()).sum();
    let lost = &deps(&world)["kinds_lost"];
    println!("injected {injected} (fault: {ours}), organic {organic} (netem: {netem}) of {N}; {dep}; {lost}");
    assert_eq!(injected, ours, "{dep}");
    // Where the CPU is slow the receiver's socket may have no room: that is neither ours nor netem's.
    let truth = N - got.count() - injected - got.no_room;
    // The kernel runs no program at a tracepoint within one at the same tracepoint; it counts those runs.
    let missed = world.daemon.get("/v1/status")["own"]["missed"].as_u64().unwrap();
    println!("netem lost {truth} of the victim's; {missed} runs missed");
    assert!(organic <= truth && organic + missed >= truth, "{truth} lost by netem, {missed} missed: {dep}");
    // netem loses what is nobody's as well: neighbours ask for each other's addresses.
    let others = lost["drops_unattributed"].as_u64().unwrap();
    assert!(truth <= netem && truth + others >= netem, "{truth}, {others} of nobody: {}", got.missing(N));
    assert_eq!(counted(dep, "drops", "QDISC_DROP") + counted(dep, "drops", "TC_EGRESS"), organic, "{dep}");
    assert!(lost["drops_injected"].as_u64().unwrap() >= ours, "{lost}");
    for (what, share) in [
        ("injected", injected as f64 / N as f64 * 100.0),
        ("organic", organic as f64 / (N - injected) as f64 * 100.0),
    ] {
        assert!((share - 5.0).abs() <= 0.5, "{what}: {share:.2} % is not 5");
    }
}

/// Datagrams for which a socket has no room.
#[test]
fn the_kernels_reason_is_named() {
    let test = "the_kernels_reason_is_named";
    if kernel().starts_with("6.1") && kernel() != "6.12" {
        assert!(skip(test, "before 6.11 a drop does not tell the receiver: it is counted as unattributed"));
        return;
    }
    let world = World::new();
    deps(&world);
    let victim = world.in_victim(|| {
        let socket = UdpSocket::bind((HERE, 9041)).unwrap();
        sleep(Duration::from_secs(2));
        let text = std::fs::read_to_string("/proc/net/snmp").unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with("Udp:"));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let column = names.split(' ').position(|name| name == "RcvbufErrors").unwrap();
        drop(socket);
        values.split(' ').nth(column).unwrap().to_owned()
    });
    sleep(Duration::from_millis(500));
    let sender = world.over_there(|| format!("{:?}", send_udp(HERE, 9041, 2000, 20)));
    let (truth, seen) = watched(&world, victim);
    sender.join();
    let truth: u64 = truth.parse().unwrap();
    assert!(truth > 0, "the socket had room for all");
    let all = seen["dependencies"].as_array().unwrap();
    let dropped: u64 = all.iter().map(|dep| counted(dep, "drops", "SOCKET_RCVBUFF")).sum();
    println!("no room for {truth}, told {dropped}");
    assert_eq!(dropped, truth, "{seen}");
}

/// Connections that the server closes first: what still comes for one of them is freed when its socket has given its port
/// back already.
#[test]
fn what_a_closed_connection_leaves_is_still_the_servers() {
    if same_as_natively("what_a_closed_connection_leaves_is_still_the_servers") {
        return;
    }
    let world = World::new();
    deps(&world);
    let victim = world.in_victim(|| {
        let server = TcpListener::bind((HERE, 9042)).unwrap();
        for stream in server.incoming().take(100) {
            let mut stream = stream.unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(b"done").unwrap();
        }
        "done".to_owned()
    });
    let client = world.over_there(|| {
        sleep(Duration::from_millis(500));
        for _ in 0..100 {
            let mut stream = connect(HERE, 9042);
            stream.write_all(b"work").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
        }
        String::new()
    });
    let (_, seen) = watched(&world, victim);
    client.join();
    let all = seen["dependencies"].as_array().unwrap();
    let freed: u64 = all.iter().map(|dep| counted(dep, "freed", "QUEUE_PURGE")).sum();
    let services: Vec<_> = all.iter().map(|dep| dep["service"].as_str().unwrap()).collect();
    println!("{freed} packets were freed; {services:?}");
    assert!(freed > 0, "nothing came for a closed connection: {seen}");
    assert_eq!(services, ["*:9042"], "{seen}");
}
