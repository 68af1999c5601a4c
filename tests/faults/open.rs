//! open fails as often as asked, in every thread of the target, and nowhere else.

use std::{fs::File, path::Path, thread::sleep, time::Duration};

use crate::support::{World, assert_binomial, child::Child, lacks};

const THREADS: usize = 8;

/// Each of 8 threads opens `path` so many times; returns how many failed with EIO, by thread.
fn opener(path: &'static str, each: usize) -> impl FnOnce() -> String {
    move || {
        // What the threads need is there before the first open fails.
        sleep(Duration::from_millis(200));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut failed = 0_u64;
                    for _ in 0..each {
                        match File::open(path) {
                            Ok(_) => {}
                            Err(error) if error.raw_os_error() == Some(libc::EIO) => failed += 1,
                            Err(error) => panic!("open {path}: {error}"),
                        }
                    }
                    failed
                })
            })
            .collect();
        let failed: Vec<String> = threads.into_iter().map(|t| t.join().unwrap().to_string()).collect();
        failed.join(" ")
    }
}

fn failures(child: Child) -> Vec<u64> {
    child.join().split(' ').map(|word| word.parse().unwrap()).collect()
}

/// A directory below /tmp of this test's own.
fn directory() -> &'static str {
    let path = "/tmp/injector-open-test";
    std::fs::create_dir_all(path).unwrap();
    for name in ["a", "b"] {
        std::fs::write(Path::new(path).join(name), "x").unwrap();
    }
    "/tmp/injector-open-test"
}

fn eio(test: &str, path: Option<&str>) {
    let world = World::lent();
    if lacks(test, &world.daemon, "fail open") {
        return;
    }
    directory();
    const EACH: usize = 2500;
    let below = path.map(|path| format!(" --path {path}")).unwrap_or_default();
    let arm = format!("fail open --errno EIO --percent 10{below} --target {} --for 2m", world.target());
    let id = world.daemon.arm(&arm);
    let rung = world.daemon.fault(&id)["rung"].as_str().unwrap_or_default().to_owned();
    let victim = world.in_victim(opener("/tmp/injector-open-test/a", EACH));
    let control = world.in_control(opener("/tmp/injector-open-test/a", EACH));
    let (victim, control) = (failures(victim), failures(control));
    let counters = world.daemon.fault(&id)["counters"].clone();
    println!(
        "n={} rung {rung}; failed by thread {victim:?}, control {control:?}; {counters}",
        EACH * THREADS
    );
    assert!(victim.iter().all(|failed| *failed > 0), "a thread was never hit: {victim:?}");
    assert_eq!(control, [0; THREADS], "the control group was hit");
    let total: u64 = victim.iter().sum();
    assert_binomial("open EIO", total, (EACH * THREADS) as u64, 0.1);
    if path.is_some() {
        assert_eq!(counters["acted"].as_u64(), Some(total));
        assert_eq!(counters["matched"].as_u64(), Some((EACH * THREADS) as u64));
    }
}

#[test]
fn open_fails_in_every_thread() {
    eio("open_fails_in_every_thread", None);
}

#[test]
fn open_fails_below_a_path() {
    eio("open_fails_below_a_path", Some("/tmp/injector-open-test"));
}

/// A path is compared by components, and only what is below it fails.
#[test]
fn only_what_is_below_the_path_fails() {
    let world = World::lent();
    if lacks("only_what_is_below_the_path_fails", &world.daemon, "fail open") {
        return;
    }
    directory();
    std::fs::create_dir_all("/tmp/injector-open-test2").unwrap();
    std::fs::write("/tmp/injector-open-test2/a", "x").unwrap();
    let id = world.daemon.arm(&format!(
        "fail open --errno ENOSPC --percent 100 --path /tmp/injector-open-test --target {} --for 1m",
        world.target()
    ));
    let victim = world.in_victim(|| {
        let said = |path: &str| match File::open(path) {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{}", error.raw_os_error().unwrap_or(0)),
        };
        [
            said("/tmp/injector-open-test/a"),
            said("/tmp/injector-open-test/../injector-open-test2/a"),
            said("/tmp/injector-open-test2/a"),
            said("/etc/hosts"),
        ]
        .join(" ")
    });
    let text = victim.join();
    let rung = world.daemon.fault(&id)["rung"].as_str().unwrap_or_default().to_owned();
    if rung.starts_with("LSM") || rung.starts_with("fmod_ret on security_") {
        assert_eq!(text, format!("{} ok ok ok", libc::ENOSPC), "{rung}: the resolved path counts");
    } else {
        assert_eq!(text, format!("{0} {0} ok ok", libc::ENOSPC), "{rung}: the typed path counts");
    }
    std::fs::remove_dir_all("/tmp/injector-open-test2").unwrap();
}

/// A task that is protected is not hit, wherever it runs.
#[test]
fn a_task_named_sshd_is_not_hit() {
    let world = World::lent();
    if lacks("a_task_named_sshd_is_not_hit", &world.daemon, "fail open") {
        return;
    }
    let id = world
        .daemon
        .arm(&format!("fail open --errno EIO --percent 100 --target {} --for 1m", world.target()));
    let victim = world.in_victim(|| {
        let before = File::open("/etc/hosts").map_err(|error| error.kind());
        // SAFETY: a NUL-terminated name of at most 16 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"sshd".as_ptr()) };
        let after = File::open("/etc/hosts").map_err(|error| error.kind());
        format!("{} {}", before.is_err(), after.is_ok())
    });
    assert_eq!(victim.join(), "true true", "first it must fail, as sshd it must not");
    assert!(world.daemon.counter(&id, "passed_protected") >= 1);
}
