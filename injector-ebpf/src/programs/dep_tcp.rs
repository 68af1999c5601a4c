//! The first byte of an answer after the last byte of its request, where one can tell which answer is whose.
//!
//! A client sends (a request), then receives (its answer), then sends again. That fails in two ways, and both can be seen:
//! an answer whose acknowledgement does not cover all that was sent was on its way before the request was complete; and
//! who sends more after all that was sent is acknowledged, and before anything has come, has two requests open (or is
//! slow to write one). Neither gives a time; both are counted.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock, bpf_tcp_sock},
    helpers::generated::{bpf_sk_cgroup_id, bpf_tcp_sock as tcp_sock},
};
use injector_ebpf::{
    dep::{FIRST_BYTE, OVERLAP, SPAN_ASKED, SPAN_CLIENT, SPAN_OVERLAP, SPAN_SERVER, Span},
    flow::DepKey,
};

use super::{
    dep::{self, TCP},
    dep_wire::{load, of, transport},
    gate,
};

const AF_INET: u32 = 2;

/// The start of a TCP header.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    ports: [u16; 2],
    seq: u32,
    ack: u32,
    /// Its length in words, in the upper half.
    length: u8,
    flags: u8,
}

/// What of a segment is of interest, in host order; without data there is none.
struct Segment {
    seq: u32,
    ack: u32,
    data: u32,
}

#[inline(always)]
fn segment(skb: *mut __sk_buff) -> Option<Segment> {
    let at = transport(skb, 6);
    if at == 0 {
        return None;
    }
    let header: Header = load(skb, at)?;
    let headers = at + u32::from(header.length >> 4) * 4;
    let len = unsafe { (*skb).len };
    if len <= headers {
        return None;
    }
    Some(Segment { seq: u32::from_be(header.seq), ack: u32::from_be(header.ack), data: len - headers })
}

#[inline(always)]
fn tcp(sk: *mut bpf_sock) -> Option<*mut bpf_tcp_sock> {
    let tp = unsafe { tcp_sock(sk) };
    if tp.is_null() { None } else { Some(tp) }
}

/// What is under way on a client's connection. Of one that was there before us the ports tell which side is ours.
#[inline(always)]
fn client(sk: *mut bpf_sock) -> Option<*mut Span> {
    let span = match unsafe { dep::span(sk.cast()) } {
        Some(span) => span,
        None => {
            if !gate::watched(unsafe { bpf_sk_cgroup_id(sk.cast()) }) {
                return None;
            }
            let span = unsafe { dep::new_span(sk.cast()) }?;
            let local = of!(sk, src_port);
            let remote = u32::from(u16::from_be(of!(sk, dst_port)));
            unsafe { (*span).state = if local > remote { SPAN_CLIENT } else { SPAN_SERVER } };
            span
        }
    };
    if unsafe { (*span).state } & SPAN_CLIENT == 0 { None } else { Some(span) }
}

#[inline(always)]
pub fn sends(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    let span = client(sk)?;
    let segment = segment(skb)?;
    let tp = tcp(sk)?;
    let (next, una) = (of!(tp, snd_nxt), of!(tp, snd_una));
    // What is sent again was asked before.
    if segment.seq != next {
        return None;
    }
    let state = unsafe { (*span).state };
    let overlap = state & SPAN_ASKED != 0 && una == next;
    // TCP stamps its packets by the monotonic clock: that costs nothing more.
    let stamp = unsafe { (*skb).tstamp };
    unsafe {
        (*span).asked = if stamp != 0 { stamp } else { dep::now() };
        (*span).state = state | SPAN_ASKED | if overlap { SPAN_OVERLAP } else { 0 };
    }
    Some(())
}

#[inline(always)]
pub fn receives(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    let span = unsafe { dep::span(sk.cast()) }?;
    let state = unsafe { (*span).state };
    if state & SPAN_CLIENT == 0 || state & SPAN_ASKED == 0 {
        return None;
    }
    let segment = segment(skb)?;
    let tp = tcp(sk)?;
    // What came before says nothing of the request.
    let end = segment.seq.wrapping_add(segment.data);
    if (end.wrapping_sub(of!(tp, rcv_nxt)) as i32) <= 0 {
        return None;
    }
    unsafe { (*span).state = state & !(SPAN_ASKED | SPAN_OVERLAP) };
    let dep = dependency(sk)?;
    if state & SPAN_OVERLAP != 0 || segment.ack != of!(tp, snd_nxt) {
        dep::count(dep, OVERLAP, FIRST_BYTE, 1);
    } else {
        dep::sample(dep, FIRST_BYTE, unsafe { (*span).asked }, dep::now());
    }
    Some(())
}

#[inline(always)]
fn dependency(sk: *mut bpf_sock) -> Option<DepKey> {
    // All words first, the choice after: the verifier refuses loads from a socket with a variable offset.
    let v4 = of!(sk, dst_ip4);
    let v6 = [of!(sk, dst_ip6[0]), of!(sk, dst_ip6[1]), of!(sk, dst_ip6[2]), of!(sk, dst_ip6[3])];
    let remote = if of!(sk, family) == AF_INET { [0, 0, 0xffff_u32.to_be(), v4] } else { v6 };
    let cgroup = unsafe { bpf_sk_cgroup_id(sk.cast()) };
    Some(DepKey::between(cgroup, remote, u16::from_be(of!(sk, dst_port)), of!(sk, src_port) as u16, TCP))
}
