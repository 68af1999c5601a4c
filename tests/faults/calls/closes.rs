//! What the target does with the descriptor on which a call failed.

use std::{fs::File, os::fd::AsRawFd as _, thread::sleep, time::Duration};

use super::ERROR;
use crate::support::{World, able, lacks};

/// Does flock of it fail as it was asked to?
fn fails(file: &File) -> bool {
    // SAFETY: plain call.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_SH) };
    std::io::Error::last_os_error().raw_os_error() == Some(ERROR.1)
}

fn opened() -> File {
    File::open("/proc/self/exe").unwrap()
}

/// By whatever rung this kernel has.
#[test]
fn a_descriptor_that_is_closed_within_a_second_is_counted() {
    let test = "a_descriptor_that_is_closed_within_a_second_is_counted";
    let world = World::lent();
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    let fault = format!("fail flock --errno {} --percent 100 --target {}", ERROR.0, world.target());
    let id = world.daemon.arm(&format!("{fault} --for 2m"));
    let victim = world.in_victim(|| {
        let (twice, late, calm, other) = (opened(), opened(), opened(), opened());
        let mut failed = [&twice, &late, &other].into_iter().filter(|file| fails(file)).count();
        failed += usize::from(fails(&twice));
        // Of one on which nothing failed; by another number of the same file; by another thread.
        drop((calm, other.try_clone().unwrap()));
        std::thread::spawn(|| drop(twice)).join().unwrap();
        sleep(Duration::from_millis(1500));
        drop((late, other));
        failed.to_string()
    });
    assert_eq!(victim.join(), "4");
    let doc = world.daemon.fault(&id);
    let (_, status, _) = world.daemon.run(&format!("status {id}"));
    println!("{} by {}", doc["reaction"], doc["rung"]);
    // Every guest's kernel can see it; a kernel that cannot must not say 0.
    assert!(able(&world.daemon, "count descriptors that are closed").is_ok());
    assert_eq!(doc["reaction"]["closed"].as_u64(), Some(1), "{doc}");
    assert!(status.contains(" closed 1, "), "{status}");
    let metrics_of_none =
        world.daemon.arm(&format!("fail mkdir --errno EIO --percent 1 --target {} --for 1m", world.target()));
    assert!(world.daemon.fault(&metrics_of_none)["reaction"]["closed"].is_null(), "mkdir has no descriptor");
}
