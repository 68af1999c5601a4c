//! Failed calls are told one by one: bounded in number, and what is left out is counted.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid,
    generated::{bpf_get_current_cgroup_id, bpf_ktime_get_ns, bpf_probe_read_user, bpf_probe_read_user_str},
};
use injector_ebpf::{
    event::{EVENT_TEXT, Event, TELLS_NOTHING, TELLS_PATH, TELLS_PEER},
    meter::NODE_EVENTS,
};

use super::{
    atomic,
    call_which::read,
    maps::{INJ_EVENTS, INJ_EVENTS_FULL},
    meter::inj_charge,
};

/// Calls whose arguments tell more, and the registers with these, as offsets in `struct pt_regs`.
#[cfg(not(bpf_target_arch = "aarch64"))]
mod nr {
    pub const OPEN: u64 = 2;
    pub const CREAT: u64 = 85;
    pub const OPENAT: u64 = 257;
    pub const OPENAT2: u64 = 437;
    pub const CONNECT: u64 = 42;
    pub const SENDTO: u64 = 44;
    pub const BIND: u64 = 49;
    pub const FIRST: u64 = 112;
    pub const SECOND: u64 = 104;
    pub const FIFTH: u64 = 72;
}
#[cfg(bpf_target_arch = "aarch64")]
mod nr {
    // There are no such calls.
    pub const OPEN: u64 = u64::MAX;
    pub const CREAT: u64 = u64::MAX - 1;
    pub const OPENAT: u64 = 56;
    pub const OPENAT2: u64 = 437;
    pub const CONNECT: u64 = 203;
    pub const SENDTO: u64 = 206;
    pub const BIND: u64 = 200;
    pub const FIRST: u64 = 0;
    pub const SECOND: u64 = 8;
    pub const FIFTH: u64 = 32;
}

/// The upper bits of what [`shown`] gives are one of the `TELLS_`: addresses of programs have no bits there.
const KIND: u32 = 60;
/// `struct sockaddr_in6` and `sockaddr_in`, in bytes.
const LONG_PEER: u32 = 28;
const SHORT_PEER: u32 = 16;

/// Where the program has the path or the peer of its call: the upper bits say which, the lower ones where. 0: it has
/// none that is told.
#[inline(always)]
fn shown(number: u64, registers: u64) -> u64 {
    let (kind, at) = match number {
        nr::OPEN | nr::CREAT => (TELLS_PATH, nr::FIRST),
        nr::OPENAT | nr::OPENAT2 => (TELLS_PATH, nr::SECOND),
        nr::CONNECT | nr::BIND => (TELLS_PEER, nr::SECOND),
        nr::SENDTO => (TELLS_PEER, nr::FIFTH),
        _ => return 0,
    };
    let at = read::<u64>(registers + at);
    if at == 0 { 0 } else { u64::from(kind) << KIND | at & ((1 << KIND) - 1) }
}

/// Rule, call and result in one word, for [`inj_tell`].
#[inline(always)]
pub fn what(index: u32, number: u64, errno: i32) -> u64 {
    u64::from(index) << 48 | (number & 0xffff) << 32 | u64::from(errno as u32)
}

/// Tells of a call that was failed: `what` by [`what`], `registers` the address of the user's.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_tell(what: u64, registers: u64, now: u64) -> u32 {
    if inj_charge(NODE_EVENTS, 1, now) != 0 {
        return 0;
    }
    let Some(mut record) = INJ_EVENTS.reserve::<Event>(0) else {
        if let Some(full) = INJ_EVENTS_FULL.get_ptr_mut(0) {
            unsafe { atomic::add(full, 1) };
        }
        return 0;
    };
    let event = record.as_mut_ptr();
    let id = bpf_get_current_pid_tgid();
    unsafe {
        (*event).at = bpf_ktime_get_ns();
        (*event).cgroup = bpf_get_current_cgroup_id();
        (*event).pid = (id >> 32) as u32;
        (*event).tid = id as u32;
        (*event).rule = (what >> 48) as u32;
        (*event).errno = what as u32 as i32;
        (*event).number = (what >> 32) as u32 & 0xffff;
        (*event).comm = bpf_get_current_comm().unwrap_or_default();
        let text = (&raw mut (*event).text).cast::<u64>();
        for k in 0..EVENT_TEXT / 8 {
            text.add(k).write(0);
        }
        (*event).kind = fetch(text, shown((what >> 32) & 0xffff, registers));
    }
    record.submit(0);
    0
}

/// What the program has in its own memory, if it is there just now.
#[inline(always)]
unsafe fn fetch(text: *mut u64, shown: u64) -> u32 {
    let at = (shown & ((1 << KIND) - 1)) as *const c_void;
    let kind = (shown >> KIND) as u32;
    let text = text.cast::<c_void>();
    let failed = unsafe {
        match kind {
            TELLS_PATH => bpf_probe_read_user_str(text, EVENT_TEXT as u32, at) as i64 <= 0,
            // The short one may end where the program's memory does.
            TELLS_PEER => {
                bpf_probe_read_user(text, LONG_PEER, at) as i64 != 0
                    && bpf_probe_read_user(text, SHORT_PEER, at) as i64 != 0
            }
            _ => true,
        }
    };
    if failed { TELLS_NOTHING } else { kind }
}
