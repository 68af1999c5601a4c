//! Failed calls are told one by one: bounded in number, and what is left out is counted.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid,
    generated::{bpf_get_current_cgroup_id, bpf_ktime_get_ns, bpf_probe_read_user, bpf_probe_read_user_str},
};
use injector_ebpf::{
    call_means::ARGUMENTS,
    event::{EVENT_TEXT, Event, TELLS_NOTHING, TELLS_PATH, TELLS_PEER},
    meter::NODE_EVENTS,
    rule::CALLS,
};

use super::{
    atomic,
    call_which::argument,
    maps::{INJ_CALL_SHAPES, INJ_EVENTS, INJ_EVENTS_FULL},
    meter::inj_charge,
};

/// Numbers of the calls that name a peer.
#[cfg(not(bpf_target_arch = "aarch64"))]
mod nr {
    pub const CONNECT: u64 = 42;
    pub const SENDTO: u64 = 44;
    pub const BIND: u64 = 49;
}
#[cfg(bpf_target_arch = "aarch64")]
mod nr {
    pub const CONNECT: u64 = 203;
    pub const SENDTO: u64 = 206;
    pub const BIND: u64 = 200;
}

/// `struct sockaddr_in6` and `sockaddr_in`, in bytes.
const LONG_PEER: u32 = 28;
const SHORT_PEER: u32 = 16;

/// Rule, call and result in one word, for [`inj_tell`].
#[inline(always)]
pub fn what(index: u32, number: u64, errno: i32) -> u64 {
    u64::from(index) << 48 | (number & 0xffff) << 32 | u64::from(errno as u32)
}

/// Tells of a call that was failed: `what` by [`what`]; `registers` is the address of the user's, 0 if it is not known.
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
        (*event).kind = fetch(text, u64::from((*event).number), registers);
    }
    record.submit(0);
    0
}

/// What the program has in its own memory, if it is there just now: the first path of the call's arguments, or its peer.
#[inline(always)]
unsafe fn fetch(text: *mut u64, number: u64, registers: u64) -> u32 {
    if registers == 0 {
        return TELLS_NOTHING;
    }
    let peer = match number {
        nr::CONNECT | nr::BIND => 1,
        nr::SENDTO => 4,
        _ => 0,
    };
    let text = text.cast::<c_void>();
    if peer != 0 {
        let at = argument(registers, peer) as *const c_void;
        // The short one may end where the program's memory does.
        let failed = unsafe {
            bpf_probe_read_user(text, LONG_PEER, at) as i64 != 0
                && bpf_probe_read_user(text, SHORT_PEER, at) as i64 != 0
        };
        return if failed { TELLS_NOTHING } else { TELLS_PEER };
    }
    let Some(shape) = INJ_CALL_SHAPES.get((number % CALLS as u64) as u32) else { return TELLS_NOTHING };
    for index in 0..ARGUMENTS {
        if shape >> index & 1 != 0 {
            let at = argument(registers, index) as *const c_void;
            let length = unsafe { bpf_probe_read_user_str(text, EVENT_TEXT as u32, at) } as i64;
            return if length > 0 { TELLS_PATH } else { TELLS_NOTHING };
        }
    }
    TELLS_NOTHING
}
