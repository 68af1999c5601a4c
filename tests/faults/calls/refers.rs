//! Calls are told apart by what their descriptor refers to, and by whom they are for.

use std::{
    fs::File,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsRawFd as _, IntoRawFd as _, RawFd},
};

use super::{
    has_kprobe,
    which::{Case, errno, tell_apart},
    world,
};
use crate::support::skip;

const PLACE: &str = "/tmp/injector-refers-test";

/// A descriptor that stays open.
fn opened(path: &str) -> RawFd {
    File::open(path).unwrap().into_raw_fd()
}

/// What a call with nothing but a descriptor comes to.
fn with(number: libc::c_long, descriptor: RawFd) -> impl Fn() -> i32 + Clone + 'static {
    // SAFETY: what these calls write to is not there: an error either way.
    move || errno(unsafe { libc::syscall(number, descriptor, 0, 0) })
}

#[test]
fn by_what_the_descriptor_refers_to() {
    let Some(world) = world("by_what_the_descriptor_refers_to") else { return };
    std::fs::create_dir_all(format!("{PLACE}/d")).unwrap();
    std::os::unix::fs::symlink("d", format!("{PLACE}/link")).unwrap();
    for name in ["a.db", "other", "d/c"] {
        std::fs::write(format!("{PLACE}/{name}"), "x").unwrap();
    }
    tell_apart(&world, || {
        let at = |name: &str| format!("{PLACE}/{name}");
        let (pipe, _write) = nix::unistd::pipe().unwrap();
        let (pipe, socket) = (pipe.into_raw_fd(), UdpSocket::bind("127.0.0.1:0").unwrap().into_raw_fd());
        let other = opened(&at("other"));
        // It is gone before anybody else makes it anew: each process has its own.
        let gone = at(&format!("gone-{}", std::process::id()));
        std::fs::write(&gone, "x").unwrap();
        let removed = opened(&gone);
        std::fs::remove_file(&gone).unwrap();
        let (fsync, ioctl) = (libc::SYS_fsync, libc::SYS_ioctl);
        vec![
            Case::new("ioctl --fd pipe", with(ioctl, pipe), with(ioctl, other)),
            Case::new("ioctl --fd socket", with(ioctl, socket), with(ioctl, other)),
            Case::new("ioctl --fd device", with(ioctl, opened("/dev/null")), with(ioctl, 4242)),
            Case::new(
                &format!("fsync --exact --fd-path {PLACE}/d"),
                with(fsync, opened(&at("link/c"))),
                with(fsync, other),
            ),
            Case::new(
                &format!("fsync --exact --fd-path {PLACE}/*.db"),
                with(fsync, opened(&at("a.db"))),
                with(fsync, socket),
            ),
            Case::new(
                &format!("fsync --exact --fd-path {PLACE}/gone-*"),
                with(fsync, removed),
                with(fsync, pipe),
            ),
            // Through a mount.
            Case::new(
                "fsync --exact --fd-path /proc/*/status",
                with(fsync, opened("/proc/self/status")),
                with(fsync, opened("/proc/version")),
            ),
        ]
    });
    std::fs::remove_dir_all(PLACE).unwrap();
}

/// `read` is for sockets as well: of `@disk` only what a disk holds is meant.
#[test]
fn disk_means_reads_of_files_only() {
    let test = "disk_means_reads_of_files_only";
    let Some(world) = world(test) else { return };
    if !has_kprobe(&world)
        && skip(test, "an emulated guest loads fmod_ret programs for all of it longer than arming may take")
    {
        return;
    }
    std::fs::create_dir_all(PLACE).unwrap();
    std::fs::write(format!("{PLACE}/file"), "x").unwrap();
    tell_apart(&world, || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap().into_raw_fd();
        let file = opened(&format!("{PLACE}/file"));
        vec![Case::new("@disk", with(libc::SYS_read, file), with(libc::SYS_read, socket))]
    });
    std::fs::remove_dir_all(PLACE).unwrap();
}

/// An address as the kernel takes it, that is never freed.
fn sockaddr(address: &str) -> (*const libc::c_void, usize) {
    let address: SocketAddr = address.parse().unwrap();
    let port = address.port().to_be();
    match address.ip() {
        IpAddr::V4(ip) => {
            let made = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: port,
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                sin_zero: [0; 8],
            };
            (Box::into_raw(Box::new(made)).cast_const().cast(), size_of::<libc::sockaddr_in>())
        }
        IpAddr::V6(ip) => {
            let made = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as u16,
                sin6_port: port,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                sin6_scope_id: 0,
            };
            (Box::into_raw(Box::new(made)).cast_const().cast(), size_of::<libc::sockaddr_in6>())
        }
    }
}

fn datagrams(family: libc::c_int) -> RawFd {
    // SAFETY: plain call.
    unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) }
}

/// Connects a new socket for datagrams, which asks nobody.
fn connect(to: &'static str) -> impl Fn() -> i32 + Clone + 'static {
    move || {
        let socket = datagrams(if to.starts_with('[') { libc::AF_INET6 } else { libc::AF_INET });
        let (address, length) = sockaddr(to);
        // SAFETY: an address of this length.
        let came = errno(unsafe { libc::syscall(libc::SYS_connect, socket, address, length) });
        // SAFETY: our own.
        unsafe { libc::close(socket) };
        came
    }
}

/// Sends nothing to this address.
fn send_to(to: &'static str) -> impl Fn() -> i32 + Clone + 'static {
    let socket = datagrams(libc::AF_INET);
    move || {
        let (address, length) = sockaddr(to);
        // SAFETY: an address of this length.
        errno(unsafe { libc::syscall(libc::SYS_sendto, socket, 0, 0, 0, address, length) })
    }
}

/// The same by a message.
fn send_message(to: &'static str) -> impl Fn() -> i32 + Clone + 'static {
    let socket = datagrams(libc::AF_INET);
    move || {
        let (address, length) = sockaddr(to);
        // SAFETY: all zeros is a message without anything.
        let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
        (message.msg_name, message.msg_namelen) = (address.cast_mut().cast(), length as u32);
        // SAFETY: a message.
        errno(unsafe { libc::syscall(libc::SYS_sendmsg, socket, &raw const message, 0) })
    }
}

/// What a call comes to on a socket that is connected to this address.
fn connected(to: &'static str, number: libc::c_long) -> impl Fn() -> i32 + Clone + 'static {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(to).unwrap();
    let descriptor = socket.as_raw_fd();
    std::mem::forget(socket);
    // SAFETY: nothing is sent, and without an address.
    move || errno(unsafe { libc::syscall(number, descriptor, 0, 0, 0, 0, 0) })
}

#[test]
fn by_peer() {
    let Some(world) = world("by_peer") else { return };
    tell_apart(&world, || {
        let (sendto, shutdown) = (libc::SYS_sendto, libc::SYS_shutdown);
        vec![
            Case::new("connect --peer 127.0.1.1:7001", connect("127.0.1.1:7001"), connect("127.0.1.1:7002")),
            Case::new(
                "connect --peer 127.0.5.0/24 --except 127.0.5.9",
                connect("127.0.5.1:80"),
                connect("127.0.5.9:80"),
            ),
            Case::new("connect --peer [::1]:7003-7004", connect("[::1]:7004"), connect("[::1]:7005")),
            Case::new("sendto --exact --peer 127.0.6.1", send_to("127.0.6.1:9"), send_to("127.0.6.2:9")),
            Case::new(
                "sendmsg --exact --peer 127.0.6.3",
                send_message("127.0.6.3:9"),
                send_message("127.0.6.4:9"),
            ),
            Case::new(
                "sendto --exact --peer 127.0.7.1:9",
                connected("127.0.7.1:9", sendto),
                connected("127.0.7.2:9", sendto),
            ),
            Case::new(
                "shutdown --peer 127.0.7.0/24:90",
                connected("127.0.7.5:90", shutdown),
                connected("127.0.7.5:91", shutdown),
            ),
        ]
    });
}
