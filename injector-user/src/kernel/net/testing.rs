//! Helpers of the tests that need root: namespaces of their own and a trivial program.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};

use super::Netns;

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

/// Two namespaces joined by a veth pair: `left` at 10.99.0.1/24 in the first, `right` at 10.99.0.2/24 in the second.
pub fn joined(test: &str) -> Option<(Netns, Netns)> {
    let (a, b) = (fresh_netns(test)?, fresh_netns(test)?);
    // A path to `b` that ip(8) can open from another thread.
    use std::os::fd::{AsFd, AsRawFd};
    let path = format!("/proc/{}/fd/{}", std::process::id(), b.as_fd().as_raw_fd());
    ip(&a, &format!("link add left type veth peer name right netns {path}")).expect("veth");
    for (ns, name, host) in [(&a, "left", 1), (&b, "right", 2)] {
        ip(ns, &format!("addr add 10.99.0.{host}/24 dev {name}")).expect("address");
        ip(ns, &format!("link set {name} up")).expect("up");
    }
    Some((a, b))
}

/// The address of the second namespace of [`joined`].
pub const RIGHT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));

/// Loads a SCHED_CLS program that always returns `value`.
pub fn program(value: i32) -> Result<OwnedFd> {
    // struct bpf_insn: opcode, registers, offset, immediate. r0 = value; exit.
    let mut insns = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    insns[4..8].copy_from_slice(&value.to_ne_bytes());
    let license = c"GPL";
    // union bpf_attr for BPF_PROG_LOAD: type SCHED_CLS, instruction count, instructions, licence; the rest zero.
    let mut attr = [0u64; 16];
    attr[0] = 3 | 2 << 32;
    attr[1] = insns.as_ptr() as u64;
    attr[2] = license.as_ptr() as u64;
    // SAFETY: attr, insns and license outlive the call and have the lengths that it is told.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 5, attr.as_ptr(), size_of_val(&attr)) };
    ensure!(fd >= 0, "BPF_PROG_LOAD: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
