//! What is observed of a socket is charged to it (`optmem_max`, 20 KiB up to 6.12): its program must not notice.

use std::{
    mem::size_of_val,
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket},
};

use crate::support::{World, kernel, same_in_every_guest};

/// `struct sock_filter` and `struct sock_fprog` of linux/filter.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Filter(u16, u8, u8, u32);

#[repr(C)]
struct Program {
    length: u16,
    filter: *const Filter,
}

fn set<T>(socket: &impl std::os::fd::AsRawFd, level: i32, option: i32, value: &T) -> Result<(), i32> {
    let size = size_of_val(value) as u32;
    // SAFETY: a valid descriptor, and a value of that size.
    let ret = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), size)
    };
    if ret == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}

/// Takes every packet, by so many instructions.
fn attach(socket: &impl std::os::fd::AsRawFd, length: usize) -> Result<(), i32> {
    let mut filter = vec![Filter(0, 0, 0, 0); length];
    filter[length - 1] = Filter(6, 0, 0, u32::MAX);
    set(
        socket,
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        &Program { length: length as u16, filter: filter.as_ptr() },
    )
}

/// A socket that has sent and received: it has its flow.
fn datagrams(v6: bool) -> UdpSocket {
    let socket = UdpSocket::bind(if v6 { "[::1]:0" } else { "127.0.0.1:0" }).unwrap();
    let own = socket.local_addr().unwrap();
    for _ in 0..3 {
        socket.send_to(b"x", own).unwrap();
        socket.recv(&mut [0]).unwrap();
    }
    socket
}

/// All that is charged to sockets, as much as programs use of it: what each call answered.
fn calls() -> String {
    let mut answers = Vec::new();
    let v4 = datagrams(false);
    for n in 0..21_u8 {
        let group = [Ipv4Addr::new(239, 1, 1, n).octets(), [127, 0, 0, 1]];
        answers.push(set(&v4, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &group));
    }
    // Group, interface, MCAST_INCLUDE, ten sources.
    let mut sources = vec![
        u32::from_ne_bytes([239, 1, 1, 1]),
        u32::from_ne_bytes([127, 0, 0, 1]),
        1_u32.to_ne_bytes()[0].into(),
        10,
    ];
    sources.extend((1..=10_u8).map(|n| u32::from_ne_bytes([10, 0, 0, n])));
    let msfilter: [u32; 14] = sources.try_into().unwrap();
    answers.push(set(&v4, libc::IPPROTO_IP, 41, &msfilter));
    let v6 = datagrams(true);
    for n in 0..100_u16 {
        let group = (Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, n).octets(), 1_u32);
        answers.push(set(&v6, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &group));
    }
    answers.push(attach(&datagrams(false), 1_000));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for _ in 0..20 {
        std::io::Write::write_all(&mut client, b"x").unwrap();
        std::io::Read::read_exact(&mut server, &mut [0]).unwrap();
        std::io::Write::write_all(&mut server, b"x").unwrap();
        std::io::Read::read_exact(&mut client, &mut [0]).unwrap();
    }
    answers.push(attach(&client, 1_000));
    answers.push(attach(&server, 1_000));
    // How far it goes: until the kernel has no more for it.
    let full = datagrams(true);
    let more = |n: &u16| {
        let group = (Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 2, *n).octets(), 1_u32);
        set(&full, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &group).is_ok()
    };
    let groups = (0..10_000).take_while(more).count();
    format!("{answers:?}|{groups}")
}

/// The same calls, with and without observation, have the same answers.
#[test]
fn calls_that_are_charged_to_a_socket_do_not_fail_because_of_us() {
    if same_in_every_guest("calls_that_are_charged_to_a_socket_do_not_fail_because_of_us") {
        return;
    }
    let world = World::new();
    let alone = world.in_victim(calls).join();
    // Watched for 5 s from now on.
    world.daemon.json(&format!("flows --target {}", world.target()));
    let observed = world.in_victim(calls).join();
    let doc = world.daemon.json(&format!("flows --target {}", world.target()));
    let ended: u64 =
        doc["dependencies"].as_array().unwrap().iter().map(|dep| dep["ended"].as_u64().unwrap()).sum();
    assert!(ended >= 6, "they were observed: {doc}");
    let split = |text: &str| text.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let ((alone, most), (observed, most_observed)) = (split(&alone), split(&observed));
    println!("IPv6 groups on one socket until the kernel refuses: {most}, observed {most_observed}");
    assert_eq!(alone, observed);
    // Programs at the entry of the kernel's functions are refused natively, and `flows` says what that means.
    let said = doc["kinds_lost"]["not_measured"].to_string().contains("optmem_max");
    assert_eq!(said, kernel() == "native", "{doc}");
    assert!(said || most == most_observed, "ours goes before the program's own is refused");
    assert!(alone.matches("Ok").count() >= 120, "{alone}");
    assert_eq!(doc["lost"]["flows_no_memory"], 0, "{doc}");
}
