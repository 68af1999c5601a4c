//! What is shown per flow is what the sockets themselves say.

use std::{net::TcpListener, thread::sleep, time::Duration};

use crate::support::{
    HERE, THERE, World, kernel, lacks, skip,
    traffic::{connect, median, ping_pong, ping_pong_on, tcp_echo},
};

/// RTT quantiles of a flow against round trips that the program itself measured, with and without a fault.
#[test]
fn flows_show_what_the_target_felt() {
    if crate::support::same_in_every_guest("flows_show_what_the_target_felt") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let target = world.target();
    world.daemon.json(&format!("flows --target {target}"));
    let victim = world.in_victim(|| {
        let mut stream = connect(THERE, 9001);
        let felt = median(ping_pong_on(&mut stream, 2000));
        // The connection stays, so that it is looked at with all that it went through.
        sleep(Duration::from_secs(2));
        format!("{felt} ")
    });
    let mut seen = serde_json::Value::Null;
    while !victim.wrote(0) {
        let doc = world.daemon.json(&format!("flows --target {target}"));
        if doc["flows"].as_array().is_some_and(|flows| !flows.is_empty()) {
            seen = doc;
        }
        sleep(Duration::from_millis(50));
    }
    let felt: u64 = victim.join().trim().parse().unwrap();
    let flow = &seen["flows"][0];
    println!("the program's p50 is {felt} us; the flow: {flow}");
    assert_eq!(flow["remote"], format!("{THERE}:9001"), "{seen}");
    assert!(flow["tx_segments"].as_u64().unwrap() > 100, "{flow}");
    assert!(flow["rtt_samples"].as_u64().unwrap() > 50, "{flow}");
    // The histogram's values are within 5.9 %, and the kernel's clock is another.
    assert!(
        flow["rtt_p50_us"].as_u64().unwrap() <= felt + felt / 4 + 5,
        "the network is slower than the program saw: {flow}"
    );
    sleep(Duration::from_millis(200));
    let after = world.daemon.json(&format!("flows --target {target}"));
    let dep = &after["dependencies"][0];
    assert_eq!(dep["service"], format!("{THERE}:9001"), "{after}");
    assert!(dep["tx_segments"].as_u64().unwrap() >= 2000, "an ended flow vanished: {after}");
}

/// Under a delay the flow's tail is the delay, within the histogram's error.
#[test]
fn a_delayed_flows_rtt_is_the_delay() {
    if crate::support::same_as_on_6_1("a_delayed_flows_rtt_is_the_delay") {
        return;
    }
    let world = World::new();
    if lacks("a_delayed_flows_rtt_is_the_delay", &world.daemon, "delay") {
        return;
    }
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let id = world.daemon.arm(&format!("delay --target {} --by 30ms --for 2m", world.target()));
    let victim = world.in_victim(|| median(ping_pong(THERE, 9001, 300)).to_string());
    let felt: u64 = victim.join().parse().unwrap();
    let fault = world.daemon.fault(&id);
    let (p50, samples) =
        (fault["target"]["rtt_p50_us"].as_u64(), fault["target"]["samples"].as_u64().unwrap());
    println!("the program's p50 is {felt} us; the fault's target: {}", fault["target"]);
    assert!(samples >= 50, "{fault}");
    let p50 = p50.unwrap() as f64 / felt as f64;
    assert!((0.9..=1.1).contains(&p50), "the flow's p50 is {p50:.2} of what the program felt");
    // The end of the connection is on its way for another 30 ms: until then the two may be read around a packet.
    sleep(Duration::from_secs(1));
    let doc = world.daemon.json(&format!("flows --target {}", world.target()));
    let delayed: u64 = doc["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dep| dep["injected_delays"].as_u64().unwrap())
        .sum();
    let acted = world.daemon.fault(&id)["counters"]["acted_wire"].as_u64().unwrap();
    assert_eq!(delayed, acted, "{doc}");
}

/// A listener that does not accept shows its queue and its limit.
#[test]
fn a_full_accept_queue_is_seen() {
    if crate::support::same_in_every_guest("a_full_accept_queue_is_seen") {
        return;
    }
    let world = World::new();
    let victim = world.in_victim(|| {
        let listener = TcpListener::bind((HERE, 9005)).unwrap();
        // SAFETY: a valid descriptor. The limit is made small.
        unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 7) };
        sleep(Duration::from_secs(30));
        String::new()
    });
    sleep(Duration::from_millis(300));
    let _clients = world.over_there(|| {
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect((HERE, 9005)).unwrap()).collect();
        sleep(Duration::from_secs(30));
        clients.len().to_string()
    });
    sleep(Duration::from_millis(700));
    let doc = world.daemon.json(&format!("flows --target {}", world.target()));
    let listener = doc["listeners"].as_array().unwrap().iter().find(|l| l["local"] == format!("{HERE}:9005"));
    let listener = listener.unwrap_or_else(|| panic!("no listener in {doc}"));
    assert_eq!((&listener["accept_queue"], &listener["accept_limit"]), (&3.into(), &7.into()), "{doc}");
    drop(victim);
}

/// Where the kernel gives sockets no storage there is no flow, and every screen says that something is missing.
#[test]
fn packets_of_flows_without_storage_are_counted() {
    let test = "packets_of_flows_without_storage_are_counted";
    if kernel().starts_with("6.1") && kernel() != "6.12" {
        assert!(skip(test, "before 6.8 the limit is the whole host's"));
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    // What a socket's options may take, its storage included.
    world.here.run("sysctl", "-qw net.core.optmem_max=1");
    let flows = format!("flows --target {}", world.target());
    world.daemon.json(&flows);
    let victim = world.in_victim(|| {
        let mut stream = connect(THERE, 9001);
        ping_pong_on(&mut stream, 50);
        sleep(Duration::from_secs(2));
        String::new()
    });
    let mut seen = world.daemon.json(&flows);
    while !victim.wrote(0) {
        seen = world.daemon.json(&flows);
        sleep(Duration::from_millis(50));
    }
    let lost = &seen["lost"];
    println!("lost: {lost}; {}", seen["kinds_lost"]);
    assert_eq!(seen["flows"], serde_json::json!([]), "{seen}");
    // Each of 50 round trips is a packet there and one back.
    assert!(lost["flows_no_memory"].as_u64().unwrap() >= 100, "{seen}");
    assert!(lost["samples_no_memory"].as_u64().unwrap() >= 50, "{seen}");
    let lost = &seen["kinds_lost"];
    assert!(lost["sockets"].as_u64().unwrap() > 0, "{seen}");
    assert!(lost["not_measured"][0].as_str().unwrap().starts_with("flows, "), "{seen}");
    let (_, text, _) = world.daemon.run("status");
    assert!(text.contains("packets of flows without memory"), "{text}");
    let (_, text, _) = world.daemon.run(&flows);
    assert!(text.contains("not complete: ") && text.contains("not measured here: flows, "), "{text}");
}
