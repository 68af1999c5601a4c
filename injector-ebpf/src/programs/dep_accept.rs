//! How long connections wait to be accepted.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_skc_to_tcp_sock, macros::fexit, programs::FExitContext};
use injector_ebpf::dep::{ACCEPT, SPAN_SERVER};

use super::{
    dep::{self, TCP},
    kernel::field,
};

/// The new connection is what the function returns: it comes behind its arguments, of which there are two.
#[fexit(function = "inet_csk_accept")]
pub fn inj_dep_accept(ctx: FExitContext) -> i32 {
    let _ = accepted(ctx.arg(2));
    0
}

/// Before 6.10 there were four. One program with a choice would be a read at a variable offset.
#[fexit(function = "inet_csk_accept")]
pub fn inj_dep_accept4(ctx: FExitContext) -> i32 {
    let _ = accepted(ctx.arg(4));
    0
}

#[inline(always)]
fn accepted(sk: *const c_void) -> Option<()> {
    if sk.is_null() {
        return None;
    }
    let tp: *const c_void = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast();
    if tp.is_null() {
        return None;
    }
    let span = unsafe { dep::span(sk.cast_mut()) }?;
    let (began, state) = unsafe { ((*span).began, (*span).state) };
    if began == 0 || state & SPAN_SERVER == 0 {
        return None;
    }
    unsafe { (*span).began = 0 };
    let dep = dep::of_socket(sk, u16::from_be(field!(tp, OFF_TCP_SPORT, u16)), TCP)?;
    dep::sample(dep, ACCEPT, began, dep::now());
    Some(())
}
