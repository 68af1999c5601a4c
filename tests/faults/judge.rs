//! What the daemon judges by itself: abort conditions, ramps, and whether the target has come back.

use std::{
    io::{Read as _, Write as _},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    THERE, World,
    child::Child,
    lacks, same_in_every_guest,
    stream::Stream,
    traffic::{connect, tcp_echo},
    wait_for,
};

/// Eight connections of the victim's that send a byte and wait for its echo, again and again, for so long.
fn busy(world: &World, span: Duration) -> Child {
    world.in_victim(move || {
        let begun = Instant::now();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut stream = connect(THERE, 9001);
                    let mut byte = [1];
                    while begun.elapsed() < span {
                        stream.write_all(&byte).unwrap();
                        stream.read_exact(&mut byte).unwrap();
                        sleep(Duration::from_millis(1));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        String::new()
    })
}

/// Arms, and follows the fault until it is aborted: the time from the first look at which `is_true` to the end.
fn aborted(world: &World, ask: &str, is_true: impl Fn(&Value) -> bool) -> (Aborted, Value) {
    let id = world.daemon.arm(ask);
    let (mut since, mut look) = (None, Duration::ZERO);
    let fault = wait_for(30, "the abort", || {
        let begun = Instant::now();
        let fault = world.daemon.fault(&id);
        look = look.max(begun.elapsed());
        if since.is_none() && (is_true(&fault) || fault["state"] == "ended") {
            since = Some(Instant::now());
        }
        (fault["state"] == "ended").then_some(fault)
    });
    assert_eq!(fault["end"], "aborted", "{fault}");
    (Aborted { after: since.unwrap().elapsed(), look }, fault)
}

/// How quick an abort was.
struct Aborted {
    /// Since it was true.
    after: Duration,
    /// The longest that the daemon took to say how the fault is.
    look: Duration,
}

impl Aborted {
    /// In two seconds, where the daemon gets the CPU: where a look at it takes long, so does the end of a fault.
    fn assert_quick(&self, by: &str, fault: &Value) {
        let (Self { after, look }, reason) = (self, &fault["end_reason"]);
        println!(
            "n=1 abort by {by} {after:?} after the stats showed it: {reason}; a look takes up to {look:?}"
        );
        assert!(*after < Duration::from_secs(2) + *look * 4);
    }
}

#[test]
fn a_fault_that_hurts_too_much_is_aborted_by_retransmits() {
    if crate::support::same_as_natively("a_fault_that_hurts_too_much_is_aborted_by_retransmits") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _busy = busy(&world, Duration::from_secs(120));
    sleep(Duration::from_millis(500));
    let target = world.target();
    // The same fault without the condition, and with one that is not true, lives on.
    let calm = world.daemon.arm(&format!(
        "drop --target {target} --percent 1 --peer {THERE}:9 --abort-if target.retransmits>99% --for 1m"
    ));
    let ask = format!("drop --target {target} --percent 20 --abort-if target.retransmits>3% --for 1m");
    let (abort, fault) = aborted(&world, &ask, |fault| {
        let count = |name: &str| fault["target"][name].as_u64().unwrap_or(0);
        count("segments") >= 50 && count("retransmits") * 100 > count("segments") * 3
    });
    abort.assert_quick("retransmits", &fault);
    assert!(fault["end_reason"].as_str().unwrap().contains("retransmits"), "{fault}");
    assert!(fault["counters"]["acted"].as_u64().unwrap() > 0, "{fault}");
    assert_eq!(world.daemon.fault(&calm)["state"], "armed");
}

#[test]
fn a_fault_that_hurts_too_much_is_aborted_by_latency() {
    let test = "a_fault_that_hurts_too_much_is_aborted_by_latency";
    if same_in_every_guest(test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "delay") {
        return;
    }
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _busy = busy(&world, Duration::from_secs(120));
    sleep(Duration::from_secs(1));
    let ask = format!("delay --target {} --by 50ms --abort-if target.rtt_p99>30ms --for 1m", world.target());
    let (abort, fault) = aborted(&world, &ask, |fault| {
        let count = |name: &str| fault["target"][name].as_u64().unwrap_or(0);
        count("samples") >= 20 && count("rtt_p50_us") > 30_000
    });
    abort.assert_quick("latency", &fault);
    assert!(fault["end_reason"].as_str().unwrap().contains("rtt_p99"), "{fault}");
}

/// From 1 to 20 %: it begins low, ends high, and is never above.
#[test]
fn a_ramp_rises_step_by_step() {
    if crate::support::same_as_natively("a_ramp_rises_step_by_step") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&format!("drop --target {} --ramp 1%..20%/10s --for 1m", world.target()));
    let stream = Stream::start(&world, Duration::from_secs(12));
    let all = stream.all();
    let (begun, sent) = (all[0].0, all.len());
    let windows: Vec<(f64, f64)> = (0..6)
        .map(|window| {
            let from = begun + window * 2000;
            let inside = all.iter().filter(|(at, _)| (from..from + 2000).contains(at));
            let lost = inside.clone().filter(|(_, came)| !came).count();
            (lost as f64, inside.count() as f64)
        })
        .collect();
    let shares: Vec<f64> = windows.iter().map(|(lost, n)| lost / n * 100.0).collect();
    println!("n={sent} datagrams in 12 s of a ramp from 1 to 20 % in 10 s: {shares:.1?} % in each 2 s");
    let (first, last) = (shares[0], shares[5]);
    assert!(first * 2.0 < last, "it does not rise: {shares:.1?}");
    for (share, (_, n)) in shares.iter().zip(&windows) {
        let most = 20.0 + 500.0 * (0.2 * 0.8 / n).sqrt();
        assert!(*share <= most, "{share:.1} % is above {most:.1} %: {shares:.1?}");
    }
    let fault = world.daemon.fault(&id);
    assert!((fault["percent_now"].as_f64().unwrap() - 20.0).abs() < 0.1, "{fault}");
}

/// After the fault the daemon goes on looking at the target, and says when it is back.
#[test]
fn it_is_told_when_the_target_has_recovered() {
    if crate::support::same_as_natively("it_is_told_when_the_target_has_recovered") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _busy = busy(&world, Duration::from_secs(180));
    sleep(Duration::from_secs(3));
    let id = world.daemon.arm(&format!("drop --target {} --percent 20 --for 2s", world.target()));
    let fault = world.daemon.ended(&id, 20);
    assert_eq!(fault["end"], "expired", "{fault}");
    let begun = Instant::now();
    let recovery = wait_for(75, "the verdict", || {
        let recovery = world.daemon.fault(&id)["recovery"].clone();
        assert!(!recovery.is_null(), "nothing is said of the recovery");
        (recovery["state"] != "waiting").then_some(recovery)
    });
    println!("n=1 recovery after 20 % loss: {recovery} ({} s after the end)", begun.elapsed().as_secs());
    let state = recovery["state"].as_str().unwrap();
    assert!(["recovered", "not-recovered", "unknown"].contains(&state), "{recovery}");
}
