//! The state of a flow, which lives in its socket.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, BPF_SK_STORAGE_GET_F_CREATE},
    helpers::generated::{bpf_sk_fullsock, bpf_sk_storage_get},
};
use injector_ebpf::flow::{Flow, FlowStats, Seen};

use super::{
    atomic,
    maps::{INJ_FLOW_LIMIT, INJ_FLOW_STATS, INJ_FLOWS, INJ_SEEN, raw},
};

/// Counts in the statistics of observation.
macro_rules! lost {
    ($field:ident) => {
        if let Some(stats) = $crate::programs::flows::stats() {
            unsafe { $crate::programs::atomic::add(core::ptr::addr_of_mut!((*stats).$field), 1) }
        }
    };
}
pub(crate) use lost;

pub fn stats() -> Option<*mut FlowStats> {
    INJ_FLOW_STATS.get_ptr_mut(0)
}

/// What was done to a packet of the flow.
#[derive(Clone, Copy)]
pub enum Injected {
    Drop,
    Delay,
}

/// The flow of a full socket, if it is observed.
///
/// # Safety
/// `sk` is a socket as the program's type hands it out.
#[inline(always)]
pub unsafe fn get(sk: *mut c_void) -> Option<*mut Flow> {
    let flow = unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk, core::ptr::null_mut(), 0) };
    if flow.is_null() { None } else { Some(flow.cast()) }
}

/// The flow of a full socket; made if the bound allows it. The new one is all zero.
///
/// # Safety
/// As for [`get`].
#[inline(always)]
pub unsafe fn get_or_create(sk: *mut c_void) -> *mut Flow {
    let flow = unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk, core::ptr::null_mut(), 0) };
    if !flow.is_null() {
        return flow.cast();
    }
    let (Some(stats), Some(limit)) = (stats(), INJ_FLOW_LIMIT.get(0)) else { return core::ptr::null_mut() };
    if unsafe { (*stats).created.wrapping_sub((*stats).folded) } >= *limit {
        unsafe { atomic::add(&raw mut (*stats).refused, 1) };
        return core::ptr::null_mut();
    }
    let create = u64::from(BPF_SK_STORAGE_GET_F_CREATE);
    let flow = unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk, core::ptr::null_mut(), create) };
    if flow.is_null() {
        unsafe { atomic::add(&raw mut (*stats).no_memory, 1) };
    }
    flow.cast()
}

/// What was remembered of a TCP socket before it got its flow.
///
/// # Safety
/// As for [`get`].
#[inline(always)]
pub unsafe fn seen_before(sk: *mut c_void) -> Option<*mut Seen> {
    let seen = unsafe { bpf_sk_storage_get(raw(&INJ_SEEN), sk, core::ptr::null_mut(), 0) };
    if seen.is_null() { None } else { Some(seen.cast()) }
}

/// What is remembered of every TCP socket that has no flow.
///
/// # Safety
/// As for [`get`].
#[inline(always)]
pub unsafe fn seen(sk: *mut c_void) -> Option<*mut Seen> {
    let create = u64::from(BPF_SK_STORAGE_GET_F_CREATE);
    let seen = unsafe { bpf_sk_storage_get(raw(&INJ_SEEN), sk, core::ptr::null_mut(), create) };
    if seen.is_null() {
        lost!(unseen);
        return None;
    }
    Some(seen.cast())
}

/// Notes in the flow, if it is observed, what was done to one of its packets.
#[inline(always)]
pub fn injected(skb: *mut __sk_buff, what: Injected, wire: u64) {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return;
    }
    if let Some(flow) = unsafe { get(sk.cast()) } {
        unsafe {
            match what {
                Injected::Drop => atomic::add(&raw mut (*flow).injected_drops, wire),
                Injected::Delay => atomic::add(&raw mut (*flow).injected_delays, wire),
            }
        }
    }
}
