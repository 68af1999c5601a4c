//! What is asked of io_uring is not failed, neither at an LSM hook nor at the entry of a call, and is counted.

use std::{fs::File, io::Write as _, os::fd::AsRawFd as _};

use super::{ERROR, WITHIN};
use crate::support::{World, lacks};

/// include/uapi/linux/io_uring.h: `IORING_OP_READ`, `IORING_OFF_SQES`, `IORING_ENTER_GETEVENTS`.
const READ: u8 = 22;
const ENTRIES: i64 = 0x1000_0000;
const AND_WAIT: u32 = 1;

fn map(ring: i64, offset: i64) -> *mut u8 {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, which is never unmapped.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, both, libc::MAP_SHARED, ring as i32, offset) };
    assert!(at != libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
    at.cast()
}

/// Reads the file's first byte by a ring of one entry; returns what the kernel said of it.
fn read(file: &File) -> i32 {
    let mut parameters = [0_u32; 30];
    let mut byte = 0_u8;
    // SAFETY: the rings of one entry are within a page; the offsets are those that the kernel gives.
    unsafe {
        let ring = libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr());
        assert!(ring >= 0, "{}", std::io::Error::last_os_error());
        let (rings, entry) = (map(ring, 0), map(ring, ENTRIES));
        let word = |index: usize| rings.add(parameters[index] as usize).cast::<u32>();
        entry.write(READ);
        entry.add(4).cast::<i32>().write(file.as_raw_fd());
        entry.add(16).cast::<u64>().write((&raw mut byte) as u64);
        entry.add(24).cast::<u32>().write(1);
        // sq_off.array, sq_off.tail
        word(16).write(0);
        word(11).write_volatile(1);
        let done = libc::syscall(libc::SYS_io_uring_enter, ring, 1, 1, AND_WAIT, std::ptr::null::<u8>(), 0);
        assert_eq!(done, 1, "{}", std::io::Error::last_os_error());
        // cq_off.cqes: eight bytes of the asker's, then the result.
        word(25).add(2).read_volatile().cast_signed()
    }
}

#[test]
fn what_is_asked_of_io_uring_passes_by_and_is_counted() {
    let world = World::lent();
    let test = "what_is_asked_of_io_uring_passes_by_and_is_counted";
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    WITHIN.iter().for_each(|rung| passes_by(&world, &format!("--rung {rung}")));
}

#[test]
fn what_is_asked_of_io_uring_passes_by_the_entry_and_is_counted() {
    let test = "what_is_asked_of_io_uring_passes_by_the_entry_and_is_counted";
    let Some(world) = super::world(test) else { return };
    passes_by(&world, "");
    let fault = format!("fail read --errno {} --percent 100 --target {}", ERROR.0, world.target());
    let (_, plan, _) = world.daemon.run(&format!("plan {fault}"));
    assert!(plan.contains("and is counted by its operation (io_uring)"), "{plan}");
}

fn passes_by(world: &World, rung: &str) {
    let fault = format!("fail read {rung} --errno {} --percent 100", ERROR.0);
    let id = world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()));
    let victim = world.in_victim(|| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"x").unwrap();
        let byte = std::os::unix::fs::FileExt::read_at(&file, &mut [0], 0);
        format!("{} {:?}", read(&file), byte.map_err(|error| error.raw_os_error()))
    });
    assert_eq!(victim.join(), format!("1 Err(Some({}))", ERROR.1));
    let counted = ["acted", "io_uring"].map(|what| world.daemon.counter(&id, what));
    assert_eq!(counted, [1, 1], "acted, io_uring {rung}");
    world.daemon.json(&format!("stop {id}"));
}
