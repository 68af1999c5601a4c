//! Empty programs, and observing a packet with a hash of flows in place of what lives in the socket.

use aya_ebpf::{
    bindings::bpf_sock,
    helpers::generated::{bpf_get_socket_cookie, bpf_jiffies64, bpf_sk_fullsock},
    macros::{btf_tracepoint, cgroup_skb, map},
    maps::{Array, LruHashMap},
    programs::{BtfTracePointContext, SkBuffContext},
};

use crate::atomic;

/// IPv4 addresses, ports and protocol.
type Key = [u32; 4];

/// What a packet changes of a flow.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counts {
    packets: u64,
    bytes: u64,
    more: u64,
    last: u64,
}

#[map]
static BENCH_FLOWS: LruHashMap<Key, Counts> = LruHashMap::with_max_entries(131_072, 0);

macro_rules! read {
    ($sk:expr, $($field:tt)+) => {
        core::ptr::read_volatile(&raw const (*$sk).$($field)+)
    };
}

#[cgroup_skb]
pub fn bench_empty(_ctx: SkBuffContext) -> i32 {
    1
}

#[cgroup_skb]
pub fn bench_hash(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return 1;
    }
    let sk: *mut bpf_sock = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return 1;
    }
    let key = unsafe {
        let ports = read!(sk, src_port) | u32::from(read!(sk, dst_port)) << 16;
        [read!(sk, src_ip4), read!(sk, dst_ip4), ports, read!(sk, protocol)]
    };
    let flow = match BENCH_FLOWS.get_ptr_mut(&key) {
        Some(flow) => flow,
        None => {
            let _ = BENCH_FLOWS.insert(&key, &Counts { packets: 0, bytes: 0, more: 0, last: 0 }, 0);
            match BENCH_FLOWS.get_ptr_mut(&key) {
                Some(flow) => flow,
                None => return 1,
            }
        }
    };
    unsafe {
        atomic::add(&raw mut (*flow).packets, 1);
        atomic::add(&raw mut (*flow).bytes, u64::from((*skb).len));
        let segments = (*skb).gso_segs;
        if segments > 1 {
            atomic::add(&raw mut (*flow).more, u64::from(segments - 1));
        }
        (*flow).last = bpf_jiffies64();
    }
    1
}

/// What no way to count by socket can do without: something of the socket's own is written. No address is looked up, and
/// nobody looks whose place this is.
#[repr(C)]
#[derive(Clone, Copy)]
struct Line {
    counts: Counts,
    pad: [u64; 4],
}

const LINES: u32 = 262_144;

#[map]
static BENCH_LINES: Array<Line> = Array::with_max_entries(LINES, 0);

#[cgroup_skb]
pub fn bench_line(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    let Some(line) = BENCH_LINES.get_ptr_mut(cookie as u32 % LINES) else { return 1 };
    unsafe {
        let counts = &raw mut (*line).counts;
        (*counts).packets += 1;
        (*counts).bytes += u64::from((*skb).len);
        (*counts).last = bpf_jiffies64();
    }
    1
}

#[btf_tracepoint(function = "tcp_probe")]
pub fn bench_probe(_ctx: BtfTracePointContext) -> i32 {
    0
}
