//! Round trips, handshakes and first bytes behind a delay that is known.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{assert_between, counted, deps, kind, of, watched};
use crate::support::{
    HERE, THERE, World, kernel, lacks, same_as_in, same_as_on_6_1, same_in_every_guest, skip,
    traffic::{ping_pong_on, tcp_echo},
};

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap()
}

fn quantile(sorted: &[u64], permille: usize) -> u64 {
    sorted[(sorted.len() * permille).div_ceil(1000).max(1) - 1]
}

/// Connects `n` times and sends `each` bytes there and back on each connection. Median of the connects; median and 99th
/// percentile of the rest, in microseconds.
fn felt(port: u16, n: usize, each: usize) -> String {
    let all: Vec<_> = (0..n)
        .map(|_| {
            thread::spawn(move || {
                let begun = Instant::now();
                let mut stream = TcpStream::connect((THERE, port)).unwrap();
                let connect = micros(begun);
                stream.set_nodelay(true).unwrap();
                (connect, ping_pong_on(&mut stream, each))
            })
        })
        .collect();
    let (mut connects, mut trips) = (Vec::new(), Vec::new());
    for one in all {
        let (connect, times) = one.join().unwrap();
        connects.push(connect);
        trips.extend(times);
    }
    connects.sort_unstable();
    trips.sort_unstable();
    format!("{} {} {}", quantile(&connects, 500), quantile(&trips, 500), quantile(&trips, 990))
}

/// Runs of our programs that the kernel left out.
fn missed(world: &World) -> u64 {
    world.daemon.get("/v1/status")["own"]["missed"].as_u64().unwrap()
}

/// Behind netem with 1, 5, 20 and 100 ms.
#[test]
fn round_trips_and_handshakes_are_netems() {
    let test = "round_trips_and_handshakes_are_netems";
    if kernel() != "6.1" && same_as_in("6.12", test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "delay") {
        return;
    }
    let delays = [1_u64, 5, 20, 100];
    let _servers = delays.map(|ms| world.over_there(move || tcp_echo(THERE, 9100 + ms as u16)));
    thread::sleep(Duration::from_millis(300));
    deps(&world);
    for ms in delays {
        let port = 9100 + ms as u16;
        world.there.run("tc", &format!("qdisc replace dev v1 root netem delay {ms}ms limit 10000"));
        let (told, seen) = watched(&world, world.in_victim(move || felt(port, 10, 40)));
        let [connect, p50, p99] = *told.split(' ').map(|n| n.parse().unwrap()).collect::<Vec<u64>>() else {
            panic!("{told}")
        };
        let (least, dep) = (ms * 1000, of(&seen, &format!("{THERE}:{port}")));
        let rtt = kind(dep, "rtt");
        // The kernel runs no program at a tracepoint within one at the same tracepoint: on a busy processor that
        // costs samples, and is counted.
        let missed = missed(&world);
        let all = |samples: &Value| samples.as_u64().unwrap() + missed >= 400;
        assert!(rtt["samples"].as_u64().unwrap() >= 100 && all(&rtt["samples"]), "{missed} missed: {dep}");
        assert_between(&format!("p50 at {ms} ms"), &rtt["p50_us"], least, p50);
        assert_between(&format!("p99 at {ms} ms"), &rtt["p99_us"], least, p99);
        let handshake = kind(dep, "handshake");
        let samples = handshake["samples"].as_u64().unwrap();
        assert_eq!(seen["kinds_lost"]["clock_went_backwards"], 0, "{seen}");
        assert!((5..=10).contains(&samples) && samples + missed >= 10, "{missed} missed: {dep}");
        assert!(handshake.get("p90_us").is_none(), "{dep}");
        assert_between(&format!("handshake at {ms} ms"), &handshake["p50_us"], least, connect);
        let first = kind(dep, "first_byte");
        assert!(all(&first["samples"]) && first["samples"].as_u64() <= Some(400), "{missed} missed: {dep}");
        assert_eq!(first["overlaps"], 0, "{dep}");
        assert_between(&format!("first byte at {ms} ms"), &first["p50_us"], least, p50);
    }
}

/// A connection whose SYN no program saw, here because nobody looked yet: it has no time, and that is counted as what it is.
/// A connect that failed is told all the same.
#[test]
fn a_handshake_that_began_unseen_is_counted() {
    if same_in_every_guest("a_handshake_that_began_unseen_is_counted") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9041));
    thread::sleep(Duration::from_millis(300));
    // Answers have no way back: SYNs are sent again after a second.
    world.there.ip(&format!("route add blackhole {HERE}/32"));
    let victim = world.in_victim(|| {
        let refused = thread::spawn(|| TcpStream::connect((THERE, 9042)).unwrap_err().raw_os_error());
        TcpStream::connect((THERE, 9041)).unwrap();
        assert_eq!(refused.join().unwrap(), Some(libc::ECONNREFUSED));
        String::new()
    });
    thread::sleep(Duration::from_millis(500));
    deps(&world);
    world.there.ip(&format!("route del blackhole {HERE}/32"));
    let (_, seen) = watched(&world, victim);
    let lost = &seen["kinds_lost"];
    let missed = missed(&world);
    assert_eq!(lost["clock_went_backwards"], 0, "{lost}");
    assert!(lost["handshakes"] == 1 || missed > 0, "{missed} missed: {lost}");
    let latency = of(&seen, &format!("{THERE}:9041"))["latency"].as_array().unwrap();
    assert!(latency.iter().all(|one| one["kind"] != "handshake"), "{seen}");
    let refused = counted(of(&seen, &format!("{THERE}:9042")), "errors", "connect ECONNREFUSED");
    assert!(refused == 1 || missed > 0, "{missed} missed: {seen}");
}

/// What `ss -ti` says of a connection is what is in the histogram: the median lies between its least round trip and the
/// largest of its running averages.
#[test]
fn round_trips_are_those_of_ss() {
    let test = "round_trips_are_those_of_ss";
    if kernel() != "6.1" && same_as_in("6.12", test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "delay") {
        return;
    }
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    world.there.run("tc", "qdisc add dev v1 root netem delay 20ms limit 10000");
    thread::sleep(Duration::from_millis(300));
    deps(&world);
    let victim = world.in_victim(|| {
        let mut stream = TcpStream::connect((THERE, 9001)).unwrap();
        stream.set_nodelay(true).unwrap();
        ping_pong_on(&mut stream, 150);
        thread::sleep(Duration::from_secs(2));
        String::new()
    });
    let ms = |text: &str, key: &str| -> Option<u64> {
        let value = text.split(key).nth(1)?.split([' ', '/']).next()?;
        Some((value.parse::<f64>().ok()? * 1000.0) as u64)
    };
    let (mut least, mut most) = (None, None);
    while !victim.wrote(0) {
        thread::sleep(Duration::from_millis(200));
        let text = world.here.run("ss", "-tin");
        (least, most) = (ms(&text, " minrtt:").or(least), most.max(ms(&text, " rtt:")));
        deps(&world);
    }
    let (least, most) = (least.expect("a minrtt"), most.expect("an rtt"));
    assert!(least >= 19_900, "netem's 20 ms are in it: {least} us");
    assert_between("p50", &kind(of(&deps(&world), &format!("{THERE}:9001")), "rtt")["p50_us"], least, most);
}

/// Has the kernel acknowledge what comes next at once, and not with the answer.
fn acknowledge(stream: &TcpStream) {
    let on: libc::c_int = 1;
    // SAFETY: a valid descriptor, a plain integer and its size.
    let ret = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_QUICKACK,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    assert_eq!(ret, 0, "TCP_QUICKACK: {}", std::io::Error::last_os_error());
}

/// Answers each byte after 30 ms.
fn slow(port: u16) -> String {
    let listener = TcpListener::bind((THERE, port)).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        thread::spawn(move || {
            let mut byte = [0];
            acknowledge(&stream);
            while stream.read_exact(&mut byte).is_ok() {
                acknowledge(&stream);
                thread::sleep(Duration::from_millis(30));
                if stream.write_all(&byte).is_err() {
                    break;
                }
                acknowledge(&stream);
            }
        });
    }
}

/// The server's own time is in the first byte, and not in the round trip. Who sends before the answer is there has no
/// number.
#[test]
fn the_first_byte_is_the_servers_and_what_overlaps_has_none() {
    if same_in_every_guest("the_first_byte_is_the_servers_and_what_overlaps_has_none") {
        return;
    }
    let world = World::new();
    let _servers = [9011, 9012].map(|port| world.over_there(move || slow(port)));
    thread::sleep(Duration::from_millis(300));
    deps(&world);
    let victim = world.in_victim(|| {
        let connected = |port| {
            let stream = TcpStream::connect((THERE, port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        };
        let mut stream = connected(9011);
        let mut times = ping_pong_on(&mut stream, 25);
        times.sort_unstable();
        let mut stream = connected(9012);
        for _ in 0..10 {
            // The second one when the first is acknowledged and not yet answered.
            stream.write_all(&[1]).unwrap();
            thread::sleep(Duration::from_millis(15));
            stream.write_all(&[2]).unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
        }
        format!("{} {}", quantile(&times, 500), quantile(&times, 900))
    });
    let (told, seen) = watched(&world, victim);
    let (p50, p90) = told.split_once(' ').unwrap();
    let first = kind(of(&seen, &format!("{THERE}:9011")), "first_byte");
    assert_eq!((&first["samples"], &first["overlaps"]), (&25.into(), &0.into()), "{first}");
    assert_between("first byte, p50", &first["p50_us"], 30_000, p50.parse().unwrap());
    assert_between("first byte, p90", &first["p90_us"], 30_000, p90.parse().unwrap());
    assert!(first.get("p99_us").is_none(), "25 samples are too few: {first}");
    let mixed = kind(of(&seen, &format!("{THERE}:9012")), "first_byte");
    assert_eq!((&mixed["multiplexed"], mixed.get("p50_us")), (&true.into(), None), "{mixed}");
    assert!(mixed["overlaps"].as_u64().unwrap() >= 8, "{mixed}");
}

/// A server that is in no hurry: how long its clients waited to be accepted.
#[test]
fn the_wait_to_be_accepted_is_the_servers() {
    let test = "the_wait_to_be_accepted_is_the_servers";
    if same_as_on_6_1(test) {
        return;
    }
    let world = World::new();
    let begun = Instant::now();
    deps(&world);
    let victim = world.in_victim(|| {
        let listener = TcpListener::bind((HERE, 9021)).unwrap();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(300));
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&[1]).unwrap();
        }
        String::new()
    });
    thread::sleep(Duration::from_millis(100));
    let client = world.over_there(|| {
        for _ in 0..5 {
            TcpStream::connect((HERE, 9021)).unwrap().read_exact(&mut [0]).unwrap();
        }
        String::new()
    });
    let (_, seen) = watched(&world, victim);
    client.join();
    let missing = seen["kinds_lost"]["not_measured"].as_array().unwrap();
    if let Some(why) = missing.iter().filter_map(|why| why.as_str()).find(|why| why.contains("accepted")) {
        assert!(skip(test, why));
        return;
    }
    let accept = kind(of(&seen, "*:9021"), "accept");
    assert_eq!(accept["samples"], 5, "{accept}");
    // The first one comes in the middle of the pause.
    assert_between("accept", &accept["p50_us"], 300_000 - 20_000, micros(begun));
}
