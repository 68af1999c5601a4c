//! Tasks that wait for a CPU.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use super::{attached, complete, lag, read, samples};
use crate::support::{World, lacks, same_in_every_guest};

const SPAN: Duration = Duration::from_secs(2);

/// How long this process has waited, in microseconds (Documentation/scheduler/sched-stats.rst).
fn waited() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000
}

/// Never sleeps: it only ever waits because it was made to give the CPU up.
fn spins() -> String {
    let mut one = CpuSet::new();
    one.set(0).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    let (begun, before) = (Instant::now(), waited());
    while begun.elapsed() < SPAN {
        std::hint::spin_loop();
    }
    (waited() - before).to_string()
}

/// Two on one CPU, and one that sleeps.
#[test]
fn tasks_wait_as_long_as_the_kernel_says() {
    let test = "tasks_wait_as_long_as_the_kernel_says";
    if same_in_every_guest(test) {
        return;
    }
    let world = World::watching("run_queue: true\n");
    if lacks(test, &world.daemon, "saturation: run-queue latency") {
        return;
    }
    assert!(attached().contains(&"inj_cpu_switch".to_owned()), "{:?}", attached());
    let asleep = world.in_control(|| {
        sleep(SPAN);
        String::new()
    });
    let both = [world.in_victim(spins), world.in_victim(spins)];
    let told: u64 = both.map(|one| one.join().parse::<u64>().unwrap()).iter().sum();
    asleep.join();
    let doc = read(&world);
    complete(&doc);
    let total = |path: &str| lag(&doc, path, "run_queue").unwrap()["total_us"].as_u64().unwrap();
    let (seen, control) = (total(&world.victim.path), total(&world.control.path));
    println!(
        "{told} us by the kernel's count, {}; asleep: {control} us",
        lag(&doc, &world.victim.path, "run_queue").unwrap()
    );
    assert!(told > 1_000_000, "two that want one CPU wait for half of the time each: {told} us");
    // Beside what the two have counted themselves there is their beginning, and their end.
    let ratio = seen as f64 / told as f64;
    assert!((0.9..1.25).contains(&ratio), "{ratio}: {seen} us seen, {told} us told");
    // A wait is as long as the others' turn: more than a tick of any kernel's, less than the whole time.
    let p50 = lag(&doc, &world.victim.path, "run_queue").unwrap()["p50_us"].as_u64().unwrap();
    assert!((500..500_000).contains(&p50), "{p50} us");
    assert!(control < seen / 4, "the one that sleeps waited {control} us");
    assert!(samples(&doc, &world.control.path, "run_queue") > 0, "it was woken");
}
