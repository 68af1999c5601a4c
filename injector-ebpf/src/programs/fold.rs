//! Flows that end are added to their dependency first: their own state goes with the socket.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_NOEXIST, bpf_sock},
    helpers::generated::bpf_sk_storage_get,
    macros::{btf_tracepoint, cgroup_sock},
    programs::{BtfTracePointContext, SockContext},
};
use injector_ebpf::flow::{DepKey, DepValue, FLOW_ENDED, Flow};

use super::{
    atomic,
    flows::{self, lost},
    histograms,
    maps::{INJ_DEPS, INJ_DEPS_REST, INJ_FLOWS, INJ_ZERO_DEP, raw},
    slots,
};

const TCP: u16 = 6;
const TCP_CLOSE: i32 = 7;

/// The sums of a flow's dependency. Where there is no room for one more, those of the rest of its cgroup.
#[inline(always)]
pub fn dependency(flow: *mut Flow, ended: bool) -> *mut DepValue {
    let key = DepKey::of(unsafe { &*flow });
    if let Some(dep) = INJ_DEPS.get_ptr_mut(&key) {
        return dep;
    }
    let none = core::ptr::null_mut();
    let Some(zero) = INJ_ZERO_DEP.get(0) else { return none };
    // Somebody else may have been first: then this fails, and the look-up finds theirs.
    let _ = INJ_DEPS.insert(&key, zero, u64::from(BPF_NOEXIST));
    if let Some(dep) = INJ_DEPS.get_ptr_mut(&key) {
        return dep;
    }
    if ended {
        lost!(deps_full);
    }
    if let Some(dep) = INJ_DEPS_REST.get_ptr_mut(&key.cgroup) {
        return dep;
    }
    let _ = INJ_DEPS_REST.insert(&key.cgroup, zero, u64::from(BPF_NOEXIST));
    match INJ_DEPS_REST.get_ptr_mut(&key.cgroup) {
        Some(dep) => dep,
        None => {
            lost!(lost);
            none
        }
    }
}

/// Moves what a flow has counted to its dependency. What others count meanwhile is either in it or stays in the flow,
/// and whoever counts looks afterwards whether the flow had ended.
#[inline(always)]
unsafe fn move_counts(flow: *mut Flow, dep: *mut DepValue) {
    unsafe {
        let from = &raw mut (*flow).counts;
        let (tx, rx) = (atomic::take(&raw mut (*from).tx_packets), atomic::take(&raw mut (*from).rx_packets));
        atomic::add(&raw mut (*dep).tx_packets, tx);
        atomic::add(&raw mut (*dep).rx_packets, rx);
        atomic::add(&raw mut (*dep).tx_segments, tx + atomic::take(&raw mut (*from).tx_more));
        atomic::add(&raw mut (*dep).rx_segments, rx + atomic::take(&raw mut (*from).rx_more));
        atomic::add(&raw mut (*dep).tx_bytes, atomic::take(&raw mut (*from).tx_bytes));
        atomic::add(&raw mut (*dep).rx_bytes, atomic::take(&raw mut (*from).rx_bytes));
        atomic::add(&raw mut (*dep).retransmits, atomic::take(&raw mut (*flow).retransmits));
        atomic::add(&raw mut (*dep).injected_drops, atomic::take(&raw mut (*flow).injected_drops));
        atomic::add(&raw mut (*dep).injected_delays, atomic::take(&raw mut (*flow).injected_delays));
        atomic::add(&raw mut (*dep).rtt_samples, atomic::take(&raw mut (*flow).rtt_samples));
    }
}

/// Something was counted in a flow that had ended.
#[inline(never)]
pub fn late(flow: *mut Flow) -> u32 {
    // A new one, which has no name yet, keeps its counts.
    if unsafe { (*flow).flags } & FLOW_ENDED == 0 {
        return 0;
    }
    let dep = dependency(flow, false);
    if dep.is_null() {
        return 0;
    }
    unsafe { move_counts(flow, dep) };
    1
}

/// A flow ends. Its socket's number, 0 if it was ended before, and its dependency.
#[inline(always)]
fn end(flow: *mut Flow) -> (u64, *mut DepValue) {
    let none = core::ptr::null_mut();
    let cookie = unsafe {
        if (*flow).cookie == 0 {
            return (0, none);
        }
        (*flow).flags |= FLOW_ENDED;
        // Marks it as added: the reader leaves it out.
        let cookie = atomic::take(&raw mut (*flow).cookie);
        if cookie == 0 {
            return (0, none);
        }
        slots::end(flow, cookie);
        cookie
    };
    lost!(folded);
    let dep = dependency(flow, true);
    if !dep.is_null() {
        unsafe {
            atomic::add(&raw mut (*dep).flows, 1);
            move_counts(flow, dep);
        }
    }
    (cookie, dep)
}

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inj_tcp_state(ctx: BtfTracePointContext) -> i32 {
    let sk = ctx.arg::<*const c_void>(0).cast_mut();
    if ctx.arg::<i32>(2) == TCP_CLOSE
        && let Some(flow) = unsafe { flows::get(sk) }
    {
        unsafe { finish(flow) };
    }
    0
}

/// A flow ends, with its histogram.
///
/// # Safety
/// It is that of a socket.
#[inline(always)]
pub unsafe fn finish(flow: *mut Flow) {
    let (cookie, dep) = end(flow);
    if cookie != 0 {
        unsafe { histograms::end(flow, cookie, dep) };
    }
}

/// A socket of an observed cgroup is closed for good. TCP goes on for a while, and tells by its state when it ends.
#[cgroup_sock(sock_release)]
pub fn inj_released(ctx: SockContext) -> i32 {
    let sk: *mut bpf_sock = ctx.sock;
    let flow: *mut Flow =
        unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk.cast(), core::ptr::null_mut(), 0) }.cast();
    if !flow.is_null() && unsafe { (*flow).protocol } != TCP {
        end(flow);
    }
    1
}
