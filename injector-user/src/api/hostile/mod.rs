//! Clients that mean harm, or do it: malformed, oversized, slow, half-closed, too many. The server stays up, takes
//! no memory for it, and answers the next good request.

mod attack;
mod storm;

use std::{io::ErrorKind, path::Path, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::{Instant, sleep, timeout},
};

use super::{Client, caps::Caps, tests::Daemon};

/// More than any of the waits here should take on the slowest machine.
const LONG: Duration = Duration::from_secs(20);

/// Sends and gives everything that comes back.
async fn exchange(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // A request that is refused early is not read to its end.
    _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// All that still comes; the server has to close.
async fn rest(stream: &mut UnixStream) -> String {
    let mut answer = Vec::new();
    _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Connects; while the server's queue is full the kernel says WouldBlock.
async fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(Duration::from_millis(1)).await,
            done => return done,
        }
    }
}

async fn is_up(client: &Client) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        if client.get::<Value>("/v1/status").await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn too_many_requests_have_to_wait_and_a_halt_never() {
    let daemon = Daemon::with(Caps { rate: 1, burst: 3, ..Caps::default() });
    let get = b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for _ in 0..3 {
        assert!(exchange(&daemon.socket, get).await.starts_with("HTTP/1.1 200"));
    }
    // At one a second, one of the next two is too early.
    let answers = [exchange(&daemon.socket, get).await, exchange(&daemon.socket, get).await];
    let refused = answers.iter().find(|answer| answer.starts_with("HTTP/1.1 429")).expect("one of two");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let document: Value = serde_json::from_str(refused.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&document["kind"], &document["limit"]), (&"refused".into(), &"requests per second".into()));
    for _ in 0..10 {
        for what in ["PUT /v1/halt", "DELETE /v1/faults", "DELETE /v1/faults/drop-7k3"] {
            let request = format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = exchange(&daemon.socket, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let caps = Caps { connections: 4, for_root: 1, per_uid: 3, idle: LONG, head: LONG, ..Caps::default() };
    let daemon = Daemon::with(caps);
    let most = if nix::unistd::geteuid().is_root() { 4 } else { 3 };
    let mut held = Vec::new();
    for _ in 0..most {
        let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
        stream.write_all(b"GET /v1/status HTTP/1.1\r\n").await.unwrap();
        held.push(stream);
    }
    let mut one_more = UnixStream::connect(&daemon.socket).await.unwrap();
    assert_eq!(rest(&mut one_more).await, "");
    assert!(daemon.client.get::<Value>("/v1/status").await.is_err());
    held.pop();
    assert!(is_up(&daemon.client).await, "what is given back is somebody else's");
    for stream in &mut held {
        stream.write_all(b"host: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.starts_with("HTTP/1.1 200"), "those that were there are served on");
    }
}

#[tokio::test]
async fn who_is_slow_or_silent_is_cut_off() {
    let short = Duration::from_millis(300);
    let daemon = Daemon::with(Caps { head: short, body: short, ..Caps::default() });
    // Headers that never end, a byte at a time.
    let slowly = async |stream: &mut UnixStream| {
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
    stream.write_all(b"GET /").await.unwrap();
    timeout(LONG, slowly(&mut stream)).await.expect("the server hangs up");
    // A body that never ends.
    let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
    let head = b"POST /v1/faults HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let writing = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    _ = timeout(LONG, reading.read_to_end(&mut answer)).await.expect("the server hangs up");
    timeout(LONG, writing).await.expect("both ways").unwrap();
    assert!(
        String::from_utf8_lossy(&answer).contains("can't be read"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    // Nothing at all, at first and after an answer.
    let mut silent = UnixStream::connect(&daemon.socket).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    let answer = exchange(&daemon.socket, b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!daemon.commands().iter().any(|command| command.starts_with("start")));
}

/// 3,000 answers are more than a socket's buffer holds. Nobody reads them: the connection goes, and what was not
/// asked for in time was not made.
#[tokio::test]
async fn who_asks_and_never_reads_is_cut_off() {
    let daemon = Daemon::with(Caps {
        stuck: Duration::from_millis(300),
        rate: 1_000_000,
        burst: 1_000_000,
        ..Caps::default()
    });
    let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
    let one = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n";
    let written = timeout(LONG, async {
        for _ in 0..3_000 {
            stream.write_all(one).await?;
        }
        std::io::Result::Ok(())
    });
    _ = written.await.expect("the server closes, or takes it");
    let answers = daemon.has_seen("status").await;
    assert!(answers);
    let begun = Instant::now();
    let mut before = usize::MAX;
    // It comes to a rest, far from 3,000.
    while before != daemon.commands().len() && begun.elapsed() < LONG {
        before = daemon.commands().len();
        sleep(Duration::from_millis(700)).await;
    }
    assert!(before < 3_000, "{before}");
    assert!(!rest(&mut stream).await.is_empty(), "what was in the buffer");
    assert!(is_up(&daemon.client).await);
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_order_and_large_heads_are_not() {
    let daemon = Daemon::with(Caps::default());
    let mut bytes = Vec::new();
    for path in ["/v1/status", "/nothing", "/v1/doctor", "/v1/faults/nobody", "/v1/status"] {
        bytes.extend_from_slice(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"PATCH / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answers = exchange(&daemon.socket, &bytes).await;
    let codes: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(codes, ["200", "404", "200", "404", "200", "404"]);
    let long = format!("GET /v1/status HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    assert!(exchange(&daemon.socket, long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET /v1/status HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert!(exchange(&daemon.socket, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
}
