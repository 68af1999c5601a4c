//! Which peers a rule means: the address that a call brings along, or the one to which its socket is connected.

use aya_ebpf::{helpers::bpf_probe_read_user, maps::lpm_trie::Key};
use injector_ebpf::{
    call_means::{CALL_PEER, SHAPE_ADDRESS, SHAPE_FD, SHAPE_MESSAGE},
    rule::CALLS,
};

use super::{
    call_fd::{argument_of, inj_file},
    call_path::inj_with_path,
    call_which::{keep, read},
    kernel::offset,
    maps::{INJ_CALL_SHAPES, INJ_PEERS},
};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `S_IFSOCK` of an inode's mode, shifted.
const SOCKET: u16 = 12;

/// What an address in user memory holds; 0 if it can't be read.
#[inline(always)]
fn user<T: Default>(address: u64) -> T {
    unsafe { bpf_probe_read_user(address as *const T) }.unwrap_or_default()
}

/// IPv4, as the trie of peers has it.
#[inline(always)]
fn mapped(address: u32) -> [u32; 4] {
    [0, 0, 0xffff_u32.to_be(), address]
}

/// Of these rules those that mean a peer: its address in two halves, and its port in host order.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_peer_is(meant: u32, high: u64, low: u64, port: u32) -> u32 {
    let address = [high as u32, (high >> 32) as u32, low as u32, (low >> 32) as u32];
    let (named, left_out) = match INJ_PEERS.get(&Key::new(128, address)) {
        Some(rules) => (rules.meant, rules.left_out),
        None => (0, 0),
    };
    let port = port as u16;
    keep(meant, |index, rule| {
        rule.call.asks & CALL_PEER == 0
            || ((named & !left_out) >> (index & 15) & 1 != 0
                && rule.means.peer.holds(port)
                && (rule.means.except.high == 0 || !rule.means.except.holds(port)))
    })
}

/// The same for four words.
#[inline(always)]
fn peer_is(meant: u32, address: [u32; 4], port: u16) -> u32 {
    let half = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let [a, b, c, d] = address;
    inj_peer_is(meant, half(a, b), half(c, d), u32::from(port))
}

/// Those that ask for no peer.
#[inline(always)]
fn nobody(meant: u32) -> u32 {
    inj_with_path(meant, 0, CALL_PEER)
}

/// Those of these rules that mean the address in user memory (`struct sockaddr`).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_brought(meant: u32, address: u64) -> u32 {
    let port = u16::from_be(user(address + 2));
    match user::<u16>(address) {
        AF_INET => peer_is(meant, mapped(user(address + 4)), port),
        AF_INET6 => peer_is(meant, user(address + 8), port),
        _ => nobody(meant),
    }
}

/// Those of these rules that mean the peer to which a descriptor's socket is connected.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_connected(meant: u32, descriptor: u32) -> u32 {
    let field = |base: u64, offset: usize| base + offset as u64;
    let file = inj_file(descriptor);
    let inode = read::<u64>(field(file, unsafe { offset!(OFF_F_INODE) }));
    if file == 0 || read::<u16>(field(inode, unsafe { offset!(OFF_I_MODE) })) >> 12 != SOCKET {
        return nobody(meant);
    }
    let socket = read::<u64>(field(file, unsafe { offset!(OFF_F_PRIVATE) }));
    let sk = read::<u64>(field(socket, unsafe { offset!(OFF_SOCKET_SK) }));
    let family = read::<u16>(field(sk, unsafe { offset!(OFF_FAMILY) }));
    // Of sockets of other families the field is something else.
    let port = u16::from_be(read(field(sk, unsafe { offset!(OFF_DPORT) })));
    match family {
        AF_INET if port != 0 => peer_is(meant, mapped(read(field(sk, unsafe { offset!(OFF_DADDR) }))), port),
        AF_INET6 if port != 0 => peer_is(meant, read(field(sk, unsafe { offset!(OFF_DADDR6) })), port),
        _ => nobody(meant),
    }
}

/// Those of these rules that mean the call's peer. Who names none in the call means the one to which it is connected.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_with_peer(meant: u32, number: u64, registers: u64) -> u32 {
    let shape = INJ_CALL_SHAPES.get((number % CALLS as u64) as u32).copied().unwrap_or(0);
    // The first field of `struct msghdr` is the address.
    let message = argument_of(shape, SHAPE_MESSAGE, registers).map_or(0, user::<u64>);
    let address = argument_of(shape, SHAPE_ADDRESS, registers).unwrap_or(message);
    if address != 0 {
        return inj_brought(meant, address);
    }
    match argument_of(shape, SHAPE_FD, registers) {
        Some(descriptor) => inj_connected(meant, descriptor as u32),
        None => nobody(meant),
    }
}
