//! Clients in other languages: each tries to connect several times a second, and prints how that went.

use std::net::TcpListener;

use super::{NOBODY, Program, directory, world};
use crate::support::THERE;

/// A client of port 9000 at the other end, which prints `connected` for every connection, and `refused` for what its
/// language makes of an error. It is to go on after that, and to be back when the fault is over.
pub fn is_refused_and_comes_back(test: &str, words: &[&str], refused: &str) {
    let Some(world) = world(test) else { return };
    let _peer = world.over_there(|| {
        let listener = TcpListener::bind((THERE, 9000)).unwrap();
        for connection in listener.incoming() {
            drop(connection);
        }
        String::new()
    });
    let directory = directory();
    let client = Program::start(&world, &directory.path().join("log"), NOBODY, words);
    client.says(2, "connected");

    let fault =
        format!("fail connect --errno ECONNREFUSED --percent 100 --target {} --for 5m", world.target());
    let id = world.daemon.arm(&fault);
    client.says(2, refused);
    let during = client.log();
    assert!(world.daemon.counter(&id, "acted") >= 2);
    world.daemon.json(&format!("stop {id}"));
    let connected = client.log().matches("connected").count();
    client.says(connected + 2, "connected");
    // One error of one kind, and all of them by us.
    let errors =
        client.log().lines().filter(|line| *line != "connected").map(str::to_owned).collect::<Vec<_>>();
    assert!(errors.iter().all(|line| line == refused), "{errors:?}");
    assert_eq!(errors.len() as u64, world.daemon.counter(&id, "acted"), "{during}");
}
