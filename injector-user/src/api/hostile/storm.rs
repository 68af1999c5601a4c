//! Thousands of hostile requests against a server in a process of its own, and what they cost it.

use std::{
    env,
    io::{Read as _, stdin},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

use super::{LONG, attack::attack, connect, is_up};
use crate::api::{Client, caps::Caps, tests::Daemon};

/// Where the server role finds its directory; see [`hostile_requests_leave_nothing_behind`].
const ROLE: &str = "INJECTOR_HOSTILE_SERVER";

/// The server is this very test in a process of its own, so that its memory is not that of its clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_leave_nothing_behind() {
    if let Some(directory) = env::var_os(ROLE) {
        return serve(Path::new(&directory)).await;
    }
    let requests: u64 =
        env::var("INJECTOR_HOSTILE").map_or(10_000, |n| n.parse().expect("INJECTOR_HOSTILE is a number"));
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path());
    let client = Client::new(&server.socket);
    assert!(is_up(&client).await);
    // What a server needs once: its threads' arenas, tables, buffers.
    attack(&server.socket, (requests / 10).max(1_000), 1).await;
    sleep(Duration::from_secs(1)).await;
    let before = server.rss();
    attack(&server.socket, requests, 2).await;
    assert!(is_up(&client).await, "after {requests} hostile requests");
    let idle = idle_connections(&server.socket).await;
    // Those that the server kept have been idle long enough now to make room.
    sleep(Duration::from_millis(1_500)).await;
    assert!(client.get::<Value>("/v1/status").await.is_ok(), "among {} idle connections", idle.len());
    drop(idle);
    let begun = Instant::now();
    let most = before + 5_000_000;
    while server.rss() > most && begun.elapsed() < LONG {
        sleep(Duration::from_millis(200)).await;
    }
    let after = server.rss();
    println!("{requests} requests: RSS {before} before, {after} after");
    assert!(after <= most, "{after} bytes after {requests} requests, {before} before");
    assert!(is_up(&client).await);
    server.end();
}

/// The server's role: until stdin ends.
async fn serve(directory: &Path) {
    let caps = Caps { rate: 1_000_000, burst: 1_000_000, ..Caps::default() };
    let daemon = Daemon::with(caps);
    std::fs::write(directory.join("path.new"), daemon.socket.as_os_str().as_encoded_bytes()).unwrap();
    std::fs::rename(directory.join("path.new"), directory.join("path")).unwrap();
    let ended = tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new()));
    while !ended.is_finished() {
        // The fake engine's memory is not the server's.
        daemon.forget();
        sleep(Duration::from_millis(20)).await;
    }
}

struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(directory: &Path) -> Self {
        let test = "api::hostile::storm::hostile_requests_leave_nothing_behind";
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test])
            .env(ROLE, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let path = directory.join("path");
        while !path.exists() && begun.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket: std::fs::read_to_string(path).unwrap().into() }
    }

    /// Resident bytes: proc_pid_statm(5), second field, in pages.
    fn rss(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap();
        pages * u64::try_from(page).unwrap()
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the server's process");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It has ended unless the test failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// 1,000 connections that say nothing, or as many as this process may have.
async fn idle_connections(socket: &Path) -> Vec<UnixStream> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(65_536), most).unwrap();
    let mut idle = Vec::new();
    for _ in 0..1_000.min(most.saturating_sub(100)) {
        idle.push(connect(socket).await.unwrap());
    }
    idle
}
