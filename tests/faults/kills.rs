//! SIGKILL at any moment of a fault's life: nothing is selected 100 ms later (3 s under emulation), the watcher has
//! removed filters and devices 1 s after that, the journal says what was there, and the audit log's chain is whole.

use std::{
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use injector::session::{instance::random, journal};

use crate::support::{THERE, World, able, figure, kernel, now_ms, stream::Stream};

fn below(ms: u64) -> Duration {
    Duration::from_micros(random() % (ms * 1000))
}

/// What was found after one kill.
struct Found {
    /// Milliseconds.
    last_fault: u64,
    /// Milliseconds.
    swept: u64,
    /// The journal knew a fault that had begun and had not ended.
    unfinished: bool,
    /// Something had been lost before.
    acted: bool,
}

/// Kills the daemon while it arms (0), while the fault runs (1) or while it stops it (2).
fn kill(world: &mut World, moment: u64, round: u64) -> Found {
    let native = kernel() == "native";
    let (bound, slow) = if native { (100, 1) } else { (3000, 5) };
    let target = world.target();
    let way = if moment == 1 { "both" } else { "egress" };
    let arm = format!("drop --target {target} --percent 100 --direction {way} --peer {THERE}:9001 --for 1m");
    let run = |world: &World, args: &str| {
        world.daemon.cli(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let (stream, mut asking, mut ids) = if moment == 0 {
        let stream = Stream::start(world, Duration::from_secs(60));
        let asking = run(world, &format!("{arm} --detach")).unwrap();
        sleep(below(900 * slow));
        (stream, Some(asking), Vec::new())
    } else {
        let mut ids = vec![world.daemon.arm(&arm)];
        if moment == 1 && able(&world.daemon, "delay").is_ok() {
            ids.push(
                world.daemon.arm(&format!("delay --target {target} --by 20ms --peer {THERE}:9002 --for 1m")),
            );
        }
        let stream = Stream::start(world, Duration::from_secs(60));
        sleep(Duration::from_millis(100 * slow) + below(100 * slow));
        let asking = (moment == 2).then(|| run(world, &format!("stop {}", ids[0])).unwrap());
        if moment == 2 {
            sleep(below(60 * slow));
        }
        (stream, asking, ids)
    };
    let at = now_ms();
    world.daemon.kill();
    let begun = Instant::now();
    loop {
        let left = world.here.run("tc", "filter show dev v0 egress") + &world.here.run("ip", "-br link");
        if !left.contains("injector:") && !left.contains("inj") {
            break;
        }
        let limit = Duration::from_millis(bound + if native { 1000 } else { 8000 });
        assert!(begun.elapsed() < limit, "kill {round}: still there after {limit:?}:\n{left}");
        sleep(Duration::from_millis(10));
    }
    let swept = now_ms() - at;
    sleep(Duration::from_millis(bound * 2).saturating_sub(begun.elapsed()));
    let (lost, sent) = stream.stop();
    if let Some(asking) = &mut asking {
        asking.wait().unwrap();
    }
    assert!(sent > 10);
    let last_fault = lost.iter().map(|t| t.saturating_sub(at)).max().unwrap_or(0);
    assert!(last_fault <= bound, "kill {round}: a datagram sent {last_fault} ms after the kill was lost");

    let mut left = journal::left(&world.daemon.path("run"));
    // Written at once or not at all, as far as a kill goes; what is torn is at the end.
    let torn = left.problems.iter().all(|problem| problem.what.contains("torn"));
    assert!(left.problems.len() <= 1 && torn, "kill {round}: {:?}", left.problems);
    if moment == 1 {
        left.faults.sort();
        ids.sort();
        assert_eq!(left.faults, ids, "kill {round}: the journal does not say what ran");
    }
    let clean = world.daemon.json("clean");
    assert_eq!(clean["left"], serde_json::json!([]), "kill {round}: {clean}");
    world.daemon.restart(&world.here);
    for id in &left.faults {
        let says = format!("an earlier daemon died while {id} was armed");
        assert!(world.daemon.log().contains(&says), "kill {round}: the restart does not say: {says}");
    }
    Found { last_fault, swept, unfinished: !left.faults.is_empty(), acted: lost.iter().any(|t| *t < at) }
}

pub fn at_random_moments() {
    let mut world = World::new();
    let kills = figure(50, 1000, 3);
    let mut found: [Vec<Found>; 3] = Default::default();
    for round in 0..kills {
        let moment = round % 3;
        found[moment as usize].push(kill(&mut world, moment, round));
    }
    let worst = |of: fn(&Found) -> u64| found.iter().flatten().map(of).max().unwrap_or(0);
    let count = |of: fn(&Found) -> bool| {
        found.iter().map(|all| all.iter().filter(|one| of(one)).count()).collect::<Vec<_>>()
    };
    let (unfinished, acted) = (count(|found| found.unfinished), count(|found| found.acted));
    println!(
        "n={kills} kills: last fault after {} ms, all gone after {} ms; while arming, running, stopping: \
         unfinished {unfinished:?}, had acted {acted:?}",
        worst(|found| found.last_fault),
        worst(|found| found.swept),
    );
    assert_eq!(acted[1], found[1].len(), "a fault did not act while it ran");
    let (code, out, err) = world.daemon.run("audit verify");
    assert_eq!(code, 0, "after {kills} kills: {out}{err}");
    assert!(out.contains("chain whole"), "{out}");
}
