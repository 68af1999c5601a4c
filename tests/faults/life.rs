//! A fault ends when it should: by stop, by its time, by Ctrl-C, by the daemon's death, by its hanging.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::support::{THERE, World, able, kernel, now_ms, stream::Stream, traffic::send_udp};

#[test]
fn after_stop_has_returned_the_counters_are_frozen() {
    if crate::support::same_as_on_6_1("after_stop_has_returned_the_counters_are_frozen") {
        return;
    }
    let world = World::new();
    let stream = Stream::start(&world, Duration::from_secs(120));
    for _ in 0..5 {
        let id = world.daemon.arm(&format!("drop --target {} --percent 50 --for 1m", world.target()));
        sleep(Duration::from_millis(300));
        let stopped = world.daemon.json(&format!("stop {id}"));
        let at = now_ms();
        assert_eq!(stopped["state"], "ended", "{stopped}");
        assert_eq!(stopped["clean"]["left"].as_array().map(Vec::len), Some(0), "{stopped}");
        assert!(stopped["counters"]["acted"].as_u64().unwrap() > 0, "{stopped}");
        sleep(Duration::from_millis(200));
        assert_eq!(world.daemon.fault(&id)["counters"], stopped["counters"], "at {at}");
    }
    let attached = world.daemon.json("status")["attached"].clone();
    assert_eq!(attached.as_array().map(Vec::len), Some(0), "{attached}");
    drop(stream);
}

#[test]
fn a_fault_ends_by_itself() {
    if crate::support::same_as_on_6_1("a_fault_ends_by_itself") {
        return;
    }
    let world = World::new();
    let stream = Stream::start(&world, Duration::from_secs(4));
    let (code, out, err) =
        world.daemon.run(&format!("--json drop --target {} --percent 50 --for 1s", world.target()));
    let at = now_ms();
    assert_eq!(code, 0, "{out}{err}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["state"], &last["end"]), (&"ended".into(), &"expired".into()), "{last}");
    let (lost, sent) = stream.lost();
    println!("{} of {sent} were lost", lost.len());
    assert!(!lost.is_empty());
    assert!(lost.iter().all(|t| *t <= at), "something was lost after the command had returned");
}

/// The fault lives as long as the command: Ctrl-C, or the death of the command, ends it.
#[test]
fn ctrl_c_and_a_dead_command_end_the_fault() {
    if crate::support::same_as_on_6_1("ctrl_c_and_a_dead_command_end_the_fault") {
        return;
    }
    let world = World::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mut command = world
            .daemon
            .cli(&format!("drop --target {} --percent 50 --for 1m", world.target()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut first, mut out) = (String::new(), BufReader::new(command.stdout.take().unwrap()));
        out.read_line(&mut first).unwrap();
        assert!(first.contains("ARMED on") && first.contains("Stop: Ctrl-C | injector stop"), "{first}");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(command.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        let status = command.wait().unwrap();
        if signal != Signal::SIGKILL {
            assert_eq!(status.code(), Some(130), "{signal}");
        }
        let begun = Instant::now();
        loop {
            let status = world.daemon.json("status");
            let fault = &status["faults"][0];
            if fault["state"] == "ended" {
                assert_eq!(fault["end"], "stopped", "{fault}");
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{signal}: still there: {fault}");
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_budget_stops_the_fault_exactly() {
    if crate::support::same_as_on_6_1("a_budget_stops_the_fault_exactly") {
        return;
    }
    let world = World::new();
    let to = world.receiver(THERE, 9001);
    let id =
        world.daemon.arm(&format!("drop --target {} --percent 100 --budget 100 --for 1m", world.target()));
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 1000, 2))).join();
    let got = to.finish();
    assert_eq!(got.count(), 900, "{}", got.missing(1000));
    let fault = world.daemon.fault(&id);
    assert_eq!((&fault["end"], &fault["counters"]["acted"]), (&"budget".into(), &100.into()), "{fault}");
}

/// SIGKILL of the daemon: nothing is selected 100 ms later (1 s under emulation), and filters and devices are
/// gone 1 s after that.
#[test]
fn nothing_survives_the_daemons_death() {
    if crate::support::same_as_on_6_1("nothing_survives_the_daemons_death") {
        return;
    }
    let mut world = World::new();
    let native = kernel() == "native";
    let (kills, bound) = if native { (50, 100) } else { (4, 1000) };
    let delays = able(&world.daemon, "delay").is_ok();
    let (mut lost_before, mut worst_fault, mut worst_sweep) = (0, 0, 0);
    for kill in 0..kills {
        if kill > 0 {
            world.daemon.restart(&world.here);
        }
        let target = world.target();
        world.daemon.arm(&format!("drop --target {target} --percent 100 --peer {THERE}:9001 --for 1m"));
        if delays {
            world.daemon.arm(&format!("delay --target {target} --by 20ms --peer {THERE}:9002 --for 1m"));
        }
        let stream = Stream::start(&world, Duration::from_millis(if native { 500 } else { 2500 }));
        sleep(Duration::from_millis(200));
        let at = now_ms();
        world.daemon.kill();
        let begun = Instant::now();
        loop {
            let left = world.here.run("tc", "filter show dev v0 egress") + &world.here.run("ip", "-br link");
            if !left.contains("injector:") && !left.contains("inj") {
                break;
            }
            let limit = Duration::from_millis(bound + if native { 1000 } else { 8000 });
            assert!(begun.elapsed() < limit, "kill {kill}: still there after {limit:?}:\n{left}");
            sleep(Duration::from_millis(10));
        }
        worst_sweep = worst_sweep.max(now_ms() - at);
        let (lost, sent) = stream.lost();
        assert!(sent > 50);
        lost_before += lost.iter().filter(|t| **t < at).count();
        let after = lost.iter().map(|t| t.saturating_sub(at)).max().unwrap_or(0);
        worst_fault = worst_fault.max(after);
        assert!(after <= bound, "kill {kill}: a datagram sent {after} ms after the daemon's death was lost");
    }
    println!(
        "n={kills} kills: last fault after {worst_fault} ms, all gone after {worst_sweep} ms; {lost_before} lost before"
    );
    assert!(lost_before > kills, "the fault did not act at all");
}

/// A daemon that hangs loses its lease, and does not get it back.
#[test]
fn a_hung_daemons_fault_lapses_for_good() {
    if crate::support::same_as_on_6_1("a_hung_daemons_fault_lapses_for_good") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let stream = Stream::start(&world, Duration::from_secs(7));
    sleep(Duration::from_millis(500));
    world.daemon.signal(Signal::SIGSTOP);
    let stopped = now_ms();
    sleep(Duration::from_secs(3));
    world.daemon.signal(Signal::SIGCONT);
    let (lost, sent) = stream.lost();
    let last = lost.iter().max().copied().unwrap_or(0);
    println!(
        "n={sent}: {} lost, the last one sent {} ms after SIGSTOP (lease 2000 ms)",
        lost.len(),
        last.saturating_sub(stopped)
    );
    assert!(lost.iter().any(|t| *t > stopped), "the fault must live on its lease for a while");
    assert!(last.saturating_sub(stopped) <= 2300, "a fault was selected {} ms after SIGSTOP", last - stopped);
    let fault = world.daemon.fault(&id);
    assert_eq!(fault["end"], "lapsed", "{fault}");
    assert!(world.daemon.log().contains("the lease has run out"), "the kernel's own line is missing");
}
