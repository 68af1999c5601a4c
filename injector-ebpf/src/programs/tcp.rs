//! TCP: RTT samples, buffer fill and retransmits of every socket, also of those that were there before us.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_get_smp_processor_id, bpf_skc_to_tcp_sock},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use injector_ebpf::{
    flow::{End, Flow, Tcp},
    hist::bucket,
    names::MEASURED_SAMPLES,
    rtt::{Aggregate, NEAR, near_place},
    rule::MAX_RULES,
};

use super::{
    atomic,
    flows::{self, lost},
    fold, gate, histograms,
    kernel::{field, socket_cgroup},
    maps::{INJ_AGGR, INJ_CG_AGGR, INJ_CG_NEAR, INJ_ENDS, INJ_ZERO_AGGR},
};

/// The sums of one cgroup, whether a rule means it or not: what was normal before a fault, and its share of the
/// node's traffic.
#[inline(always)]
fn of_cgroup(id: u64) -> Option<*mut Aggregate> {
    let place = unsafe { bpf_get_smp_processor_id() } * NEAR + near_place(id);
    // A socket of no cgroup has no place: 0 is nobody's.
    if id != 0
        && let Some(near) = INJ_CG_NEAR.get_ptr_mut(place)
    {
        unsafe {
            let own = (*near).cgroup == id
                || (*near).cgroup == 0 && atomic::exchange(&raw mut (*near).cgroup, 0, id) == 0;
            if own {
                return Some(&raw mut (*near).sum);
            }
        }
    }
    far(id)
}

/// The same of a cgroup that has no place of its own.
#[inline(always)]
fn far(id: u64) -> Option<*mut Aggregate> {
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

/// What is added to sums: segments, retransmitted skbs, and a sample by its bucket ([`NO_SAMPLE`]: none).
#[derive(Clone, Copy)]
struct More {
    segments: u32,
    retransmits: u32,
    bucket: u32,
}

/// No bucket of any histogram.
const NO_SAMPLE: u32 = u32::MAX;

impl More {
    #[inline(always)]
    unsafe fn to(self, sum: *mut Aggregate) {
        unsafe {
            (*sum).segments += u64::from(self.segments);
            (*sum).retransmits += u64::from(self.retransmits);
            if let Some(count) = (*sum).rtt.get_mut(place(self.bucket)) {
                *count += 1;
                (*sum).samples += 1;
            }
        }
    }
}

/// A bucket, read back through memory, so that the compiler forgets what it knows of the value and keeps the bounds check
/// that the verifier wants to see.
#[inline(always)]
fn place(bucket: u32) -> usize {
    let bucket = u64::from(bucket);
    unsafe { core::ptr::read_volatile(&raw const bucket) as usize }
}

/// Adds to the aggregates that a socket of this cgroup belongs to: its cgroup's, and those of the rules that mean it, else
/// the control group's.
#[inline(always)]
fn add(sk: *const c_void, cgroup: u64, rules: u32, more: More) {
    if let Some(sum) = of_cgroup(cgroup) {
        unsafe { more.to(sum) };
    }
    if rules != 0 {
        inj_add_to_targets(rules, more.segments, more.retransmits, more.bucket);
    } else if !talks_to_target(sk)
        && let Some(control) = INJ_AGGR.get_ptr_mut(0)
    {
        unsafe { more.to(control) };
    }
}

/// A function of its own: without a fault it is not run, and its sixteen rounds need not lie in every packet's way.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_add_to_targets(rules: u32, segments: u32, retransmits: u32, bucket: u32) -> u32 {
    let more = More { segments, retransmits, bucket };
    for slot in 0..MAX_RULES as u32 {
        if rules & (1 << slot) != 0
            && let Some(target) = INJ_AGGR.get_ptr_mut(1 + slot)
        {
            unsafe { more.to(target) };
        }
    }
    0
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
fn sample(old: &Tcp, new: &Tcp, first: bool) -> i64 {
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

/// Runs for every packet that an established socket receives, before it is processed.
#[btf_tracepoint(function = "tcp_probe")]
pub fn inj_tcp_probe(ctx: BtfTracePointContext) -> i32 {
    let _ = tcp_probe::<false>(ctx.arg::<*const c_void>(0));
    0
}

/// A segment again and again: what a sample costs when all that it needs is near, as in a test run of other programs.
#[btf_tracepoint(function = "tcp_probe")]
pub fn inj_measured_tcp(ctx: BtfTracePointContext) -> i32 {
    let sk = ctx.arg::<*const c_void>(0);
    for _ in 0..MEASURED_SAMPLES {
        let _ = tcp_probe::<true>(sk);
    }
    0
}

/// `AGAIN`: takes a segment that was seen before for a new one with a sample.
#[inline(always)]
fn tcp_probe<const AGAIN: bool>(sk: *const c_void) -> Option<()> {
    let tp: *const c_void = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast();
    if tp.is_null() {
        return None;
    }
    let now = Tcp {
        srtt: field!(tp, OFF_SRTT, u32),
        segs_out: field!(tp, OFF_SEGS_OUT, u32),
        mdev: field!(tp, OFF_MDEV, u32),
        snd_una: field!(tp, OFF_SND_UNA, u32),
    };
    let mut flow = unsafe { flows::get(sk.cast_mut()) }.unwrap_or(core::ptr::null_mut());
    let (seen, cgroup, rules) = if flow.is_null() {
        let seen = unsafe { flows::seen(sk.cast_mut()) }?;
        unsafe {
            let generation = gate::generation();
            if (*seen).tcp.segs_out == 0 || (*seen).generation != generation {
                (*seen).cgroup = socket_cgroup(sk);
                (*seen).rules = gate::cgroup((*seen).cgroup).unwrap_or_default().rules;
                (*seen).generation = generation;
            }
            (&raw mut (*seen).tcp, (*seen).cgroup, (*seen).rules)
        }
    } else {
        let tcp = unsafe { &raw mut (*flow).tcp };
        unsafe {
            if (*tcp).segs_out == 0
                && let Some(before) = flows::seen_before(sk.cast_mut())
            {
                *tcp = (*before).tcp;
            }
            // The hooks of its cgroup come first, and have looked again if anything was said of cgroups since.
            if (*flow).cookie != 0 && (*flow).generation == gate::generation() {
                (tcp, (*flow).cgroup, (*flow).rules)
            } else {
                // It has ended, or is observed no more.
                flow = core::ptr::null_mut();
                let cgroup = socket_cgroup(sk);
                (tcp, cgroup, gate::cgroup(cgroup).unwrap_or_default().rules)
            }
        }
    };
    let mut old = unsafe { *seen };
    if AGAIN {
        old.mdev = now.mdev.wrapping_add(1);
    }
    unsafe { *seen = now };
    let first = old.segs_out == 0;
    let raw = sample(&old, &now, first);
    let bucket = if raw == NONE { NO_SAMPLE } else { bucket(raw as u32) as u32 };
    let segments = if first { 0 } else { now.segs_out.wrapping_sub(old.segs_out) };
    add(sk, cgroup, rules, More { segments, retransmits: 0, bucket });
    if !flow.is_null() {
        if bucket != NO_SAMPLE {
            add_sample(flow, bucket);
        }
        unsafe { send_buffer(sk, flow) };
    }
    Some(())
}

/// Notes how full the socket's send buffer is.
#[inline(always)]
unsafe fn send_buffer(sk: *const c_void, flow: *mut Flow) {
    let (used, limit) = (field!(sk, OFF_WMEM, i32).max(0) as u64, field!(sk, OFF_SNDBUF, i32).max(0) as u64);
    unsafe {
        (*flow).sndbuf_used = used as u32;
        (*flow).sndbuf_limit = limit as u32;
        // A division is dear, and to be fuller than ever is rare.
        if limit > 0 && used * 1000 >= (u64::from((*flow).sndbuf_peak) + 1) * limit {
            (*flow).sndbuf_peak = (used * 1000 / limit).min(u64::from(u16::MAX)) as u16;
        }
    }
}

/// A sample goes into the flow's histogram, or where it has none to its dependency at once: so the tails of a
/// dependency are complete.
#[inline(always)]
fn add_sample(flow: *mut Flow, bucket: u32) {
    if let Some(rtt) = unsafe { histograms::of(flow) } {
        unsafe {
            (*flow).rtt_samples += 1;
            if let Some(b) = (*rtt).rtt.get_mut(place(bucket)) {
                *b += 1;
            }
        }
        return;
    }
    let dep = fold::dependency(flow, false);
    if !dep.is_null() {
        unsafe {
            atomic::add(&raw mut (*dep).rtt_samples, 1);
            if let Some(b) = (*dep).rtt.get_mut(place(bucket)) {
                atomic::add32(b, 1);
            }
        }
    }
}

#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn inj_tcp_retr(ctx: BtfTracePointContext) -> i32 {
    let sk = ctx.arg::<*const c_void>(0);
    let cgroup = socket_cgroup(sk);
    let rules = gate::cgroup(cgroup).unwrap_or_default().rules;
    add(sk, cgroup, rules, More { segments: 0, retransmits: 1, bucket: NO_SAMPLE });
    if let Some(flow) = unsafe { flows::get(sk.cast_mut()) } {
        unsafe { atomic::add(&raw mut (*flow).retransmits, 1) };
    }
    0
}
