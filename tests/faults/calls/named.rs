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

/// So many times a call can be made that takes its object away, or makes it.
const TIMES: usize = 12;

/// A call that is made with another path each time: `make` has made what is there.
fn anew(
    below: &str,
    name: &'static str,
    make: impl Fn(&str),
    call: impl Fn(*const libc::c_char) -> i32 + 'static,
) -> Named {
    let paths: Vec<String> = (0..TIMES).map(|number| format!("{below}/{name}{number}")).collect();
    paths.iter().for_each(|path| make(path));
    let paths: Vec<_> = paths.iter().map(|text| path(text)).collect();
    let next = std::cell::Cell::new(0);
    (
        name,
        Box::new(move || {
            let number = next.replace(next.get() + 1);
            call(paths[number % TIMES])
        }),
    )
}

/// Two calls that come by different hooks: what both came to, or -1.
fn both(one: i32, other: i32) -> i32 {
    if one == other { one } else { -1 }
}

/// What each call makes or takes away.
fn consuming(directory: &str, data: *const libc::c_char) -> Vec<Named> {
    let at = libc::AT_FDCWD;
    let touch = |path: &str| drop(std::fs::File::create(path).unwrap());
    let nothing = |_: &str| {};
    // SAFETY: the paths are never freed.
    unsafe {
        vec![
            anew(directory, "mkdirat", nothing, move |path| {
                errno(libc::syscall(libc::SYS_mkdirat, at, path, 0o700))
            }),
            anew(
                directory,
                "unlinkat",
                |path| {
                    touch(path);
                    std::fs::create_dir(format!("{path}d")).unwrap();
                },
                move |path| {
                    let folder =
                        CString::new([std::ffi::CStr::from_ptr(path).to_bytes(), b"d"].concat()).unwrap();
                    let call = |path: *const libc::c_char, flags: i32| {
                        errno(libc::syscall(libc::SYS_unlinkat, at, path, flags))
                    };
                    both(call(path, 0), call(folder.as_ptr(), libc::AT_REMOVEDIR))
                },
            ),
            anew(directory, "renameat2", touch, move |path| {
                let to = CString::new([std::ffi::CStr::from_ptr(path).to_bytes(), b"x"].concat()).unwrap();
                errno(libc::syscall(libc::SYS_renameat2, at, path, at, to.as_ptr(), 0))
            }),
            anew(directory, "linkat", nothing, move |path| {
                errno(libc::syscall(libc::SYS_linkat, at, data, at, path, 0))
            }),
            anew(directory, "symlinkat", nothing, move |path| {
                errno(libc::syscall(libc::SYS_symlinkat, data, at, path))
            }),
            // A pipe, and a plain file, which is another hook's.
            anew(directory, "mknodat", nothing, move |path| {
                let plain = CString::new([std::ffi::CStr::from_ptr(path).to_bytes(), b"f"].concat()).unwrap();
                let call = |path: *const libc::c_char, kind: u32| {
                    errno(libc::syscall(libc::SYS_mknodat, at, path, kind, 0))
                };
                both(call(path, libc::S_IFIFO | 0o600), call(plain.as_ptr(), libc::S_IFREG | 0o600))
            }),
        ]
    }
}

/// A child that ends at once.
fn fork() -> i32 {
    // SAFETY: the child does nothing but end, by a call that is never failed.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
        if child == 0 {
            libc::syscall(libc::SYS_exit_group, 0);
        }
        errno(child)
    }
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
    let (file_path, program, link) = (path(&at("data")), path(&at("program")), path(&at("link")));
    std::fs::write(at("program"), "no program").unwrap();
    std::fs::set_permissions(at("program"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink("data", at("link")).unwrap();
    let here = path(directory);
    let (attribute, value, pair) = (path("user.injector"), path("x"), leak([0_i32; 2]));
    let (limits, header) = (leak([u64::MAX; 2]), leak([0x2008_0522_u32, 0]));
    // SAFETY: plain call.
    let (parent, me) = unsafe { (libc::getppid(), libc::getpid()) };
    let mut all = consuming(directory, file_path);
    all.push(("clone", Box::new(fork)));
    all.extend(calls![
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
        ("execve", SYS_execve, program, null, null),
        ("wait4", SYS_wait4, -1, null, libc::WNOHANG, null),
        ("getrandom", SYS_getrandom, buffer, 16, 0),
        ("clock_nanosleep", SYS_clock_nanosleep, libc::CLOCK_MONOTONIC, 0, moment, null),
        ("ioctl", SYS_ioctl, data, libc::FIONREAD, four),
        ("fcntl", SYS_fcntl, data, libc::F_GETFD),
        ("flock", SYS_flock, data, libc::LOCK_SH),
        ("fchmodat", SYS_fchmodat, libc::AT_FDCWD, file_path, 0o600),
        ("fchownat", SYS_fchownat, libc::AT_FDCWD, file_path, 0, 0, 0),
        ("utimensat", SYS_utimensat, libc::AT_FDCWD, file_path, null, 0),
        ("readlinkat", SYS_readlinkat, libc::AT_FDCWD, link, buffer, 64),
        ("getxattr", SYS_getxattr, file_path, attribute, buffer, 64),
        ("setxattr", SYS_setxattr, file_path, attribute, value, 1, 0),
        ("listxattr", SYS_listxattr, file_path, buffer, 64),
        ("removexattr", SYS_removexattr, file_path, attribute),
        // There is no such filesystem.
        ("mount", SYS_mount, value, here, value, 0, null),
        ("socketpair", SYS_socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, pair),
        ("getpeername", SYS_getpeername, udp, event, four),
        ("kill", SYS_kill, me, 0),
        ("prlimit64", SYS_prlimit64, 0, libc::RLIMIT_MSGQUEUE, limits, null),
        ("prctl", SYS_prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0),
        ("setpgid", SYS_setpgid, 0, 0),
        ("process_vm_readv", SYS_process_vm_readv, parent, parts, 1_usize, parts, 1_usize, 0_usize),
        ("capget", SYS_capget, header, buffer),
    ]);
    all
}
