//! System calls fail by each rung that the kernel has for them, and as often as asked.

mod attached;
mod closes;
#[cfg(target_arch = "x86_64")]
mod compat;
mod each;
mod named;
mod often;
mod refers;
mod refused;
mod security;
mod slate;
mod uring;
mod which;

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, thread::spawn};

use crate::support::{World, assert_binomial, figure, lacks, lent::Lent, same_as_on_6_1, skip};
use slate::Slate;

/// An error that none of these calls returns by itself.
const ERROR: (&str, i32) = ("EDQUOT", libc::EDQUOT);

/// The rungs within a call.
const WITHIN: [&str; 2] = ["lsm", "security"];

/// Nobody without the rung loses this test: another kernel of the matrix has one.
fn world(test: &str) -> Option<Lent> {
    let world = World::lent();
    if lacks(test, &world.daemon, "fail any call") { None } else { Some(world) }
}

/// What `ask` comes to under a fault just armed: again where the kernel says that it let calls pass without asking us. It
/// does that with fmod_ret if a task is preempted within the program, which a slow machine's emulated guests often are.
fn feels(world: &World, id: &str, ask: impl Fn() -> i32) -> i32 {
    const TIMES: u32 = 20;
    let mut missed = 0;
    for _ in 1..TIMES {
        let felt = ask();
        if felt == ERROR.1 {
            return felt;
        }
        let before = missed;
        missed = world.daemon.fault(id)["counters"]["missed"].as_u64().unwrap_or(0);
        if missed == before {
            return felt;
        }
    }
    ask()
}

/// `chmod` is four calls, one of which came with 6.6.
#[test]
fn a_family_is_what_this_kernel_has_of_it() {
    let Some(world) = world("a_family_is_what_this_kernel_has_of_it") else { return };
    let change = || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let by_path = std::fs::set_permissions(file.path(), Permissions::from_mode(0o600));
        let open = file.as_file().set_permissions(Permissions::from_mode(0o600));
        format!("{:?}", [by_path, open].map(|result| result.err().and_then(|error| error.raw_os_error())))
    };
    let id = world.daemon.arm(&format!(
        "fail chmod --errno {} --percent 100 --target {} --for 1m",
        ERROR.0,
        world.target()
    ));
    let felt = world.in_victim(change).join();
    assert_eq!(felt, format!("{:?}", [Some(ERROR.1); 2]));
    assert_eq!(world.in_control(change).join(), "[None, None]");
    assert_eq!(world.daemon.counter(&id, "acted"), 2);
}

/// A call that is made over and over: its name with flags, and what makes it.
type Of = (&'static str, fn());

/// Fails at its entry only: it passes no hook.
const SEEK: Of = ("lseek", || {
    // SAFETY: there is no such descriptor: an error either way, and which one tells.
    unsafe { libc::syscall(libc::SYS_lseek, -1, 0, 0) };
});
/// Fails at its LSM hook.
const LOCK: Of = ("flock --rung lsm", || {
    // SAFETY: a call that changes nothing.
    unsafe { libc::syscall(libc::SYS_flock, 2, libc::LOCK_UN) };
});

/// `threads` threads make the call so many times each when it is time; returns how many failed.
fn calls(call: fn(), threads: usize, each: u64, start: Slate) -> impl FnOnce() -> String {
    move || {
        let calls = move || {
            start.wait();
            let hit = |_: &u64| {
                // SAFETY: this thread's own.
                unsafe { *libc::__errno_location() = 0 };
                call();
                std::io::Error::last_os_error().raw_os_error() == Some(ERROR.1)
            };
            (0..each).filter(hit).count()
        };
        let all: Vec<_> = (0..threads).map(|_| spawn(calls)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>().to_string()
    }
}

/// How many of `threads` times `each` calls of the victim failed, how many were counted, and how many calls, whoever made
/// them, the kernel let pass without asking us.
fn failed(world: &World, (name, call): Of, often: &str, threads: usize, each: u64) -> (u64, u64, u64) {
    let (start, then) = (Slate::new(), Slate::new());
    let victim = world.in_victim(calls(call, threads, each, start));
    let control = world.in_control(calls(call, threads, each / 10, then));
    let fault = format!("fail {name} --errno {} {often} --target {} --for 2m", ERROR.0, world.target());
    let id = world.daemon.arm(&fault);
    start.end();
    let felt: u64 = victim.join().parse().unwrap();
    then.end();
    assert_eq!(control.join(), "0", "the control felt {often}");
    assert_eq!(world.daemon.counter(&id, "acted"), felt, "{often}");
    let counters = world.daemon.fault(&id)["counters"].take();
    world.daemon.stop(&id);
    // Only fmod_ret misses any.
    (felt, counters["matched"].as_u64().unwrap(), counters["missed"].as_u64().unwrap_or(0))
}

/// The kernel runs a program of fmod_ret once at a time on each CPU: who comes while its task is preempted is not seen.
/// So it is exact for one thread, and for many only with kprobes.
fn is_for_many(world: &World, test: &str) -> bool {
    has_kprobe(world) || !skip(test, "fmod_ret misses calls of threads that preempt each other")
}

fn has_kprobe(world: &World) -> bool {
    let doctor = world.daemon.get("/v1/doctor");
    doctor["probes"].as_array().unwrap().iter().any(|probe| {
        probe["what"] == "fail any call" && probe["how"] == "kprobe override" && probe["works"] == true
    })
}

#[test]
fn as_often_as_asked() {
    let Some(world) = world("as_often_as_asked") else { return };
    share(&world, 10.0, 1);
}

#[test]
fn as_often_as_asked_in_every_thread() {
    let test = "as_often_as_asked_in_every_thread";
    let Some(world) = world(test) else { return };
    if is_for_many(&world, test) {
        for (percent, threads) in [(0.1, 8), (1.0, 64), (50.0, 64)] {
            share(&world, percent, threads);
        }
    }
}

fn share(world: &World, percent: f64, threads: usize) {
    // Four cases: 200,000 calls in CI, 1,000,000 in the soak.
    let each = figure(50_000, 250_000, 50_000) / threads as u64;
    let (felt, matched, missed) = failed(world, SEEK, &format!("--percent {percent}"), threads, each);
    let all = each * threads as u64;
    // With one thread few are: somebody else's call was preempted within the program.
    println!("{matched} matched and {missed} missed of {all}");
    assert!(matched <= all && matched + missed >= all && matched * 100 >= all * 99);
    assert_binomial(&format!("{percent} % of lseek in {threads} threads"), felt, matched, percent / 100.0);
}

/// What passed by a program of fmod_ret is told: with it all calls are accounted for.
#[test]
fn what_is_missed_is_told() {
    let test = "what_is_missed_is_told";
    let Some(world) = world(test) else { return };
    let (threads, each) = (8, 20_000);
    let start = Slate::new();
    let victim = world.in_victim(calls(SEEK.1, threads, each, start));
    let id = world
        .daemon
        .arm(&format!("fail lseek --errno EDQUOT --percent 1 --target {} --for 2m", world.target()));
    if world.daemon.fault(&id)["counters"]["missed"].is_null() {
        start.end();
        victim.join();
        let _only_fmod_ret = skip(test, "a kprobe misses no call");
        return;
    }
    start.end();
    let felt: u64 = victim.join().parse().unwrap();
    world.daemon.stop(&id);
    let told = |name: &str| world.daemon.counter(&id, name);
    let (all, matched, missed) = (threads as u64 * each, told("matched"), told("missed"));
    println!("n={all} calls in {threads} threads: {matched} matched, {missed} missed, {felt} failed");
    assert_eq!(felt, told("acted"));
    // The others' that were missed are among them, which hardly call it.
    assert!(
        matched <= all && (all..all + 100).contains(&(matched + missed)),
        "{matched} + {missed} of {all}"
    );
}

#[test]
fn counted_exactly_by_64_threads_at_once() {
    let test = "counted_exactly_by_64_threads_at_once";
    let Some(world) = world(test) else { return };
    if !is_for_many(&world, test) {
        return;
    }
    for (often, expected) in [("--every 10", 1280), ("--first 100", 100), ("--after 12000", 800)] {
        let (felt, matched, _) = failed(&world, SEEK, often, 64, 200);
        println!("n={matched} {often}: {felt} failed");
        assert_eq!((felt, matched), (expected, 12_800), "{often}");
    }
}

/// By an LSM hook no call is missed, on whichever kernel.
#[test]
fn counted_exactly_at_a_hook() {
    let test = "counted_exactly_at_a_hook";
    if same_as_on_6_1(test) {
        return;
    }
    let world = World::lent();
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    for (often, expected) in [("--every 10", 1280), ("--first 100", 100)] {
        let (felt, matched, _) = failed(&world, LOCK, often, 64, 200);
        println!("n={matched} at a hook, {often}: {felt} failed");
        assert_eq!((felt, matched), (expected, 12_800), "{often}");
    }
}
