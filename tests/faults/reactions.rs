//! What a target does after calls of its were failed: it loops, tries again, ends, begins again. The programs here do
//! so a known number of times.

use std::{fs::File, process::Command, thread::sleep, time::Duration};

use crate::support::{World, able, lacks, lent::Lent, now_ms, same_as_on_6_1, wait_for};

/// The files that fail, and nothing else does.
const DIRECTORY: &str = "/tmp/injector-reactions-test";

fn path() -> String {
    std::fs::create_dir_all(DIRECTORY).unwrap();
    let path = format!("{DIRECTORY}/a");
    std::fs::write(&path, "x").unwrap();
    path
}

/// Every open of that file fails, by whatever this kernel has.
fn all_fail(test: &str) -> Option<(Lent, String)> {
    if same_as_on_6_1(test) {
        return None;
    }
    let world = World::lent();
    if lacks(test, &world.daemon, "fail open") {
        return None;
    }
    path();
    let fault = format!("fail open --errno EIO --percent 100 --path {DIRECTORY}");
    let id = world.daemon.arm(&format!("{fault} --target {} --for 2m", world.target()));
    Some((world, id))
}

/// Does it fail as it was asked to?
fn fails() -> bool {
    match File::open(format!("{DIRECTORY}/a")) {
        Ok(_) => false,
        Err(error) if error.raw_os_error() == Some(libc::EIO) => true,
        Err(error) => panic!("{error}"),
    }
}

fn reaction(world: &World, id: &str, what: &str) -> u64 {
    let doc = world.daemon.fault(id);
    doc["reaction"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {doc}"))
}

/// Does lseek fail as it was asked to? There is no such descriptor: it is an error either way, and which one tells.
fn seek_fails() -> bool {
    // SAFETY: plain call.
    unsafe { libc::syscall(libc::SYS_lseek, -1, 0, 0) };
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EDQUOT)
}

/// By every rung: at the entry of a call where the kernel can, else by the LSM hook.
#[test]
fn a_program_that_loops_gets_through() {
    let test = "a_program_that_loops_gets_through";
    let world = World::lent();
    if lacks(test, &world.daemon, "fail open") {
        return;
    }
    path();
    let any = able(&world.daemon, "fail any call").is_ok();
    let fault = match any {
        true => "fail lseek --errno EDQUOT".to_owned(),
        false => format!("fail open --errno EIO --path {DIRECTORY}"),
    };
    let id = world.daemon.arm(&format!("{fault} --percent 100 --target {} --for 2m", world.target()));
    let victim = world.in_victim(move || {
        let (mut failed, begun) = (0_u64, now_ms());
        while if any { seek_fails() } else { fails() } {
            failed += 1;
            assert!(now_ms() - begun < 60_000, "{failed} calls failed, and it never got through");
        }
        failed.to_string()
    });
    let failed: u64 = victim.join().parse().unwrap();
    let doc = world.daemon.fault(&id);
    println!("n={failed} failed calls before one passed by {}: {}", doc["rung"], doc["reaction"]);
    // Whoever needs more than a second for a thousand has begun again, and more have failed.
    assert!(failed >= 1000, "it backs off after a thousand in a row, not after {failed}");
    assert_eq!(doc["counters"]["acted"].as_u64(), Some(failed));
    assert_eq!((reaction(&world, &id, "livelocks"), reaction(&world, &id, "passed_livelock")), (1, 1));
    assert_eq!(reaction(&world, &id, "retried"), failed, "each was followed by the same call");
    assert_eq!(doc["achieved"]["rate_percent"].as_f64(), Some(100.0), "{doc}");
    let said = "backed off 1 time: a thread repeated the failing call 1,000 times in a second; 1 call passed";
    assert!(world.daemon.run(&format!("status {id}")).1.contains(said));
    let (_, ending, _) = world.daemon.run(&format!("stop {id}"));
    assert!(ending.contains(said), "{ending}");
}

#[test]
fn one_that_waits_a_little_never_gets_through() {
    let Some((world, id)) = all_fail("one_that_waits_a_little_never_gets_through") else { return };
    let victim = world.in_victim(|| {
        let failed = (0..1500).filter(|_| {
            // No more than 500 of them in a second.
            sleep(Duration::from_millis(2));
            fails()
        });
        failed.count().to_string()
    });
    assert_eq!(victim.join(), "1500");
    assert_eq!((reaction(&world, &id, "livelocks"), reaction(&world, &id, "passed_livelock")), (0, 0));
}

#[test]
fn what_it_does_next_is_counted() {
    let Some((world, id)) = all_fail("what_it_does_next_is_counted") else { return };
    // It tries again at once, six times, and later not at all.
    let victim = world.in_victim(|| {
        let failed = (0..7).filter(|_| fails()).count();
        sleep(Duration::from_millis(1500));
        (failed + usize::from(fails())).to_string()
    });
    assert_eq!(victim.join(), "8");
    assert_eq!(reaction(&world, &id, "retried"), 6);
    assert_eq!((reaction(&world, &id, "exited"), reaction(&world, &id, "restarted")), (1, 0));
    // One that no call was failed of ends, and is nobody's reaction.
    world.in_victim(|| "calm".to_owned()).join();
    assert_eq!(reaction(&world, &id, "exited"), 1);
    // A service that ends when it cannot open its file, and what starts it: three times.
    let supervisor = world.in_victim(|| {
        for _ in 0..3 {
            assert!(!Command::new("cat").arg(format!("{DIRECTORY}/a")).status().unwrap().success());
        }
        // Another program is no restart of it.
        assert!(Command::new("true").status().unwrap().success());
        String::new()
    });
    supervisor.join();
    wait_for(10, "three more that exited", || (reaction(&world, &id, "exited") == 4).then_some(()));
    assert_eq!(reaction(&world, &id, "restarted"), 2, "nobody began after the third");
    let (_, status, _) = world.daemon.run(&format!("status {id}"));
    assert!(status.contains("reaction: retried 6, exited 4, restarted 2"), "{status}");
    // What is remembered of one fault is no other one's: a `cat` that begins now makes up for nothing.
    world.daemon.json(&format!("stop {id}"));
    let fault = format!("fail open --errno EIO --percent 100 --path {DIRECTORY}");
    let next = world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()));
    assert_eq!(world.in_victim(|| fails().to_string()).join(), "true");
    let other =
        world.in_victim(|| Command::new("cat").arg("/dev/null").status().unwrap().success().to_string());
    assert_eq!(other.join(), "true");
    assert_eq!((reaction(&world, &next, "exited"), reaction(&world, &next, "restarted")), (1, 0));
}
