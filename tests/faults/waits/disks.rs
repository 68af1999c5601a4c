//! Requests to disks.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::{
    attached, complete,
    device::{BLOCK, Device, able, direct},
    lag, lost, read, samples,
};
use crate::support::{
    World, cgroup::Cgroup, lacks, same_as_natively, same_as_on_6_1, same_in_every_guest, skip, wait_for,
};

const SLOW: Duration = Duration::from_millis(20);
const FAST: Duration = Duration::from_micros(10);

/// What is needed is not here.
fn not_here(test: &str) -> bool {
    same_as_on_6_1(test) || able().err().is_some_and(|why| skip(test, &why))
}

#[track_caller]
fn micros(doc: &Value, path: &str, what: &str, quantile: &str) -> u64 {
    lag(doc, path, what).unwrap()[quantile]
        .as_u64()
        .unwrap_or_else(|| panic!("{what} of {path}: no {quantile}: {doc}"))
}

/// How many requests the programs remember.
fn in_flight() -> usize {
    let out = Command::new("bpftool").args(["-j", "map", "dump", "name", "INJ_IN_FLIGHT"]).output();
    let list: Value = serde_json::from_slice(&out.expect("bpftool").stdout).expect("a list in JSON");
    list.as_array().expect("a list").len()
}

/// One reads from the slow device and writes to the fast one; the other one the other way round.
#[test]
fn requests_are_counted_once_each_with_their_time_by_who_asks() {
    let test = "requests_are_counted_once_each_with_their_time_by_who_asks";
    if not_here(test) {
        return;
    }
    let world = World::watching("");
    if lacks(test, &world.daemon, "saturation: block IO latency") {
        return;
    }
    let (disk, fast) = (Device::new("inj_slow", SLOW, "mq-deadline"), Device::new("inj_fast", FAST, "none"));
    let before = (disk.ended(), fast.ended());
    let (from, to) = (disk.node(), fast.node());
    let io = move |reads: usize, writes: usize, back: bool| {
        let (from, to) = if back { (to.clone(), from.clone()) } else { (from.clone(), to.clone()) };
        move || {
            direct(&from, reads, false);
            direct(&to, writes, true);
            String::new()
        }
    };
    let victim = world.in_victim(io(60, 250, false));
    let control = world.in_control(io(40, 30, true));
    victim.join();
    control.join();
    let doc = read(&world);
    let more = |now: [u64; 2], before: [u64; 2]| [now[0] - before[0], now[1] - before[1]];
    let counted = (more(disk.ended(), before.0), more(fast.ended(), before.1));
    assert_eq!(counted, ([60, 30], [40, 250]), "by the kernel's own count");
    let of = |path: &str| ["io_read", "io_write", "io_queued"].map(|what| samples(&doc, path, what));
    let ([reads, writes, queued], [back_reads, back_writes, back_queued]) =
        (of(&world.victim.path), of(&world.control.path));
    // The kernel runs no program within itself, and counts those runs: on a slow CPU a request may end while another one
    // is looked at. All are seen or counted, none is seen twice.
    let missed = lost(&doc);
    let all = [(reads, 60), (writes, 250), (back_reads, 40), (back_writes, 30)];
    assert!(all.iter().all(|(seen, asked)| seen <= asked), "{doc}");
    let unseen: u64 = all.iter().map(|(seen, asked)| asked - seen).sum();
    assert!(unseen <= missed && missed <= 10, "{unseen} were not seen, {missed} missed: {doc}");
    // All of the slow device; before 6.12 some of the other one pass by a queue as well.
    assert!((60 - missed..=310).contains(&queued) && (30 - missed..=70).contains(&back_queued), "{doc}");
    let p50 = |path: &str, what: &str| micros(&doc, path, what, "p50_us");
    let (victim, control) = (&world.victim.path, &world.control.path);
    let (slow, fast) = (
        [p50(victim, "io_read"), p50(control, "io_write")],
        [p50(victim, "io_write"), p50(control, "io_read")],
    );
    println!(
        "n=60, 30 by a device of 20 ms: {slow:?} us; n=250, 40 by one of 10 us: {fast:?} us; {}",
        lag(&doc, victim, "io_queued").unwrap()
    );
    // No request is done before its time; a noisy machine may be late.
    assert!(slow.iter().all(|us| (18_700..60_000).contains(us)), "{slow:?}");
    assert!(fast.iter().all(|us| *us < 10_000), "{fast:?}");
    let sum = lag(&doc, victim, "io_read").unwrap()["total_us"].as_u64().unwrap();
    assert!(sum >= reads * 20_000, "{sum} us in all");
    assert!(micros(&doc, victim, "io_write", "p99_us") > 0);
    assert!(lag(&doc, victim, "io_read").unwrap()["p99_us"].is_null(), "60 samples are too few: {doc}");
    let (code, text, _) = world.daemon.run(&format!("saturation --target {}", world.target()));
    assert!(code == 0 && text.contains("io read") && text.contains("too few"), "{text}");
    only_who_is_observed(&world, &disk);
}

/// Requests of others are not even remembered.
fn only_who_is_observed(world: &World, slow: &Device) {
    let node = slow.node();
    let without_end = || {
        let node = node.clone();
        move || loop {
            direct(&node, 60, false);
        }
    };
    let before = slow.ended()[0];
    let other = world.over_there(without_end());
    wait_for(30, "its first request", || (slow.ended()[0] > before).then_some(()));
    assert_eq!(in_flight(), 0, "requests of a cgroup that is not observed");
    drop(other);
    let _victim = world.in_victim(without_end());
    wait_for(60, "a request that is remembered", || (in_flight() > 0).then_some(()));
}

/// The kernel's own requests, for pages that somebody has written: they are whose pages these are.
#[test]
fn whoever_writes_pages_back_does_it_for_who_wrote_them() {
    let test = "whoever_writes_pages_back_does_it_for_who_wrote_them";
    if same_in_every_guest(test) || not_here(test) {
        return;
    }
    let world = World::watching("");
    for what in ["saturation: block IO latency", "saturation: io", "saturation: memory"] {
        if lacks(test, &world.daemon, what) {
            return;
        }
    }
    world.victim.give("+io +memory");
    let device = Device::new("inj_pages", FAST, "none");
    let node = device.node();
    // Whoever closes it last writes back.
    let held = File::open(&node).unwrap();
    let path = node.clone();
    world
        .in_victim(move || {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            // Far from one another: each is a request of its own.
            (0..32).for_each(|at| file.write_all_at(&[7; BLOCK], at * 1_000_000 / 4096 * 4096).unwrap());
            String::new()
        })
        .join();
    let written = |cgroup: &Cgroup| of(&cgroup.read("io.stat"), &device.number(), "wios");
    assert_eq!(written(&world.victim), 0, "nothing was written back yet");
    world
        .in_control(move || {
            OpenOptions::new().write(true).open(&node).unwrap().sync_all().unwrap();
            String::new()
        })
        .join();
    drop(held);
    let (victim, control) = (written(&world.victim), written(&world.control));
    let doc = read(&world);
    complete(&doc);
    println!(
        "n={victim} requests by the kernel's count; {}",
        lag(&doc, &world.victim.path, "io_write").unwrap()
    );
    assert_eq!((victim, control), (32, 0), "by the kernel's own count");
    let seen = [&world.victim, &world.control].map(|cgroup| samples(&doc, &cgroup.path, "io_write"));
    assert_eq!(seen, [32, 0], "{doc}");
}

/// A number of a device in io.stat.
fn of(text: &str, device: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(device)).unwrap_or_default();
    let mut words = line.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    words.next().map_or(0, |number| number.parse().unwrap())
}

/// Who is not observed costs nothing; who is read is, and nobody else.
#[test]
fn nothing_is_attached_for_nobody() {
    let test = "nothing_is_attached_for_nobody";
    if same_as_natively(test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "saturation: block IO latency") {
        return;
    }
    let ours = || {
        let mut all = attached();
        all.retain(|name| name.starts_with("inj_io") || name.starts_with("inj_cpu"));
        all.sort();
        all
    };
    assert_eq!(ours(), [""; 0]);
    let doc = world.daemon.get(&format!("/v1/saturation?target={}", world.target()));
    assert_eq!(samples(&doc, &world.victim.path, "io_read"), 0, "{doc}");
    assert!(lag(&doc, &world.victim.path, "run_queue").is_none(), "nobody asked for it: {doc}");
    // The run queue is an opt-in.
    assert_eq!(ours(), ["inj_io_again", "inj_io_done", "inj_io_issue", "inj_io_merge", "inj_io_queue"]);
    wait_for(15, "the end of it when nobody reads", || ours().is_empty().then_some(()));
}
