//! A datagram that is larger than the MTU: its fragments follow the first one, which alone has ports.

use std::net::UdpSocket;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::time::Duration;

use crate::support::{HERE, HERE6, THERE, THERE6, World, same_in_every_guest};

/// Datagrams of so many bytes: four fragments.
const SIZE: usize = 5000;
const N: usize = 40;

/// Fragments that the namespace's IP has seen: `ReasmReqds` of the kernel's SNMP counters.
fn fragments(ipv6: bool) -> u64 {
    if ipv6 {
        let text = std::fs::read_to_string("/proc/net/snmp6").unwrap();
        let line = text.lines().find(|line| line.starts_with("Ip6ReasmReqds")).unwrap();
        return line.split_whitespace().nth(1).unwrap().parse().unwrap();
    }
    let text = std::fs::read_to_string("/proc/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Ip:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split_whitespace().position(|name| name == "ReasmReqds").unwrap();
    values.split_whitespace().nth(at).unwrap().parse().unwrap()
}

/// Receives until nothing has come for a second: how many datagrams, and how many fragments.
fn receive(ip: &str, port: u16) -> String {
    let before = fragments(ip.contains(':'));
    let socket = UdpSocket::bind((ip, port)).unwrap();
    // The first may take as long as it takes to arm.
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut got, mut room) = (0, [0_u8; SIZE + 1]);
    while let Ok(length) = socket.recv(&mut room) {
        assert_eq!(length, SIZE);
        got += 1;
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    }
    format!("{got} {}", fragments(ip.contains(':')) - before)
}

fn follow(name: &str, from: &'static str, to: &'static str) {
    if same_in_every_guest(name) {
        return;
    }
    let world = World::lent();
    let id = world.daemon.arm(&format!("drop --target {} --every 2 --protocol udp --for 1m", world.target()));
    let receiver = world.over_there(move || receive(to, 9001));
    std::thread::sleep(Duration::from_millis(500));
    world
        .in_victim(move || {
            let socket = UdpSocket::bind((from, 0)).unwrap();
            for _ in 0..N {
                socket.send_to(&[7; SIZE], (to, 9001)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            String::new()
        })
        .join();
    let found = receiver.join();
    let per_datagram = 4;
    // Nothing of a datagram that was lost arrives, and all of every other.
    assert_eq!(found, format!("{} {}", N / 2, N / 2 * per_datagram));
    assert_eq!(world.daemon.counter(&id, "matched"), N as u64, "a datagram is asked about once");
    assert_eq!(world.daemon.counter(&id, "acted"), N as u64 / 2);
    assert_eq!(world.daemon.counter(&id, "acted_wire"), (N / 2 * per_datagram) as u64);
}

#[test]
fn fragments_follow_their_first_one_ipv4() {
    follow("fragments_follow_their_first_one_ipv4", HERE, THERE);
}

#[test]
fn fragments_follow_their_first_one_ipv6() {
    follow("fragments_follow_their_first_one_ipv6", HERE6, THERE6);
}

/// A datagram of 16 bytes in two fragments, with an identification of the test's choice.
fn send_fragments(id: u16, port: u16) {
    // SAFETY: a new descriptor, which nobody else has.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW);
        assert!(fd >= 0, "a raw socket: {}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(fd)
    };
    let there = THERE.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(there) },
        sin_zero: [0; 8],
    };
    let mut udp = [0_u8; 24];
    udp[..2].copy_from_slice(&4000_u16.to_be_bytes());
    udp[2..4].copy_from_slice(&port.to_be_bytes());
    udp[4..6].copy_from_slice(&24_u16.to_be_bytes());
    // Where it stands, in units of 8 bytes, and whether more follow.
    for (part, at) in [(&udp[..16], 0x2000_u16), (&udp[16..], 2)] {
        let mut packet = vec![0x45, 0, 0, 20 + part.len() as u8];
        packet.extend(id.to_be_bytes());
        packet.extend(at.to_be_bytes());
        packet.extend([64, 17, 0, 0]);
        packet.extend(HERE.parse::<std::net::Ipv4Addr>().unwrap().octets());
        packet.extend(there);
        packet.extend(part);
        // SAFETY: packet and address live on.
        let sent = unsafe {
            let (to, size) = ((&raw const to).cast(), size_of_val(&to) as u32);
            libc::sendto(socket.as_raw_fd(), packet.as_ptr().cast(), packet.len(), 0, to, size)
        };
        assert_eq!(sent, packet.len() as isize, "{}", std::io::Error::last_os_error());
    }
}

/// The number of a datagram that was lost comes round again.
#[test]
fn fragments_of_a_datagram_do_not_follow_another_one_of_its_number() {
    if same_in_every_guest("fragments_of_a_datagram_do_not_follow_another_one_of_its_number") {
        return;
    }
    let world = World::lent();
    let id = world
        .daemon
        .arm(&format!("drop --target {} --percent 100 --peer {THERE}:9001 --for 1m", world.target()));
    let receivers = [9001, 9002].map(|port| world.receiver(THERE, port));
    world
        .in_victim(|| {
            for number in 1..=N as u16 {
                send_fragments(number, 9001);
                send_fragments(number, 9002);
            }
            String::new()
        })
        .join();
    let [lost, kept] = receivers.map(|receiver| receiver.finish().arrivals.len());
    assert_eq!((lost, kept), (0, N), "of the datagrams that are meant, and of those that are not");
    assert_eq!(world.daemon.counter(&id, "acted"), N as u64);
    assert_eq!(world.daemon.counter(&id, "acted_wire"), 2 * N as u64);
}
