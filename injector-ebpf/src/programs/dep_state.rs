//! How long a TCP connection took to be established, and what went wrong with it: connects, resets, timeouts.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_skc_to_tcp_sock, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use injector_ebpf::{
    dep::{CONNECT, HANDSHAKE, NOT_SENT, RESET_RECEIVED, RESET_SENT, SPAN_CLIENT, SPAN_SERVER, TIMEOUT},
    flow::DepKey,
};

use super::{
    dep::{self, TCP, missed},
    gate,
    kernel::{field, socket_cgroup},
};

const ESTABLISHED: i32 = 1;
const SYN_SENT: i32 = 2;
const SYN_RECEIVED: i32 = 3;
const CLOSED: i32 = 7;

/// The socket as TCP's; null if it is none, or no full one (a request, one that waits for its time to be over).
#[inline(always)]
fn tcp(sk: *const c_void) -> *const c_void {
    unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast()
}

/// Its dependency. The local port is that of `inet_sport`: a closed socket has lost the other one.
#[inline(always)]
fn dependency(sk: *const c_void, tp: *const c_void) -> Option<DepKey> {
    dep::of_socket(sk, u16::from_be(field!(tp, OFF_TCP_SPORT, u16)), TCP)
}

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inj_dep_state(ctx: BtfTracePointContext) -> i32 {
    let _ = state(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

#[inline(always)]
fn state(sk: *const c_void, old: i32, new: i32) -> Option<()> {
    match (old, new) {
        (_, SYN_SENT) => begins(sk, SPAN_CLIENT),
        (SYN_RECEIVED, ESTABLISHED) => begins(sk, SPAN_SERVER),
        (SYN_SENT, ESTABLISHED | CLOSED) => ends(sk, new),
        _ => None,
    }
}

#[inline(always)]
fn begins(sk: *const c_void, side: u32) -> Option<()> {
    if tcp(sk).is_null() || !gate::watched(socket_cgroup(sk)) {
        return None;
    }
    let span = unsafe { dep::new_span(sk.cast_mut()) }?;
    unsafe {
        (*span).began = dep::now();
        (*span).state = side;
    }
    Some(())
}

#[inline(always)]
fn ends(sk: *const c_void, new: i32) -> Option<()> {
    let tp = tcp(sk);
    if tp.is_null() {
        return None;
    }
    let dep = dependency(sk, tp)?;
    if new == ESTABLISHED {
        return established(sk, dep);
    }
    let errno = field!(sk, OFF_SK_ERR, i32);
    let sent = field!(tp, OFF_SEGS_OUT, u32) != 0;
    dep::count(dep, CONNECT, if errno == 0 && !sent { NOT_SENT } else { errno as u32 }, 1);
    Some(())
}

/// The kernel does not run a program of a tracepoint within itself: then the begin was missed. Or it was before the cgroup
/// was watched.
#[inline(always)]
fn established(sk: *const c_void, dep: DepKey) -> Option<()> {
    let span = unsafe { dep::span(sk.cast_mut()) };
    let began = span.map_or(0, |span| unsafe { core::mem::take(&mut (*span).began) });
    if began == 0 {
        missed!(begins);
        return None;
    }
    dep::sample(dep, HANDSHAKE, began, dep::now());
    Some(())
}

/// A segment is sent again. It was not acknowledged in time if the kernel's count of timeouts in a row has grown; that
/// begins anew when anything is acknowledged.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn inj_dep_rto(ctx: BtfTracePointContext) -> i32 {
    let _ = again(ctx.arg(0));
    0
}

#[inline(always)]
fn again(sk: *const c_void) -> Option<()> {
    let tp = tcp(sk);
    if tp.is_null() {
        return None;
    }
    let timeouts = u32::from(field!(tp, OFF_TCP_RETRANSMITS, u8));
    if timeouts == 0 {
        return None;
    }
    let dep = dependency(sk, tp)?;
    let una = field!(tp, OFF_SND_UNA, u32);
    let span = unsafe { dep::new_span(sk.cast_mut()) }?;
    if unsafe { (*span).timeouts == timeouts && (*span).una == una } {
        return None;
    }
    unsafe {
        (*span).timeouts = timeouts;
        (*span).una = una;
    }
    dep::count(dep, TIMEOUT, 0, 1);
    Some(())
}

/// The socket is null where a packet for nobody is answered.
#[btf_tracepoint(function = "tcp_send_reset")]
pub fn inj_dep_rst_tx(ctx: BtfTracePointContext) -> i32 {
    let _ = reset(ctx.arg(0), RESET_SENT);
    0
}

/// Also of a connect that is refused, which is counted as such.
#[btf_tracepoint(function = "tcp_receive_reset")]
pub fn inj_dep_rst_rx(ctx: BtfTracePointContext) -> i32 {
    let _ = reset(ctx.arg(0), RESET_RECEIVED);
    0
}

#[inline(always)]
fn reset(sk: *const c_void, what: u32) -> Option<()> {
    if sk.is_null() {
        return None;
    }
    let tp = tcp(sk);
    if tp.is_null() || i32::from(field!(sk, OFF_SK_STATE, u8)) == SYN_SENT {
        return None;
    }
    dep::count(dependency(sk, tp)?, what, 0, 1);
    Some(())
}
