//! The system calls that are tried by name: the commonest of disks, networks, memory and processes.

use std::{ffi::CString, os::fd::IntoRawFd as _};

/// Its name, and how a program calls it so that it can succeed; returns the errno, or 0.
pub type Named = (&'static str, Box<dyn Fn() -> i32>);

/// What a call came to.
fn errno(result: libc::c_long) -> i32 {
    if result == -1 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

macro_rules! calls {
    ($(($name:literal, $number:ident, $($argument:expr),*)),* $(,)?) => {
        vec![$((
            $name,
            Box::new(move || {
                // SAFETY: descriptors, buffers and paths were made for it and are never freed.
                errno(unsafe { libc::syscall(libc::$number, $($argument),*) })
            }) as Box<dyn Fn() -> i32>,
        )),*]
    };
}

fn file(path: &str) -> i32 {
    let file =
        std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    file.set_len(8192).unwrap();
    file.into_raw_fd()
}

fn path(text: &str) -> *const libc::c_char {
    CString::new(text).unwrap().into_raw()
}

fn leak<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Gives all of them, with what they need in this process, and removes it afterwards.
pub fn within<T>(f: impl FnOnce(Vec<Named>) -> T) -> T {
    let directory = tempfile::Builder::new().prefix("injector-calls-").tempdir().unwrap();
    f(named(directory.path().to_str().unwrap()))
}

fn named(directory: &str) -> Vec<Named> {
    let at = |name: &str| format!("{directory}/{name}");
    let data = file(&at("data"));
    let folder = std::fs::File::open(directory).unwrap().into_raw_fd();
    // SAFETY: plain calls.
    let (udp, tcp, poll) = unsafe {
        (
            libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0),
            libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0),
            libc::epoll_create1(0),
        )
    };
    let buffer = leak([0_u8; 4096]);
    let address = leak(libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 9_u16.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    });
    let parts = leak(libc::iovec { iov_base: buffer.cast(), iov_len: 16 });
    // SAFETY: all zeros is a message without anything.
    let message = leak(unsafe { std::mem::zeroed::<libc::msghdr>() });
    // SAFETY: just made.
    unsafe {
        ((*message).msg_iov, (*message).msg_iovlen) = (parts, 1);
        ((*message).msg_name, (*message).msg_namelen) = (address.cast(), 16);
    }
    let (four, one, event) = (leak(4_u32), leak(1_i32), leak([0_u8; 256]));
    let moment = leak(libc::timespec { tv_sec: 0, tv_nsec: 1000 });
    let (page, null) = (leak([0_u8; 12_288]) as usize & !4095, std::ptr::null_mut::<u8>());
    let (file_path, other, missing) = (path(&at("data")), path(&at("other")), path(&at("none")));
    let here = path(directory);
    calls![
        ("openat", SYS_openat, libc::AT_FDCWD, file_path, libc::O_RDONLY, 0),
        ("read", SYS_read, data, buffer, 16),
        ("write", SYS_write, data, buffer, 16),
        ("pread64", SYS_pread64, data, buffer, 16, 0),
        ("pwrite64", SYS_pwrite64, data, buffer, 16, 0),
        ("readv", SYS_readv, data, parts, 1),
        ("writev", SYS_writev, data, parts, 1),
        ("fsync", SYS_fsync, data),
        ("fdatasync", SYS_fdatasync, data),
        ("lseek", SYS_lseek, data, 0, libc::SEEK_SET),
        ("ftruncate", SYS_ftruncate, data, 8192),
        ("fallocate", SYS_fallocate, data, 0, 0, 4096),
        ("newfstatat", SYS_newfstatat, libc::AT_FDCWD, file_path, event, 0),
        ("statx", SYS_statx, libc::AT_FDCWD, file_path, 0, 0x7ff, event),
        ("fstat", SYS_fstat, data, event),
        ("mkdirat", SYS_mkdirat, libc::AT_FDCWD, other, 0o700),
        ("unlinkat", SYS_unlinkat, libc::AT_FDCWD, missing, 0),
        ("renameat2", SYS_renameat2, libc::AT_FDCWD, missing, libc::AT_FDCWD, missing, 0),
        ("getdents64", SYS_getdents64, folder, buffer, 4096),
        ("statfs", SYS_statfs, here, event),
        ("dup", SYS_dup, data),
        ("socket", SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0),
        ("connect", SYS_connect, udp, address, 16),
        ("bind", SYS_bind, tcp, address, 16),
        ("listen", SYS_listen, tcp, 1),
        ("accept4", SYS_accept4, tcp, null, null, 0),
        ("sendto", SYS_sendto, udp, buffer, 16, 0, address, 16),
        ("sendmsg", SYS_sendmsg, udp, message, 0),
        ("recvfrom", SYS_recvfrom, udp, buffer, 16, libc::MSG_DONTWAIT, null, null),
        ("recvmsg", SYS_recvmsg, udp, message, libc::MSG_DONTWAIT),
        ("setsockopt", SYS_setsockopt, udp, libc::SOL_SOCKET, libc::SO_BROADCAST, one, 4),
        ("getsockopt", SYS_getsockopt, udp, libc::SOL_SOCKET, libc::SO_BROADCAST, one, four),
        ("getsockname", SYS_getsockname, udp, event, four),
        ("shutdown", SYS_shutdown, udp, libc::SHUT_RD),
        ("epoll_create1", SYS_epoll_create1, 0),
        ("epoll_pwait", SYS_epoll_pwait, poll, event, 1, 0, null, 8),
        ("ppoll", SYS_ppoll, null, 0, moment, null, 8),
        ("mmap", SYS_mmap, null, 4096, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
        ("mprotect", SYS_mprotect, page, 4096, libc::PROT_READ | libc::PROT_WRITE),
        ("madvise", SYS_madvise, page, 4096, libc::MADV_NORMAL),
        ("execve", SYS_execve, missing, null, null),
        ("wait4", SYS_wait4, -1, null, libc::WNOHANG, null),
        ("getrandom", SYS_getrandom, buffer, 16, 0),
        ("clock_nanosleep", SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, 0, moment, null),
    ]
}
