//! Clients that ask, servers that send back what they were sent.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::{Way, Whose, stream::address};
use crate::support::{
    World,
    child::Child,
    traffic::{connect, tcp_echo},
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
}

pub struct Echo;

impl Echo {
    /// A server to which the packets of `whose` go, until it is dropped.
    pub fn serve(world: &World, way: Way, whose: Whose, protocol: Protocol) -> Child {
        let place = way.to(world, whose);
        let (ip, port) = (place.ip, whose.port());
        place.run(move || match protocol {
            Protocol::Tcp => tcp_echo(ip, port),
            Protocol::Udp => udp_echo(address(ip, port)),
        })
    }

    /// Sends so many bytes over a new connection, and says whether the same come back.
    pub fn once(world: &World, way: Way, whose: Whose, size: usize) -> Child {
        let ip = way.to(world, whose).ip;
        way.from(world, whose).run(move || round(&mut connect(ip, whose.port()), size))
    }

    /// The shortest of some round trips of a datagram from here, in microseconds. The server is there for both, so
    /// that a fault on the way in meets the answer.
    pub fn round_trip(world: &World, way: Way, whose: Whose) -> Child {
        let to = address(way.there(world).ip, whose.port());
        let place = way.here(world, whose);
        let from = address(place.ip, 0);
        place.run(move || {
            let socket = UdpSocket::bind(from).unwrap();
            socket.connect(to).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let times = (0..7_u8).map(|number| {
                let begun = Instant::now();
                socket.send(&[number]).unwrap();
                assert_eq!(socket.recv(&mut [0; 8]).expect("an answer"), 1);
                begun.elapsed().as_micros()
            });
            times.min().unwrap().to_string()
        })
    }
}

/// Sends so many bytes and reads as many: are they the same?
pub fn round(stream: &mut TcpStream, size: usize) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let asked: Vec<u8> = (0..size).map(|at| at as u8).collect();
    let mut got = vec![0; size];
    let ended = stream.write_all(&asked).and_then(|()| stream.read_exact(&mut got));
    match ended {
        Ok(()) if got == asked => "same".into(),
        Ok(()) => "different".into(),
        Err(error) => word(&error),
    }
}

/// What a program is told.
pub fn word(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED".into(),
        ErrorKind::ConnectionReset => "ECONNRESET".into(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "nothing".into(),
        _ => error.to_string(),
    }
}

fn udp_echo(at: SocketAddr) -> ! {
    let socket = UdpSocket::bind(at).unwrap();
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        _ = socket.send_to(&buffer[..length], from);
    }
}
