//! Numbered datagrams from one end to the other, for victim and control at once.

use std::{
    fmt,
    fmt::Write as _,
    net::{IpAddr, SocketAddr, UdpSocket},
    thread::sleep,
    time::Duration,
};

use serde_json::Value;

use super::{BOTH, Table, Way, Whose};
use crate::support::{World, child::Child, traffic::Flag, wait_for};

/// What each sender sends, a datagram in a millisecond.
#[derive(Clone, Copy)]
pub struct Load {
    pub datagrams: u64,
    /// Bytes in each, at least 16.
    pub size: usize,
    /// Sockets that take turns: datagram `k` is sent by socket `k % flows`.
    pub flows: u64,
}

impl Load {
    pub const fn of(datagrams: u64) -> Self {
        Self { datagrams, size: 64, flows: 1 }
    }
}

/// What came of it.
pub struct Seen {
    pub sent: u64,
    /// Calls that returned EPERM.
    pub refused: u64,
    /// What came, in the order in which it came.
    pub numbers: Vec<u64>,
    /// As long as what was sent, but not the same.
    pub garbled: u64,
    /// Anything else.
    pub odd: u64,
}

impl Seen {
    /// Which ones never came.
    pub fn lost(&self) -> Vec<u64> {
        (0..self.sent + self.refused).filter(|number| !self.numbers.contains(number)).collect()
    }

    /// Everything came once, in order, unchanged.
    pub fn whole(&self) -> bool {
        self.refused + self.garbled + self.odd == 0 && self.numbers.iter().copied().eq(0..self.sent)
    }

    /// How often a datagram came after one that had been sent later.
    pub fn overtaken(&self) -> usize {
        self.numbers.windows(2).filter(|pair| pair[1] < pair[0]).count()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, refused, numbers, garbled, odd } = self;
        write!(f, "sent {sent} and got {}", numbers.len())?;
        let overtaken = self.overtaken() as u64;
        for (n, what) in [(*refused, "EPERM"), (*garbled, "garbled"), (overtaken, "overtaken"), (*odd, "odd")]
        {
            if n > 0 {
                write!(f, ", {n} {what}")?;
            }
        }
        Ok(())
    }
}

/// The number, then bytes that are right for no other number that differs in one byte.
fn datagram(number: u64, size: usize) -> Vec<u8> {
    let number = number.to_be_bytes();
    let fill = number.iter().fold(0x5a, |a, b| a ^ b);
    let mut bytes = vec![fill; size];
    bytes[..8].copy_from_slice(&number);
    bytes
}

struct Sink {
    child: Child,
    done: Flag,
}

impl Sink {
    fn start(world: &World, way: Way, whose: Whose, size: usize) -> Self {
        let (done, bound) = (Flag::new(), Flag::new());
        let place = way.to(world, whose);
        let at = address(place.ip, whose.port());
        let child = place.run(|| {
            let socket = UdpSocket::bind(at).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
            bound.set();
            let (mut numbers, mut garbled, mut odd, mut buffer) = (String::new(), 0, 0, vec![0; 65536]);
            loop {
                let Ok(length) = socket.recv(&mut buffer) else {
                    if done.is_set() {
                        return format!("{garbled} {odd}{numbers}");
                    }
                    continue;
                };
                let got = &buffer[..length];
                if length != size {
                    odd += 1;
                    continue;
                }
                let number = u64::from_be_bytes(got[..8].try_into().unwrap());
                if got == datagram(number, size) {
                    write!(numbers, " {number}").unwrap();
                } else {
                    garbled += 1;
                }
            }
        });
        wait_for(30, "a receiver", || bound.is_set().then_some(()));
        Self { child, done }
    }
}

fn send(from: &str, to: SocketAddr, load: Load) -> String {
    let sockets: Vec<UdpSocket> = (0..load.flows)
        .map(|_| {
            let socket = UdpSocket::bind(address(from, 0)).unwrap();
            socket.connect(to).unwrap();
            socket
        })
        .collect();
    let (mut sent, mut refused) = (0, 0);
    for number in 0..load.datagrams {
        let socket = &sockets[(number % load.flows) as usize];
        match socket.send(&datagram(number, load.size)) {
            Ok(_) => sent += 1,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => refused += 1,
            Err(error) => panic!("sending to {to}: {error}"),
        }
        sleep(Duration::from_millis(1));
    }
    format!("{sent} {refused}")
}

pub fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)
}

/// Both streams under a fault: what victim and control saw, and the fault's document.
#[track_caller]
pub fn under(table: &Table, fault: &str, way: Way, load: Load) -> ([Seen; 2], Value) {
    let world = &table.world;
    let sinks = BOTH.map(|whose| Sink::start(world, way, whose, load.size));
    table.under(fault, || {
        let senders = BOTH.map(|whose| {
            let (from, to) = (way.from(world, whose), way.to(world, whose));
            from.run(|| send(from.ip, address(to.ip, whose.port()), load))
        });
        let told = senders.map(|sender| numbers(&sender.join()));
        for sink in &sinks {
            sink.done.set();
        }
        let mut told = told.into_iter();
        sinks.map(|sink| {
            let (sent, got) = (told.next().unwrap(), numbers(&sink.child.join()));
            Seen { sent: sent[0], refused: sent[1], garbled: got[0], odd: got[1], numbers: got[2..].to_vec() }
        })
    })
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}
