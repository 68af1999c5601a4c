//! Datagrams and what answers them: DNS by query, everything else by peer.

use aya_ebpf::{
    bindings::{__sk_buff, BPF_ANY, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_sk_cgroup_id},
};
use injector_ebpf::{
    dep::{
        DATAGRAM, DNS, DNS_CODE, DNS_TIMEOUT, OVERLAP, QUERY_NS, Query, QueryKey, SPAN_ASKED, SPAN_OVERLAP,
    },
    flow::DepKey,
};

use super::{
    dep::{self, UDP, missed},
    dep_wire::{load, of, transport},
    gate,
    maps::INJ_DEP_QUERY,
};

const DNS_PORT: u16 = 53;
/// In the flags of a DNS message: it is an answer.
const ANSWER: u16 = 0x8000;
/// Its code.
const CODE: u16 = 15;

/// The other end, and whose socket it is.
struct Peer {
    dep: DepKey,
    transport: u32,
}

/// None for the service's side, and where nobody is watched.
#[inline(always)]
fn peer(skb: *mut __sk_buff, sk: *mut bpf_sock, out: bool) -> Option<Peer> {
    let transport = transport(skb, 17);
    if transport == 0 {
        return None;
    }
    let ports: [u16; 2] = load(skb, transport)?;
    let port = u16::from_be(if out { ports[1] } else { ports[0] });
    if of!(sk, src_port) <= u32::from(port) {
        return None;
    }
    let cgroup = unsafe { bpf_sk_cgroup_id(sk.cast()) };
    if !gate::watched(cgroup) {
        return None;
    }
    let mut remote = [0, 0, 0xffff_u32.to_be(), 0];
    if transport != 40 || load::<u8>(skb, 0)? >> 4 == 4 {
        remote[3] = load(skb, if out { 16 } else { 12 })?;
    } else {
        remote = load(skb, if out { 24 } else { 8 })?;
    }
    Some(Peer { dep: DepKey { cgroup, remote, port, local: 0, protocol: UDP }, transport })
}

#[inline(always)]
pub fn sends(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    let Peer { dep, transport } = peer(skb, sk, true)?;
    if dep.port == DNS_PORT {
        return asks(skb, dep, transport);
    }
    let span = unsafe { dep::new_span(sk.cast()) }?;
    let state = unsafe { (*span).state };
    let same = unsafe { (*span).peer == dep.remote && (*span).port == u32::from(dep.port) };
    if state & SPAN_ASKED != 0 && same {
        unsafe { (*span).state = state | SPAN_OVERLAP };
        return None;
    }
    unsafe {
        (*span).peer = dep.remote;
        (*span).port = u32::from(dep.port);
        (*span).asked = dep::now();
        (*span).state = SPAN_ASKED;
    }
    Some(())
}

#[inline(always)]
pub fn receives(skb: *mut __sk_buff, sk: *mut bpf_sock) -> Option<()> {
    let Peer { dep, transport } = peer(skb, sk, false)?;
    if dep.port == DNS_PORT {
        return answered(skb, dep, transport);
    }
    let span = unsafe { dep::span(sk.cast()) }?;
    let state = unsafe { (*span).state };
    let same = unsafe { (*span).peer == dep.remote && (*span).port == u32::from(dep.port) };
    if state & SPAN_ASKED == 0 || !same {
        return None;
    }
    unsafe { (*span).state = 0 };
    if state & SPAN_OVERLAP != 0 {
        dep::count(dep, OVERLAP, DATAGRAM, 1);
    } else {
        dep::sample(dep, DATAGRAM, unsafe { (*span).asked }, dep::now());
    }
    Some(())
}

#[inline(always)]
fn query(skb: *mut __sk_buff, dep: &DepKey, id: u16) -> QueryKey {
    let socket = unsafe { bpf_get_socket_cookie(skb.cast()) };
    QueryKey { socket, peer: dep.remote, id: u32::from(id), pad: 0 }
}

/// A query that is sent again is measured from the first time on.
#[inline(always)]
fn asks(skb: *mut __sk_buff, dep: DepKey, transport: u32) -> Option<()> {
    let [id, flags]: [u16; 2] = load(skb, transport + 8)?;
    if u16::from_be(flags) & ANSWER != 0 {
        return None;
    }
    let key = query(skb, &dep, id);
    let at = dep::now();
    if let Some(before) = INJ_DEP_QUERY.get_ptr_mut(&key) {
        if at.wrapping_sub(unsafe { (*before).at }) < QUERY_NS {
            return None;
        }
        dep::count(dep, DNS_TIMEOUT, 0, 1);
    }
    if INJ_DEP_QUERY.insert(&key, &Query { at, dep }, u64::from(BPF_ANY)).is_err() {
        missed!(queries_full);
    }
    Some(())
}

#[inline(always)]
fn answered(skb: *mut __sk_buff, dep: DepKey, transport: u32) -> Option<()> {
    let [id, flags]: [u16; 2] = load(skb, transport + 8)?;
    let flags = u16::from_be(flags);
    if flags & ANSWER == 0 {
        return None;
    }
    let key = query(skb, &dep, id);
    let began = unsafe { (*INJ_DEP_QUERY.get_ptr_mut(&key)?).at };
    let _swept = INJ_DEP_QUERY.remove(&key);
    let ended = dep::now();
    if ended.wrapping_sub(began) >= QUERY_NS {
        dep::count(dep, DNS_TIMEOUT, 0, 1);
        return None;
    }
    dep::sample(dep, DNS, began, ended);
    if flags & CODE != 0 {
        dep::count(dep, DNS_CODE, u32::from(flags & CODE), 1);
    }
    Some(())
}
