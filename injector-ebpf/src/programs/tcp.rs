//! TCP: RTT samples, buffer fill and retransmits of every socket, also of those that were there before us.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_seq_write, bpf_skc_to_tcp_sock},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use injector_ebpf::{
    flow::{Aggregate, DepKey, End, Flow, Seen},
    hist::{BUCKETS, bucket},
    rule::{CG_WATCH, CgroupEntry, MAX_RULES},
};

use super::{
    atomic,
    flows::{self, lost},
    gate,
    kernel::{field, socket_cgroup},
    maps::{INJ_AGGR, INJ_CG_AGGR, INJ_DEPS, INJ_ENDS, INJ_ZERO_AGGR, INJ_ZERO_DEP},
};

const TCP_CLOSE: i32 = 7;

/// The sums of one cgroup, whether a rule means it or not: what was normal before a fault, and its share of the
/// node's traffic.
#[inline(always)]
fn of_cgroup(id: u64) -> Option<*mut Aggregate> {
    if let Some(sum) = INJ_CG_AGGR.get_ptr_mut(&id) {
        return Some(sum);
    }
    let _ = INJ_CG_AGGR.insert(&id, INJ_ZERO_AGGR.get(0)?, u64::from(aya_ebpf::bindings::BPF_NOEXIST));
    let sum = INJ_CG_AGGR.get_ptr_mut(&id);
    if sum.is_none() {
        lost!(cgroups_full);
    }
    sum
}

/// Is a target on the other end? Then this socket feels the fault, and is no control group.
#[inline(always)]
fn talks_to_target(sk: *const c_void) -> bool {
    const AF_INET: u16 = 2;
    if !gate::leased() {
        return false;
    }
    let port = u32::from(u16::from_be(field!(sk, OFF_DPORT, u16)));
    let mut end = End { addr: [0, 0, 0xffff_u32.to_be(), 0], port, pad: 0 };
    if field!(sk, OFF_FAMILY, u16) == AF_INET {
        end.addr[3] = field!(sk, OFF_DADDR, u32);
    } else {
        end.addr = field!(sk, OFF_DADDR6, [u32; 4]);
    }
    unsafe { INJ_ENDS.get(&end) }.is_some()
}

/// Does something to the aggregates that a socket of this cgroup belongs to: its cgroup's, and those of the rules
/// that mean it, else the control group's.
#[inline(always)]
fn aggregates(sk: *const c_void, cgroup: u64, entry: CgroupEntry, mut add: impl FnMut(*mut Aggregate)) {
    if let Some(sum) = of_cgroup(cgroup) {
        add(sum);
    }
    if entry.rules == 0 {
        if !talks_to_target(sk)
            && let Some(control) = INJ_AGGR.get_ptr_mut(0)
        {
            add(control);
        }
        return;
    }
    for slot in 0..MAX_RULES as u32 {
        if entry.rules & (1 << slot) != 0
            && let Some(target) = INJ_AGGR.get_ptr_mut(1 + slot)
        {
            add(target);
        }
    }
}

/// No sample. Not an `Option`: the compiler leaves its other half unset, and the verifier refuses to copy that.
const NONE: i64 = -1;

/// The raw sample behind a step of the kernel's running average, in microseconds.
///
/// `tcp_rtt_estimator` (net/ipv4/tcp_input.c) sets `srtt = 8 m` and `mdev = 2 m` at the first sample `m`, and
/// `srtt += m - (srtt >> 3)` at every later one, so that each step gives its sample back exactly. Without a
/// step either there was no sample, or one that equals the average. Then the deviation shrinks (by a quarter,
/// until it is too small to), so a changed `mdev` tells the two apart; leaving those samples out would make
/// every tail look worse than it is.
#[inline(always)]
fn sample(old: &Seen, new: &Seen, first: bool) -> i64 {
    if first {
        return if new.srtt != 0 && new.srtt == new.mdev << 2 { i64::from(new.srtt >> 3) } else { NONE };
    }
    if new.srtt == old.srtt {
        let sampled = new.mdev != old.mdev || (new.mdev < 4 && new.snd_una != old.snd_una);
        return if sampled { i64::from(old.srtt >> 3) } else { NONE };
    }
    let m = i64::from(new.srtt) - i64::from(old.srtt) + i64::from(old.srtt >> 3);
    if m < 0 || m > i64::from(u32::MAX) {
        lost!(bad_samples);
        return NONE;
    }
    m
}

/// The bucket of a sample. Read back through memory, so that the compiler forgets what it knows of the value
/// and keeps the bounds check that the verifier wants to see.
#[inline(always)]
fn index(us: u32) -> usize {
    let index = bucket(us) as u64;
    unsafe { core::ptr::read_volatile(&raw const index) as usize }
}

/// Runs for every packet that an established socket receives, before it is processed.
#[btf_tracepoint(function = "tcp_probe")]
pub fn inj_tcp_probe(ctx: BtfTracePointContext) -> i32 {
    let _ = tcp_probe(ctx.arg::<*const c_void>(0));
    0
}

#[inline(always)]
fn tcp_probe(sk: *const c_void) -> Option<()> {
    let tp: *const c_void = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast();
    if tp.is_null() {
        return None;
    }
    let seen = unsafe { flows::seen(sk.cast_mut()) }?;
    let now = Seen {
        srtt: field!(tp, OFF_SRTT, u32),
        segs_out: field!(tp, OFF_SEGS_OUT, u32),
        mdev: field!(tp, OFF_MDEV, u32),
        snd_una: field!(tp, OFF_SND_UNA, u32),
    };
    let old = unsafe { *seen };
    let first = old.segs_out == 0;
    let raw = sample(&old, &now, first);
    let segments = if first { 0 } else { now.segs_out.wrapping_sub(old.segs_out) };
    unsafe { *seen = now };
    let cgroup = socket_cgroup(sk);
    let entry = gate::cgroup(cgroup).unwrap_or_default();
    aggregates(sk, cgroup, entry, |sum| unsafe {
        (*sum).segments += u64::from(segments);
        if raw != NONE {
            (*sum).samples += 1;
            if let Some(b) = (*sum).rtt.get_mut(index(raw as u32)) {
                *b += 1;
            }
        }
    });
    if entry.flags & CG_WATCH == 0 {
        return None;
    }
    let flow = unsafe { flows::get(sk.cast_mut()) }?;
    let (used, limit) = (field!(sk, OFF_WMEM, i32), field!(sk, OFF_SNDBUF, i32));
    unsafe {
        if raw != NONE {
            (*flow).rtt_samples += 1;
            if let Some(b) = (*flow).rtt.get_mut(index(raw as u32)) {
                *b += 1;
            }
        }
        (*flow).sndbuf_used = used.max(0) as u32;
        (*flow).sndbuf_limit = limit.max(0) as u32;
        if limit > 0 {
            let fill = (used.max(0) as u64 * 1000 / limit as u64) as u32;
            if fill > (*flow).sndbuf_peak {
                (*flow).sndbuf_peak = fill;
            }
        }
    }
    Some(())
}

#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn inj_tcp_retr(ctx: BtfTracePointContext) -> i32 {
    let sk = ctx.arg::<*const c_void>(0);
    let cgroup = socket_cgroup(sk);
    let entry = gate::cgroup(cgroup).unwrap_or_default();
    aggregates(sk, cgroup, entry, |sum| unsafe { (*sum).retransmits += 1 });
    if entry.flags & CG_WATCH != 0
        && let Some(flow) = unsafe { flows::get(sk.cast_mut()) }
    {
        unsafe { atomic::add(&raw mut (*flow).retransmits, 1) };
    }
    0
}

/// A flow that ends is added to its dependency first: its own state goes with the socket.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inj_tcp_state(ctx: BtfTracePointContext) -> i32 {
    if ctx.arg::<i32>(2) == TCP_CLOSE
        && let Some(flow) = unsafe { flows::get(ctx.arg::<*const c_void>(0).cast_mut()) }
    {
        let _ = fold(flow);
    }
    0
}

#[inline(always)]
fn fold(flow: *mut Flow) -> Option<()> {
    if unsafe { (*flow).cookie } == 0 {
        return None;
    }
    // The service is on the side with the lower port; its clients' ports say nothing.
    let local = unsafe { (*flow).local_port < (*flow).remote_port };
    let key = DepKey {
        cgroup: unsafe { (*flow).cgroup },
        remote: if local { [0; 4] } else { unsafe { (*flow).remote } },
        port: if local { unsafe { (*flow).local_port } } else { unsafe { (*flow).remote_port } },
        local: u16::from(local),
        protocol: unsafe { (*flow).protocol },
    };
    let dep = match INJ_DEPS.get_ptr_mut(&key) {
        Some(dep) => dep,
        None => {
            // Somebody else may have been first: then this fails, and the look-up finds theirs.
            let _ = INJ_DEPS.insert(&key, INJ_ZERO_DEP.get(0)?, u64::from(aya_ebpf::bindings::BPF_NOEXIST));
            match INJ_DEPS.get_ptr_mut(&key) {
                Some(dep) => dep,
                None => {
                    lost!(deps_full);
                    return None;
                }
            }
        }
    };
    unsafe {
        atomic::add(&raw mut (*dep).flows, 1);
        atomic::add(&raw mut (*dep).tx_segments, (*flow).tx_segments);
        atomic::add(&raw mut (*dep).tx_bytes, (*flow).tx_bytes);
        atomic::add(&raw mut (*dep).rx_segments, (*flow).rx_segments);
        atomic::add(&raw mut (*dep).rx_bytes, (*flow).rx_bytes);
        atomic::add(&raw mut (*dep).retransmits, (*flow).retransmits);
        atomic::add(&raw mut (*dep).injected_drops, (*flow).injected_drops);
        atomic::add(&raw mut (*dep).injected_delays, (*flow).injected_delays);
        atomic::add(&raw mut (*dep).rtt_samples, (*flow).rtt_samples);
        for i in 0..BUCKETS {
            let n = (*flow).rtt[i];
            if n != 0 {
                atomic::add32(&raw mut (*dep).rtt[i], n);
            }
        }
        // Marks it as added: the reader leaves it out, and the observer gives a closed socket no new name.
        (*flow).cookie = 0;
    }
    lost!(folded);
    Some(())
}

/// `struct bpf_iter__bpf_sk_storage_map`.
#[repr(C)]
struct IterContext {
    meta: *const *mut c_void,
    map: *const c_void,
    sk: *const c_void,
    value: *const Flow,
}

/// Hands every flow to the reader of the iterator, whole.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_sk_storage_map")]
pub extern "C" fn inj_iter_flows(ctx: *mut c_void) -> i32 {
    let ctx = ctx.cast::<IterContext>();
    let value = unsafe { core::ptr::read_volatile(&raw const (*ctx).value) };
    if value.is_null() {
        return 0;
    }
    unsafe {
        let meta = core::ptr::read_volatile(&raw const (*ctx).meta);
        let seq = core::ptr::read_volatile(meta);
        let _ = bpf_seq_write(seq.cast(), value.cast(), size_of::<Flow>() as u32);
    }
    0
}
