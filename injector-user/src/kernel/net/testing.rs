//! Helpers of the tests that need root: namespaces of their own and a trivial program.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};

use super::{BpfFilter, FilterAction, Netns, Rtnl, device_name, errno_of, tag};
use crate::plan::{Shape, Side};

const INSTANCE: &str = "0a1b2c3d";

/// A new, empty network namespace with lo up, or None after saying why the test is skipped.
pub fn fresh_netns(test: &str) -> Option<Netns> {
    let make = || -> Result<Netns> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Netns::current()
    };
    let made = std::thread::spawn(make).join().expect("thread");
    let ready = made.and_then(|ns| ip(&ns, "link set lo up").map(|()| ns));
    ready.map_err(|error| println!("SKIP {test}: needs root ({error:#})")).ok()
}

/// Runs `ip <args>` in `ns`. Tests only: the product never does.
pub fn ip(ns: &Netns, args: &str) -> Result<()> {
    ns.run(|| {
        let status = Command::new("ip").args(args.split(' ')).status().context("ip")?;
        ensure!(status.success(), "ip {args}: {status}");
        Ok(())
    })
}

/// Two namespaces joined by a veth pair: `left` at 10.99.0.1/24 in the first, `right` at 10.99.0.2/24 in the second. Without
/// IPv6, which would send packets of its own among those that are counted.
pub fn joined(test: &str) -> Option<(Netns, Netns)> {
    let (a, b) = (fresh_netns(test)?, fresh_netns(test)?);
    // A path to `b` that ip(8) can open from another thread.
    use std::os::fd::AsFd;
    let path = format!("/proc/{}/fd/{}", std::process::id(), b.as_fd().as_raw_fd());
    for ns in [&a, &b] {
        let setting = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
        ns.run(|| Ok(std::fs::write(setting, "1")?)).expect("no IPv6");
    }
    ip(&a, &format!("link add left type veth peer name right netns {path}")).expect("veth");
    for (ns, name, host) in [(&a, "left", 1), (&b, "right", 2)] {
        ip(ns, &format!("addr add 10.99.0.{host}/24 dev {name}")).expect("address");
        ip(ns, &format!("link set {name} up")).expect("up");
    }
    Some((a, b))
}

/// The address of the second namespace of [`joined`].
pub const RIGHT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));

/// A veth pair whose left end sends all packets of one side through a device of ours.
pub struct Shaped {
    pub a: Netns,
    pub b: Netns,
    /// The device's ifindex, in `a`.
    pub ifb: u32,
    pub _program: OwnedFd,
}

/// [`joined`], with a device of this shape and a filter that selects every packet; None if the kernel lacks the qdisc.
pub fn shaped(test: &str, side: Side, shape: &Shape) -> Option<Shaped> {
    let (a, b) = joined(test)?;
    let mut rtnl = Rtnl::open(&a).expect("open");
    let ifb = rtnl.add_ifb(&device_name(INSTANCE, 0), &tag(INSTANCE, "delay")).expect("ifb");
    match rtnl.set_shape(ifb, shape) {
        Err(error) if errno_of(&error) == Some(libc::ENOENT) => {
            println!("SKIP {test}: needs a qdisc ({error:#})");
            return None;
        }
        other => other.expect("shape"),
    }
    let left = index_of(&mut rtnl, "left");
    let program = program(-1).expect("program");
    rtnl.ensure_clsact(left).expect("clsact");
    let name = tag(INSTANCE, "delay");
    let prog_fd = program.as_raw_fd();
    let action = FilterAction::RedirectTo(ifb);
    let filter = BpfFilter { side, prio: 1, handle: 1, prog_fd, name: &name, action };
    rtnl.add_bpf_filter(left, &filter).expect("filter");
    Some(Shaped { a, b, ifb, _program: program })
}

/// The ifindex of a link that is there.
pub fn index_of(rtnl: &mut Rtnl, name: &str) -> u32 {
    rtnl.links().expect("links").into_iter().find(|link| link.name == name).expect("the link").index
}

/// A datagram socket inside `ns` that waits no longer than 2 s.
pub fn bind(ns: &Netns) -> UdpSocket {
    let socket = ns.run(|| Ok(UdpSocket::bind("0.0.0.0:0")?)).expect("bind");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("timeout");
    socket
}

/// Round trip of one datagram from `from` to `to`, both of this process, and back.
pub fn round_trip(from: &UdpSocket, to: &UdpSocket) -> Result<Duration> {
    let start = Instant::now();
    from.send_to(b"x", (RIGHT, to.local_addr()?.port()))?;
    let (_, peer) = to.recv_from(&mut [0; 8])?;
    to.send_to(b"x", peer)?;
    from.recv_from(&mut [0; 8])?;
    Ok(start.elapsed())
}

/// Loads a SCHED_CLS program that always returns `value`.
pub fn program(value: i32) -> Result<OwnedFd> {
    named_program(value, "")
}

/// The same with a name of at most 15 bytes.
pub fn named_program(value: i32, name: &str) -> Result<OwnedFd> {
    // struct bpf_insn: opcode, registers, offset, immediate. r0 = value; exit.
    let mut insns = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    insns[4..8].copy_from_slice(&value.to_ne_bytes());
    let license = c"GPL";
    // union bpf_attr for BPF_PROG_LOAD: type SCHED_CLS, instruction count, instructions, licence; the rest zero.
    let mut attr = [0u64; 16];
    // The name is at 48.
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    for (word, part) in attr[6..].iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(part.try_into()?);
    }
    attr[0] = 3 | 2 << 32;
    attr[1] = insns.as_ptr() as u64;
    attr[2] = license.as_ptr() as u64;
    // SAFETY: attr, insns and license outlive the call and have the lengths that it is told.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 5, attr.as_ptr(), size_of_val(&attr)) };
    ensure!(fd >= 0, "BPF_PROG_LOAD: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
