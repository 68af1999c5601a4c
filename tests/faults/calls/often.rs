//! How often, call by call, and with what.

use std::{fs::File, os::unix::fs::FileExt as _, process::Command, thread::spawn, time::Instant};

use super::{ERROR, Slate, World, assert_binomial, has_kprobe, is_for_many, world};

/// What `calls` calls of the victim came to, one after the other; 0: nothing failed. None of the control's fails.
fn each(world: &World, fault: &str, calls: usize) -> Vec<i32> {
    let (start, then) = (Slate::new(), Slate::new());
    let made = |start: Slate| {
        move || {
            start.wait();
            let call = |_| {
                // SAFETY: there is no such descriptor: EBADF, if it is not failed.
                unsafe { libc::syscall(libc::SYS_lseek, -1, 0, 0) };
                let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
                if errno == libc::EBADF { "0".to_owned() } else { errno.to_string() }
            };
            (0..calls).map(call).collect::<Vec<_>>().join(" ")
        }
    };
    let (victim, control) = (world.in_victim(made(start)), world.in_control(made(then)));
    let id = world.daemon.arm(&format!("fail lseek {fault} --target {} --for 2m", world.target()));
    start.end();
    let felt: Vec<i32> = victim.join().split(' ').map(|errno| errno.parse().unwrap()).collect();
    then.end();
    assert!(control.join().split(' ').all(|errno| errno == "0"), "the control felt {fault}");
    let acted = world.daemon.counter(&id, "acted");
    assert_eq!(acted, felt.iter().filter(|errno| **errno != 0).count() as u64, "{fault}");
    world.daemon.stop(&id);
    felt
}

/// The n-th matched call is decided alike, as often as it is asked; by another seed otherwise.
#[test]
fn a_seed_repeats_its_decisions() {
    let Some(world) = world("a_seed_repeats_its_decisions") else { return };
    for (often, share) in [("--percent 20", 0.2), ("--bursts 5%,20%", 0.2)] {
        let with = |seed: u32| each(&world, &format!("--errno {} {often} --seed {seed}", ERROR.0), 2000);
        let (one, again, other) = (with(7), with(7), with(8));
        assert_eq!(one, again, "{often}");
        assert_ne!(one, other, "{often}");
        let failed = one.iter().filter(|errno| **errno != 0).count();
        println!("n=2000 {often} --seed 7: {failed} failed, the same ones again; {share} asked");
        assert!((100..800).contains(&failed), "{failed} of 2000 at {share}");
    }
}

#[test]
fn errors_come_by_their_weights() {
    let Some(world) = world("errors_come_by_their_weights") else { return };
    let felt = each(&world, "--outcome EDQUOT=70,ENOSPC=25,EIO=5 --percent 90", 20_000);
    let failed: Vec<i32> = felt.into_iter().filter(|errno| *errno != 0).collect();
    for (errno, weight) in [(libc::EDQUOT, 0.70), (libc::ENOSPC, 0.25), (libc::EIO, 0.05)] {
        let hits = failed.iter().filter(|felt| **felt == errno).count() as u64;
        assert_binomial(&format!("errno {errno} of what failed"), hits, failed.len() as u64, weight);
    }
    assert!(failed.iter().all(|errno| [libc::EDQUOT, libc::ENOSPC, libc::EIO].contains(errno)));
}

/// In each second of the kernel's clock so many, and not one more.
#[test]
fn so_many_a_second() {
    const MOST: u64 = 50;
    const CALLS: u64 = 400_000;
    let Some(world) = world("so_many_a_second") else { return };
    let start = Slate::new();
    let victim = world.in_victim(move || {
        start.wait();
        let begun = Instant::now();
        let mut failed = 0;
        let mut calls = 0;
        while begun.elapsed().as_secs() < 3 && calls < CALLS {
            // SAFETY: there is no such descriptor.
            unsafe { libc::syscall(libc::SYS_lseek, -1, 0, 0) };
            failed += u64::from(std::io::Error::last_os_error().raw_os_error() == Some(ERROR.1));
            calls += 1;
            // So slow that seconds pass, and so fast that each has its full number.
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        format!("{failed} {calls} {}", begun.elapsed().as_millis())
    });
    let fault = format!("fail lseek --errno {} --per-second {MOST}", ERROR.0);
    let id = world.daemon.arm(&format!("{fault} --target {} --for 2m", world.target()));
    start.end();
    let said: Vec<u64> = victim.join().split(' ').map(|number| number.parse().unwrap()).collect();
    let (felt, calls, ms) = (said[0], said[1], said[2]);
    println!("n={calls} in {ms} ms, {MOST} a second: {felt} failed");
    assert_eq!(world.daemon.counter(&id, "acted"), felt);
    // The kernel's seconds do not begin with ours: one is cut in two.
    assert!(felt <= MOST * (ms / 1000 + 2), "{felt} in {ms} ms");
    assert!(felt >= MOST * 2, "{felt} in {ms} ms");
}

/// A read that finds nothing more, though there is; where only errors can be returned, it is refused.
#[test]
fn a_read_is_short() {
    let Some(world) = world("a_read_is_short") else { return };
    let kprobe = has_kprobe(&world);
    let start = Slate::new();
    let read = || {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        let mut bytes = [0; 10];
        File::open(file.path()).unwrap().read_at(&mut bytes, 0).unwrap().to_string()
    };
    let fault = format!("fail pread64 --exact --short 0 --percent 100 --target {} --for 2m", world.target());
    if !kprobe {
        let (code, _, said) = world.daemon.run(&fault);
        assert!(code != 0 && said.contains("errors only"), "{code}: {said}");
        return;
    }
    let victim = world.in_victim(move || {
        start.wait();
        read()
    });
    world.daemon.arm(&fault);
    start.end();
    assert_eq!((victim.join().as_str(), world.in_control(read).join().as_str()), ("0", "10"));
}

/// Calls `kill` so often without a signal, and says how often that failed.
const SHELL: &str = "n=0; failed=0; while [ $n -lt 1000 ]; do kill -0 $$ 2>/dev/null || failed=$((failed+1)); \
                     n=$((n+1)); done; echo $failed";

/// How many of so many signals that are none could not be sent.
fn tries(calls: u64) -> u64 {
    // SAFETY: no signal is sent.
    (0..calls).filter(|_| unsafe { libc::kill(libc::getpid(), 0) } != 0).count() as u64
}

/// What this gives in a child of the thread. The process has other threads, so the child makes system calls only.
fn forked(count: impl FnOnce() -> u64) -> u64 {
    let (mut pipe, mut bytes) = ([0; 2], [0; 8]);
    // SAFETY: plain calls on what is ours; the child ends at once.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        let child = libc::fork();
        if child == 0 {
            let counted = count().to_ne_bytes();
            libc::write(pipe[1], counted.as_ptr().cast(), counted.len());
            libc::_exit(0);
        }
        assert_eq!(libc::read(pipe[0], bytes.as_mut_ptr().cast(), bytes.len()), 8);
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
        libc::close(pipe[0]);
        libc::close(pipe[1]);
    }
    u64::from_ne_bytes(bytes)
}

/// Whoever is forked, and whatever it executes, while the fault is armed: each is subject to it as its parent is.
#[test]
fn as_often_in_children_and_in_what_they_execute() {
    const THREADS: u64 = 4;
    const EACH: u64 = 1000;
    let test = "as_often_in_children_and_in_what_they_execute";
    let Some(world) = world(test) else { return };
    if !is_for_many(&world, test) {
        return;
    }
    // By a thread itself, by a child that it forks, and by a shell that another one executes.
    let made = |start: Slate| {
        move || {
            start.wait();
            let thread = || {
                let (own, child) = (tries(EACH), forked(|| tries(EACH)));
                let shell = Command::new("/bin/sh").args(["-c", SHELL]).output().unwrap();
                format!("{own} {child} {}", String::from_utf8(shell.stdout).unwrap().trim())
            };
            let all: Vec<_> = (0..THREADS).map(|_| spawn(thread)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>().join(" ")
        }
    };
    let (start, then) = (Slate::new(), Slate::new());
    let (victim, control) = (world.in_victim(made(start)), world.in_control(made(then)));
    let fault = format!("fail kill --exact --errno {} --percent 10 --target {}", ERROR.0, world.target());
    let id = world.daemon.arm(&format!("{fault} --for 2m"));
    start.end();
    let numbers = |said: String| -> Vec<u64> { said.split(' ').map(|n| n.parse().unwrap()).collect() };
    let felt = numbers(victim.join());
    let (matched, acted) = (world.daemon.counter(&id, "matched"), world.daemon.counter(&id, "acted"));
    then.end();
    assert!(numbers(control.join()).iter().all(|failed| *failed == 0), "the control felt it");
    println!("of {EACH} calls each of thread, child and shell failed: {felt:?}");
    assert_eq!((felt.len() as u64, matched), (3 * THREADS, 3 * THREADS * EACH));
    for failed in &felt {
        assert_binomial("10 % of kill in one of them", *failed, EACH, 0.1);
    }
    assert_eq!(felt.iter().sum::<u64>(), acted);
    assert_binomial("10 % of kill in all of them", acted, matched, 0.1);
}
