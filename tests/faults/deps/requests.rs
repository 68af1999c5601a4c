//! DNS by query, and datagrams that are answered.

use std::{
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use super::{assert_between, counted, deps, kind, of, watched};
use crate::support::{THERE, World};

/// A server that takes 20 ms; what the third byte says is done: 0 an answer, 1 to 15 that code, 99 nothing. Before it is
/// the number of the query.
fn answers(port: u16) -> String {
    let socket = UdpSocket::bind((THERE, port)).unwrap();
    let mut message = [0; 512];
    loop {
        let (n, from) = socket.recv_from(&mut message).unwrap();
        let code = message[12];
        if code == 99 {
            continue;
        }
        thread::sleep(Duration::from_millis(20));
        (message[2], message[3]) = (0x81, 0x80 | code);
        socket.send_to(&message[..n], from).unwrap();
    }
}

/// Asks on one socket, as often as each `(code, times)` says; the median time in microseconds.
fn ask(port: u16, codes: &[(u8, usize)]) -> u64 {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect((THERE, port)).unwrap();
    let (mut id, mut times) = (0_u16, Vec::new());
    for (code, n) in codes {
        for _ in 0..*n {
            id += 1;
            let mut message = [0; 32];
            message[..2].copy_from_slice(&id.to_be_bytes());
            message[2] = 1;
            message[12] = *code;
            let begun = Instant::now();
            socket.send(&message).unwrap();
            if *code != 99 {
                socket.recv(&mut message).unwrap();
                times.push(u64::try_from(begun.elapsed().as_micros()).unwrap());
            }
        }
    }
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn queries_and_datagrams_have_their_times() {
    let world = World::new();
    let _servers = [53, 9051].map(|port| world.over_there(move || answers(port)));
    thread::sleep(Duration::from_millis(300));
    deps(&world);
    let victim = world.in_victim(|| {
        let dns = ask(53, &[(0, 20), (3, 3), (2, 2), (99, 4)]);
        let datagrams = ask(9051, &[(0, 20)]);
        // The unanswered ones are given up after 5 s.
        thread::sleep(Duration::from_millis(5500));
        format!("{dns} {datagrams}")
    });
    let (told, seen) = watched(&world, victim);
    let (dns, datagrams) = told.split_once(' ').unwrap();
    let dep = of(&seen, &format!("{THERE}:53"));
    let times = kind(dep, "dns");
    assert_eq!(times["samples"], 25, "{dep}");
    assert_between("dns", &times["p50_us"], 20_000, dns.parse().unwrap());
    let errors = ["dns NXDOMAIN", "dns SERVFAIL", "dns unanswered"].map(|name| counted(dep, "errors", name));
    assert_eq!(errors, [3, 2, 4], "{dep}");
    let times = kind(of(&seen, &format!("{THERE}:9051")), "datagram");
    assert_eq!((&times["samples"], &times["overlaps"]), (&20.into(), &0.into()), "{times}");
    assert_between("datagram", &times["p50_us"], 20_000, datagrams.parse().unwrap());
}
