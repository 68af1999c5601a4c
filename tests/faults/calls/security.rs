//! Calls fail within themselves also where the BPF LSM is not active: by fmod_ret on the functions that ask all LSMs.

use std::fs::File;

use super::ERROR;
use crate::support::{World, lacks, same_as_on_6_1};

const PLACE: &str = "/tmp/injector-security-test";

/// A kernel that is booted without `bpf` in `lsm=` takes the rung by itself (cargo xtask vm --append); others must be
/// asked to.
fn active() -> bool {
    let list = std::fs::read_to_string("/sys/kernel/security/lsm").expect("the list of active LSMs");
    list.split(',').any(|name| name.trim() == "bpf")
}

const OPENS: u64 = 50;

/// Opens a file by a name that is not its own, and one beside it: how many times each failed as the fault says.
fn opens() -> String {
    let felt = ["link/a", "b"].map(|name| {
        let failed = |_: &u64| match File::open(format!("{PLACE}/{name}")) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(ERROR.1), "{name}");
                true
            }
        };
        (0..OPENS).filter(failed).count()
    });
    serde_json::json!(felt).to_string()
}

#[test]
fn the_resolved_path_fails_where_bpf_is_no_active_lsm() {
    let test = "the_resolved_path_fails_where_bpf_is_no_active_lsm";
    let world = World::lent();
    if lacks(test, &world.daemon, "fail calls that have a hook") || same_as_on_6_1(test) {
        return;
    }
    std::fs::create_dir_all(format!("{PLACE}/d")).unwrap();
    let _there = std::os::unix::fs::symlink("d", format!("{PLACE}/link"));
    for name in ["d/a", "b"] {
        std::fs::write(format!("{PLACE}/{name}"), "x").unwrap();
    }
    let rung = if active() { "--rung security" } else { "" };
    let fault = format!("fail open {rung} --errno {} --percent 100 --path {PLACE}/d", ERROR.0);
    let fault = format!("{fault} --target {} --for 1m", world.target());
    let id = world.daemon.arm(&fault);
    let [failed, beside]: [u64; 2] = serde_json::from_str(&world.in_victim(opens).join()).unwrap();
    assert_eq!(world.in_control(opens).join(), "[0,0]");
    let doc = world.daemon.fault(&id);
    let [acted, missed] = ["acted", "missed"].map(|what| doc["counters"][what].as_u64().unwrap());
    println!(
        "active {}: {}: n={OPENS} failed {failed}, acted {acted}, missed {missed}",
        active(),
        doc["rung"]
    );
    assert!(doc["rung"].as_str().unwrap().starts_with("fmod_ret on security_*"), "{doc}");
    assert_eq!((beside, failed), (0, acted), "{doc}");
    // Who opens a file while another task's program is preempted on this CPU is missed, whoever it is, and counted.
    assert!(failed > OPENS / 2 && failed <= OPENS && failed + missed >= OPENS, "{doc}");
    let (_, plan, _) = world.daemon.run(&format!("plan {fault}"));
    assert!(plan.contains("fmod_ret on security_file_open") && plan.contains("as it is resolved"), "{plan}");
    std::fs::remove_dir_all(PLACE).unwrap();
}

/// Two faults at one hook by both ways: each call is drawn once for each.
#[test]
fn both_ways_at_one_hook_are_two_faults() {
    let test = "both_ways_at_one_hook_are_two_faults";
    let world = World::lent();
    if lacks(test, &world.daemon, "fail calls that have a hook") || same_as_on_6_1(test) || !active() {
        return;
    }
    let arm = |rung: &str| {
        let fault = format!("fail flock --rung {rung} --errno {} --every 2", ERROR.0);
        world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()))
    };
    let (hook, function) = (arm("lsm"), arm("security"));
    let victim = world.in_victim(|| {
        // SAFETY: a call that changes nothing.
        let failed = (0..40).filter(|_| unsafe { libc::flock(2, libc::LOCK_UN) } != 0);
        failed.count().to_string()
    });
    // The function comes first: of 40 calls it fails 20, and of the others the hook fails 10.
    assert_eq!(victim.join(), "30");
    for (id, expected) in [(function, [40, 20]), (hook, [20, 10])] {
        assert_eq!(["matched", "acted"].map(|what| world.daemon.counter(&id, what)), expected);
    }
}
