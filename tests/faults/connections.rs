//! Many short connections: all of them are in the sums, and memory does not grow with them.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd as _,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::support::{THERE, World, figure, same_as_natively};

/// More than the kernel's table of dependencies holds.
const ADDRESSES: u64 = 20_000;
/// What it holds (`MOST_DEPS`).
const DEPENDENCIES: u64 = 16_384;

/// By how much the daemon may grow, in KiB, while somebody reads all that the table of dependencies holds, 16,384 with a
/// histogram each, again and again. Of a million short connections it keeps nothing else.
const MOST_READ: u64 = 48_000;

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Closed by a RST: no port waits for a minute.
fn abort(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of::<libc::linger>() as u32;
    // SAFETY: a valid descriptor, and a value of that size.
    let ret = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        )
    };
    assert_eq!(ret, 0);
}

/// Seen, evicted and missed connections are all that were made, by the count of whoever made them.
#[test]
fn every_short_connection_is_counted() {
    if same_as_natively("every_short_connection_is_counted") {
        return;
    }
    let world = World::new();
    world.there.ip("route add local 10.88.0.0/16 dev lo");
    world.here.ip(&format!("route add 10.88.0.0/16 via {THERE}"));
    let _server = world.over_there(|| {
        let listener = TcpListener::bind("0.0.0.0:9001").unwrap();
        // They are closed by the other end.
        for stream in listener.incoming() {
            drop(stream);
        }
        String::new()
    });
    sleep(Duration::from_millis(300));
    let target = world.target();
    let watch = |world: &World| world.daemon.json(&format!("flows --target {target}"));
    watch(&world);
    let before = resident(world.daemon.pid());
    let n = figure(50_000, 1_000_000, 50_000);
    let client = world.in_victim(move || {
        let begun = Instant::now();
        for i in 0..n {
            let i = i % ADDRESSES;
            let to = SocketAddr::from(([10, 88, (i / 250) as u8, (i % 250) as u8 + 1], 9001));
            let mut stream = TcpStream::connect(to).unwrap();
            // Until the other end has closed it: else its accept queue runs over, and a SYN is lost for a second.
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            abort(&stream);
        }
        format!("{} ", (n as f64 / begun.elapsed().as_secs_f64()) as u64)
    });
    // Somebody reads meanwhile, so that the target stays observed, and flows end while they are read.
    let mut sizes = Vec::new();
    while !client.wrote(2) || sizes.len() < 2 {
        watch(&world);
        sizes.push(resident(world.daemon.pid()));
    }
    let most = |sizes: &[u64]| sizes.iter().copied().max().unwrap();
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let (early, late) = (most(early), most(late));
    let rate = client.join();
    sleep(Duration::from_secs(1));
    let doc = watch(&world);
    let (mut seen, mut evicted, mut open, mut places) = (0, 0, 0, 0);
    for dep in doc["dependencies"].as_array().unwrap() {
        let ended = dep["ended"].as_u64().unwrap();
        open += dep["open"].as_u64().unwrap();
        if dep["service"] == "other" {
            evicted += ended;
        } else {
            // One whose connections found no place may still have latencies.
            (seen, places) = (seen + ended, places + u64::from(ended > 0));
        }
    }
    let missed = ["flows_refused", "flows_no_memory"].iter().map(|what| doc["lost"][what].as_u64().unwrap());
    let missed: u64 = missed.sum();
    println!(
        "n={n} connections, {}/s: {seen} seen, {evicted} evicted, {missed} missed; {places} dependencies; \
         the daemon {before} KiB before, at most {early} KiB in the first half of {} readings, {late} KiB in the second",
        rate.trim(),
        sizes.len()
    );
    assert_eq!(seen + open + evicted + missed, n, "{}", doc["lost"]);
    assert_eq!((open, places), (0, DEPENDENCIES), "the table is full, and no flow stays");
    assert_eq!(doc["lost"]["dependencies_full"].as_u64().unwrap(), evicted);
    assert!(early.max(late) < before + MOST_READ, "{before} KiB before, {early} and {late} KiB");
    assert!(late < early + MOST_READ / 4, "it grows with connections: {early} KiB, and {late} KiB later");
    assert!(evicted >= (ADDRESSES - DEPENDENCIES) * (n / ADDRESSES), "{evicted}");
}

/// Sockets of one process: some hosts allow it 20,000 files.
const SOCKETS: u64 = 16_700;
const PROCESSES: u64 = 6;

/// So long after its last need of them a daemon has forgotten the kernel's types (`kernel/types.rs`: 10 s).
const FORGOTTEN: Duration = Duration::from_secs(13);
/// With 100,000 flows, in KiB: 40 MB.
const MOST: u64 = 40_000_000 / 1024;

/// 100,000 flows at once: none is missing, they end in their dependency, and the daemon stays small.
#[test]
fn a_hundred_thousand_flows_fit() {
    if same_as_natively("a_hundred_thousand_flows_fit") {
        return;
    }
    let world = World::new();
    let target = world.target();
    let watch = |world: &World| world.daemon.json(&format!("flows --target {target}"));
    watch(&world);
    let before = resident(world.daemon.pid());
    let crowd: Vec<_> = (1..=PROCESSES as u8)
        .map(|last| {
            world.in_victim(move || {
                let sockets: Vec<UdpSocket> = (0..SOCKETS)
                    .map(|_| {
                        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
                        socket.connect("127.0.0.99:9").unwrap();
                        socket.send(b"one").unwrap();
                        socket
                    })
                    .collect();
                sleep(Duration::from_secs(300));
                format!("{}", sockets.len())
            })
        })
        .collect();
    let n = SOCKETS * PROCESSES;
    let mut deadline = Instant::now() + Duration::from_secs(60);
    let (mut doc, mut took);
    loop {
        let begun = Instant::now();
        doc = watch(&world);
        took = begun.elapsed();
        if doc["open_flows"] == n {
            break;
        }
        assert!(Instant::now() < deadline, "{} flows of {n}: {}", doc["open_flows"], doc["lost"]);
    }
    let sums = |doc: &serde_json::Value| -> [u64; 3] {
        let deps = doc["dependencies"].as_array().unwrap();
        ["open", "ended", "tx_segments"].map(|name| deps.iter().map(|dep| dep[name].as_u64().unwrap()).sum())
    };
    assert_eq!(sums(&doc), [n, 0, n], "{}", doc["lost"]);
    // Somebody reads on: else nobody is observed any more, and the types are needed again for the next one.
    let forgotten = Instant::now() + FORGOTTEN;
    while Instant::now() < forgotten {
        sleep(Duration::from_secs(1));
        assert_eq!(sums(&watch(&world)), [n, 0, n], "{}", doc["lost"]);
    }
    let resident = resident(world.daemon.pid());
    println!("{n} flows, answered in {took:?}; the daemon {before} KiB before, {resident} KiB now");
    drop(crowd);
    deadline = Instant::now() + Duration::from_secs(60);
    while sums(&doc)[0] != 0 {
        assert!(Instant::now() < deadline, "{:?}: {}", sums(&doc), doc["lost"]);
        doc = watch(&world);
    }
    assert_eq!(sums(&doc), [0, n, n], "{}", doc["lost"]);
    assert!(resident < MOST, "{before} KiB before, {resident} KiB with {n} flows");
}
