//! A client and a server with one connection between them, before and under a fault.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use super::{BOTH, Table, Way, Whose, echo, stream::address};
use crate::support::{
    World,
    child::Child,
    traffic::{Flag, connect},
    wait_for,
};

/// What both ends were told, for victim and control.
pub struct Ends {
    pub client: String,
    pub server: String,
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "client: {}; server: {}", self.client, self.server)
    }
}

/// A connection for victim and control each; then the fault; then `then` goes on with the client's end.
#[track_caller]
pub fn under(
    table: &Table,
    fault: &str,
    way: Way,
    then: impl Fn(TcpStream) -> String + Copy,
) -> ([Ends; 2], serde_json::Value) {
    let (connected, go) = (BOTH.map(|_| Flag::new()), Flag::new());
    let mut connected_of = connected.iter();
    let pairs = BOTH.map(|whose| {
        let connected = connected_of.next().unwrap();
        let server = server(&table.world, way, whose);
        let ip = way.to(&table.world, whose).ip;
        let client = way.from(&table.world, whose).run(|| {
            let mut stream = connect(ip, whose.port());
            assert_eq!(echo::round(&mut stream, 100), "same");
            connected.set();
            wait_for(60, "the fault", || go.is_set().then_some(()));
            then(stream)
        });
        (client, server)
    });
    for flag in &connected {
        wait_for(60, "a connection", || flag.is_set().then_some(()));
    }
    table.under(fault, || {
        go.set();
        pairs.map(|(client, server)| {
            let client = client.join();
            // The server of a connection that goes on has nothing to say.
            let server = if server.wrote(2) { server.join() } else { "goes on".into() };
            Ends { client, server }
        })
    })
}

/// Echoes on every connection; ends with what it was told when the first one ends.
fn server(world: &World, way: Way, whose: Whose) -> Child {
    let place = way.to(world, whose);
    let at = address(place.ip, whose.port());
    place.run(move || {
        let listener = TcpListener::bind(at).unwrap();
        let (mut first, _) = listener.accept().unwrap();
        // New connections are for those faults that mean them; nobody asks what becomes of these.
        std::thread::spawn(move || {
            let mut all = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                all.push(stream);
            }
        });
        let mut buffer = [0; 4096];
        loop {
            match first.read(&mut buffer) {
                Ok(0) => return "closed".into(),
                Ok(length) => _ = first.write_all(&buffer[..length]),
                Err(error) => return echo::word(&error),
            }
        }
    })
}

/// A new connection to where an old one goes.
pub fn again(old: &TcpStream) -> String {
    match TcpStream::connect_timeout(&old.peer_addr().unwrap(), Duration::from_millis(1500)) {
        Ok(_) => "connected".into(),
        Err(error) => echo::word(&error),
    }
}
