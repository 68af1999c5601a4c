//! PostgreSQL whose fsync fails.
//!
//! postgresql.org/docs/15/runtime-config-error-handling.html. data_sync_retry: "When set to off, which is the default,
//! PostgreSQL will raise a PANIC-level error on failure to flush modified data files to the file system. This causes the
//! database server to crash." restart_after_crash: "When set to on, which is the default, PostgreSQL will automatically reinitialize after a
//! backend crash."

use std::{os::unix::process::CommandExt as _, path::Path, process::Command};

use super::{NOBODY, Program, SOON, directory, world};
use crate::support::{World, wait_for};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const PANIC: &str = "PANIC:  could not f";

/// Runs one of its programs outside the target, and gives what it printed.
fn run(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(format!("{PROGRAMS}/{name}"));
    command.args(arguments).env_clear().env("TZ", "UTC").env("LANG", "C").uid(NOBODY).gid(NOBODY);
    let output = command.current_dir("/").output().unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn sql(dir: &Path, command: &str) -> Result<String, String> {
    let at = dir.display().to_string();
    run("psql", &["-h", &at, "-U", "nobody", "-XAtqc", command, "postgres"])
}

/// The server as a service runs it: as a user of its own, with its defaults but for memory and where it listens.
fn start<'a>(world: &'a World, dir: &Path) -> Program<'a> {
    let (data, at) = (dir.join("data").display().to_string(), dir.display().to_string());
    let program = format!("{PROGRAMS}/postgres");
    let words = [&program, "-D", &data, "-k", &at, "-c", "listen_addresses=", "-c", "shared_buffers=16MB"];
    Program::start(world, &dir.join("log"), NOBODY, &words)
}

/// Waits until it answers, and says what it has.
fn rows(dir: &Path) -> Vec<u64> {
    let found = wait_for(SOON, "PostgreSQL", || sql(dir, "SELECT i FROM t ORDER BY i").ok());
    found.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn postgresql_panics_when_fsync_fails_and_recovers() {
    let Some(world) = world("postgresql_panics_when_fsync_fails_and_recovers") else { return };
    let directory = directory();
    let dir = directory.path();
    let data = dir.join("data").display().to_string();
    run("initdb", &["-D", &data, "--no-sync", "-E", "UTF8", "--locale=C", "-A", "trust"]).unwrap();
    let server = start(&world, dir);
    wait_for(SOON, "PostgreSQL", || sql(dir, "CREATE TABLE t (i int); INSERT INTO t VALUES (1)").ok());
    assert_eq!(rows(dir), [1]);

    // One fsync fails: it panics, and comes back by itself while the fault is still armed.
    let fault = format!("fail fsync --errno EIO --target {} --for 5m", world.target());
    let id = world.daemon.arm(&format!("{fault} --first 1"));
    let lost = sql(dir, "INSERT INTO t VALUES (2); CHECKPOINT").expect_err("it took what it could not flush");
    assert!(
        lost.contains("server closed the connection") || lost.contains("terminating connection"),
        "{lost}"
    );
    server.says(1, PANIC);
    server.says(1, "Input/output error");
    server.says(1, "all server processes terminated; reinitializing");
    server.says(2, "database system is ready to accept connections");
    assert!(rows(dir).contains(&1), "what was committed is gone");
    assert_eq!(world.daemon.counter(&id, "acted"), 1);
    world.daemon.json(&format!("stop {id}"));
    sql(dir, "INSERT INTO t VALUES (3); CHECKPOINT").unwrap();

    // All fail: it cannot finish the recovery either, and gives up.
    let id = world.daemon.arm(&format!("{fault} --percent 100"));
    sql(dir, "INSERT INTO t VALUES (4); CHECKPOINT").expect_err("it took what it could not flush");
    server.says(1, "database system is shut down");
    sql(dir, "SELECT 1").expect_err("it is up");
    world.daemon.json(&format!("stop {id}"));
    drop(server);

    // Whoever runs it starts it again, and it recovers from its log.
    let server = start(&world, dir);
    let found = rows(dir);
    assert!([1, 3].iter().all(|row| found.contains(row)), "{found:?}\n{}", server.log());
    sql(dir, "INSERT INTO t VALUES (5); CHECKPOINT").unwrap();
    println!("rows {found:?}; it panicked {} times", server.log().matches(PANIC).count());
}
