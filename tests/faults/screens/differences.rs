//! What a reader of `flows --watch --json` and `deps --watch --json` adds up is what there is.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{ChildStdout, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use crate::support::{
    THERE, World,
    traffic::{ping_pong, tcp_echo},
    wait_for,
};

/// The rows of one table, by name.
type Table = BTreeMap<String, Value>;

/// What a row is told from others by; a name has these fields only.
fn name(row: &Value) -> String {
    let fields = ["cgroup", "side", "protocol", "service", "local", "remote", "nth"];
    fields.map(|field| row[field].to_string()).join(" ")
}

/// Follows the lines on a thread of its own: a table, kept up to date, and how many lines there were.
fn follow(out: ChildStdout, table: &'static str) -> Arc<Mutex<(Table, u64)>> {
    let kept = Arc::new(Mutex::new((Table::new(), 0)));
    let shared = kept.clone();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let line: Value = serde_json::from_str(&line).expect("a whole line");
            let (rows, lines) = &mut *shared.lock().unwrap();
            let changed = if *lines == 0 { &line[table] } else { &line[table]["changed"] };
            for row in changed.as_array().expect(table) {
                rows.insert(name(row), row.clone());
            }
            for row in line[table]["gone"].as_array().into_iter().flatten() {
                rows.remove(&name(row)).expect("what is gone was there");
            }
            *lines += 1;
        }
    });
    kept
}

#[test]
fn lines_add_up_to_what_there_is() {
    if crate::support::same_as_natively("lines_add_up_to_what_there_is") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _other = world.over_there(|| tcp_echo(THERE, 9002));
    // Who is not watched when a connection begins has it in no sum.
    let target = world.target();
    world.daemon.json(&format!("flows --target {target}"));
    // Connections come and go while it is watched, on two dependencies; the last second is without traffic.
    let victim = world.in_victim(|| {
        for n in 0..30 {
            ping_pong(THERE, 9001 + n % 2, 100);
            thread::sleep(std::time::Duration::from_millis(100));
        }
        String::new()
    });
    let watch = |verb: &str| {
        let mut command = world.daemon.cli(&format!("--json {verb} --watch --target {target}"));
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let [mut flows, mut deps] = ["flows", "deps"].map(watch);
    let kept =
        [follow(flows.stdout.take().unwrap(), "flows"), follow(deps.stdout.take().unwrap(), "dependencies")];
    victim.join();
    // What an end of a connection still sends is over at some time: then all three say the same.
    let same = || {
        let now = world.daemon.json(&format!("flows --target {target}"));
        let rows = |table: &str| -> Table {
            now[table].as_array().unwrap().iter().map(|row| (name(row), row.clone())).collect()
        };
        let told = [&kept[0], &kept[1]].map(|one| one.lock().unwrap().clone());
        (told[0].0 == rows("flows") && told[1].0 == rows("dependencies")).then_some(told)
    };
    let [(flows_left, lines), (deps_left, more)] = wait_for(20, "the same of all", same);
    println!("{lines} and {more} lines; left: {flows_left:?}; dependencies: {}", deps_left.len());
    assert!(flows_left.is_empty(), "all connections have ended: {flows_left:?}");
    let sent: Vec<_> = deps_left.values().map(|row| row["ended"].as_u64().unwrap()).collect();
    assert_eq!((sent, lines > 2, more > 2), (vec![15, 15], true, true), "{deps_left:?}");
    for mut child in [flows, deps] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
