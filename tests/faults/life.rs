//! A fault ends when it should: by stop, by its time, by Ctrl-C, by the daemon's death, by its hanging.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::support::{THERE, World, now_ms, stream::Stream, traffic::send_udp};

#[test]
fn after_stop_has_returned_the_counters_are_frozen() {
    if crate::support::same_in_every_guest("after_stop_has_returned_the_counters_are_frozen") {
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
    if crate::support::same_as_natively("a_fault_ends_by_itself") {
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
    if crate::support::same_as_natively("ctrl_c_and_a_dead_command_end_the_fault") {
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
    if crate::support::same_as_natively("a_budget_stops_the_fault_exactly") {
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

/// SIGKILL of the daemon at any moment: see [`crate::kills`].
#[test]
fn nothing_survives_the_daemons_death() {
    if crate::support::same_in_every_guest("nothing_survives_the_daemons_death") {
        return;
    }
    crate::kills::at_random_moments();
}

/// A daemon that hangs loses its lease, and does not get it back.
#[test]
fn a_hung_daemons_fault_lapses_for_good() {
    if crate::support::same_in_every_guest("a_hung_daemons_fault_lapses_for_good") {
        return;
    }
    let world = World::with_usual_lease();
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

/// A main loop that hangs loses its lease although the process lives and serves its socket.
#[test]
fn a_blocked_main_loops_fault_lapses_for_good() {
    if crate::support::same_in_every_guest("a_blocked_main_loops_fault_lapses_for_good") {
        return;
    }
    let world = World::with_usual_lease();
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let stream = Stream::start(&world, Duration::from_secs(8));
    sleep(Duration::from_millis(500));
    let block = world.daemon.path("state").join("block");
    std::fs::write(&block, "5000").unwrap();
    // The file is gone when it hangs.
    crate::support::wait_for(5, "the main loop hangs", || (!block.exists()).then_some(()));
    let blocked = now_ms();
    let (lost, sent) = stream.lost();
    let last = lost.iter().max().copied().unwrap_or(0).saturating_sub(blocked);
    println!(
        "n={sent}: {} lost, the last one sent {last} ms after the main loop hung (lease 2000 ms)",
        lost.len()
    );
    assert!(lost.iter().any(|t| *t > blocked), "the fault must live on its lease for a while");
    assert!(last <= 2300, "a fault was selected {last} ms after the main loop hung");
    let fault = world.daemon.ended(&id, 10);
    assert_eq!(fault["end"], "lapsed", "{fault}");
    assert_eq!(fault["clean"]["left"], serde_json::json!([]), "{fault}");
}
