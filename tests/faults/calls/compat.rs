//! A 32-bit program's calls have other numbers, and other entries: one is not taken for another, and what passes by is
//! counted.

use std::{arch::asm, os::fd::AsRawFd as _};

use super::{ERROR, WITHIN};
use crate::support::{World, kernel, lacks, skip};

/// A system call as 32-bit programs make it, which 64-bit ones can as well.
fn old(number: u32, one: i32, two: u32) -> i32 {
    let result: i32;
    // SAFETY: the kernel takes two numbers; what it may change is named, and rbx is given back.
    unsafe {
        asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) i64::from(one) => _,
            inlateout("eax") number => result,
            in("ecx") two,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    result
}

const FCHMOD: u32 = 94;

/// 94 is fchmod there and lchown here, and both come to the hook `inode_setattr`.
#[test]
fn a_32_bit_call_is_not_taken_for_another_and_is_counted() {
    assert_eq!(libc::SYS_lchown, i64::from(FCHMOD));
    let world = World::lent();
    let test = "a_32_bit_call_is_not_taken_for_another_and_is_counted";
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    if kernel() == "6.1-override" && skip(test, "this kernel is built without CONFIG_IA32_EMULATION") {
        return;
    }
    WITHIN.iter().for_each(|rung| passes_the_hook(&world, rung));
}

fn passes_the_hook(world: &World, rung: &str) {
    let fault = format!("fail chown --rung {rung} --errno {} --percent 100", ERROR.0);
    let id = world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()));
    let victim = world.in_victim(|| {
        let file = tempfile::tempfile().unwrap();
        let changed = old(FCHMOD, file.as_raw_fd(), 0o640);
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap()) & 0o777;
        let owned = std::os::unix::fs::fchown(&file, Some(0), None).map_err(|error| error.raw_os_error());
        format!("{changed} {mode:o} {owned:?}")
    });
    assert_eq!(victim.join(), format!("0 640 Err(Some({}))", ERROR.1));
    let counted = ["acted", "compat"].map(|what| world.daemon.counter(&id, what));
    assert_eq!(counted, [1, 1], "acted, compat by {rung}");
    world.daemon.json(&format!("stop {id}"));
}

/// `socketcall`, with its two arguments where 32 bits reach.
fn socketcall(which: i32, arguments: [u32; 3]) -> i32 {
    const SOCKETCALL: u32 = 102;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
    // SAFETY: a new mapping of a page, which is never unmapped.
    let page = unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert!(page != libc::MAP_FAILED);
        page.cast::<[u32; 3]>().write(arguments);
        page as usize
    };
    old(SOCKETCALL, which, u32::try_from(page).unwrap())
}

/// The entries of 32-bit calls are others: they are not failed there, and are counted.
#[test]
fn a_32_bit_call_passes_by_the_entry_and_is_counted() {
    const FSYNC: u32 = 118;
    let test = "a_32_bit_call_passes_by_the_entry_and_is_counted";
    let Some(world) = super::world(test) else { return };
    if kernel() == "6.1-override" && skip(test, "this kernel is built without CONFIG_IA32_EMULATION") {
        return;
    }
    let fault =
        |call: &str| format!("fail {call} --errno {} --percent 100 --target {}", ERROR.0, world.target());
    let arm = |call: &str| world.daemon.arm(&format!("{} --for 1m", fault(call)));
    let (sync, socket) = (arm("fsync"), arm("socket"));
    let victim = world.in_victim(|| {
        let file = tempfile::tempfile().unwrap();
        let both = [old(FSYNC, file.as_raw_fd(), 0), i32::from(file.sync_all().is_err())];
        let udp = [libc::AF_INET as u32, libc::SOCK_DGRAM as u32, 0];
        let (made, listens) = (socketcall(1, udp), socketcall(4, [u32::MAX; 3]));
        // SAFETY: plain call.
        let refused = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
        format!("{both:?} {} {listens} {refused}", made >= 0)
    });
    assert_eq!(victim.join(), format!("[0, 1] true {} -1", -libc::EBADF));
    // What the control does is nobody's.
    world.in_control(|| old(FSYNC, -1, 0).to_string()).join();
    for (id, call) in [(&sync, "fsync"), (&socket, "socket")] {
        let counted = ["acted", "compat"].map(|what| world.daemon.counter(id, what));
        assert_eq!(counted, [1, 1], "acted, compat of {call}");
    }
    let (_, status, _) = world.daemon.run(&format!("status {sync}"));
    assert!(status.contains("of 32-bit programs"), "{status}");
    let (_, plan, _) = world.daemon.run(&format!("plan {}", fault("fsync")));
    assert!(plan.contains("32-bit programs pass by, and are counted (compat)"), "{plan}");
}
