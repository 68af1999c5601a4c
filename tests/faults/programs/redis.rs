//! Redis that cannot write its append-only file.
//!
//! redis.io/docs/latest/develop/reference/errors/common/misconf: "Redis refuses commands that change data until saving
//! works again. Commands that read data still work." The message of an append-only file: "MISCONF Errors writing to the AOF file: No space left on device".

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{NOBODY, Program, SOON, directory, world};
use crate::support::{World, wait_for};

/// Length of a value that is longer than Redis's buffer for replies, which has 16 KiB. A reply with it goes to the client
/// by writev, which does not fail here: the fault is for write alone, by which Redis writes its file.
const LONG: usize = 40_000;
const REFUSED: &str = "-MISCONF Errors writing to the AOF file: No space left on device";

fn start<'a>(world: &'a World, directory: &Path) -> Program<'a> {
    let at = |name: &str| directory.join(name).display().to_string();
    let (dir, socket) = (directory.display().to_string(), at("socket"));
    let _old = std::fs::remove_file(&socket);
    let words = "/usr/bin/redis-server --port 0 --appendonly yes --appendfsync everysec";
    let mut words: Vec<&str> = words.split(' ').collect();
    words.extend(["--unixsocket", &socket, "--dir", &dir, "--save", ""]);
    let redis = Program::start(world, &directory.join("log"), NOBODY, &words);
    wait_for(SOON, "Redis", || UnixStream::connect(&socket).ok());
    redis
}

fn connect(directory: &Path) -> UnixStream {
    let socket = UnixStream::connect(directory.join("socket")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(SOON))).unwrap();
    socket
}

/// What it answers to a command. A long value is asked for with it.
fn ask(directory: &Path, command: &str) -> String {
    let mut socket = connect(directory);
    // One request, so that there is one answer.
    socket.write_all(format!("{command}\r\nGET long\r\n").as_bytes()).unwrap();
    let (mut answer, mut room) = (String::new(), vec![0; 65_536]);
    let long = format!("${LONG}\r\n");
    loop {
        let read = socket.read(&mut room).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(read > 0, "{command}: Redis has hung up, after {} bytes", answer.len());
        answer += &String::from_utf8_lossy(&room[..read]);
        if answer.starts_with("-LOADING") {
            return answer;
        }
        if let Some((short, value)) = answer.split_once(&long)
            && value.len() == LONG + 2
        {
            return short.trim().replace("\r\n", " ");
        }
    }
}

#[test]
fn redis_without_room_for_its_file_refuses_writes_only() {
    let Some(world) = world("redis_without_room_for_its_file_refuses_writes_only") else { return };
    let directory = directory();
    let dir = directory.path();
    let redis = start(&world, dir);
    let mut socket = connect(dir);
    write!(socket, "*3\r\n$3\r\nSET\r\n$4\r\nlong\r\n${LONG}\r\n{}\r\n", "x".repeat(LONG)).unwrap();
    socket.read_exact(&mut [0; 5]).unwrap();
    assert_eq!(ask(dir, "SET before 1"), "+OK");

    let id = world.daemon.arm(&format!(
        "fail write --exact --errno ENOSPC --percent 100 --target {} --for 5m",
        world.target()
    ));
    // Taken before it could be known, and kept in memory. The log says nothing: it is written as well.
    assert_eq!(ask(dir, "SET during 1"), "+OK");
    assert_eq!(ask(dir, "SET refused 1"), REFUSED);
    assert_eq!(ask(dir, "GET before"), "$1 1");
    assert!(world.daemon.counter(&id, "acted") > 0);

    world.daemon.json(&format!("stop {id}"));
    redis.says(1, "AOF write error looks solved");
    assert_eq!(ask(dir, "SET after 1"), "+OK");
    drop(redis);

    // What it had taken is in the file, and what it had refused is not.
    let again = start(&world, dir);
    let values = ["before", "during", "refused", "after"].map(|key| {
        // While it reads the file it says -LOADING.
        wait_for(SOON, "Redis", || {
            Some(ask(dir, &format!("GET {key}"))).filter(|got| !got.starts_with("-LOADING"))
        })
    });
    assert_eq!(values, ["$1 1", "$1 1", "$-1", "$1 1"], "{}", again.log());
}
