//! A 32-bit program's calls have other numbers: one is not taken for another.

use std::{arch::asm, os::fd::AsRawFd as _};

use super::ERROR;
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

/// 94 is fchmod there and lchown here, and both come to the hook `inode_setattr`.
#[test]
fn a_32_bit_call_is_not_taken_for_another_and_is_counted() {
    const FCHMOD: u32 = 94;
    assert_eq!(libc::SYS_lchown, i64::from(FCHMOD));
    let world = World::lent();
    let test = "a_32_bit_call_is_not_taken_for_another_and_is_counted";
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    if kernel() == "6.1-override" && skip(test, "this kernel is built without CONFIG_IA32_EMULATION") {
        return;
    }
    let fault = format!("fail chown --rung lsm --errno {} --percent 100", ERROR.0);
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
    assert_eq!(counted, [1, 1], "acted, compat");
}
