//! What cannot be recorded does not happen; what happens can be stopped all the same.

use std::{fs, io::Write as _, path::PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::support::{THERE, World, same_as_natively, traffic::send_udp};

/// A small file system of the test's own; unmounted when it is dropped, also when the test fails.
struct Tiny(PathBuf);

impl Tiny {
    /// Puts what is in `directory` into it.
    fn over(directory: PathBuf) -> Self {
        let kept: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .collect();
        mount(Some("tmpfs"), &directory, Some("tmpfs"), MsFlags::empty(), Some("size=256k,mode=755"))
            .unwrap();
        let tiny = Self(directory);
        for (name, bytes) in kept {
            fs::write(tiny.0.join(name), bytes).unwrap();
        }
        tiny
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        if let Err(errno) = umount2(&self.0, MntFlags::MNT_DETACH) {
            eprintln!("{} cannot be unmounted: {errno}", self.0.display());
        }
    }
}

fn passes(world: &World, port: u16) -> u64 {
    let to = world.receiver(THERE, port);
    world.in_victim(move || format!("{:?}", send_udp(THERE, port, 100, 2))).join();
    to.finish().count()
}

/// Two faults are armed; then the disk under `directory` is full.
fn full(directory: &str, says: &str) {
    let mut world = World::new();
    world.daemon.end();
    let tiny = Tiny::over(world.daemon.path(directory));
    world.daemon.restart(&world.here);
    let ask =
        |port: u16| format!("drop --target {} --percent 100 --peer {THERE}:{port} --for 2m", world.target());
    let (first, second) = (world.daemon.arm(&ask(9001)), world.daemon.arm(&ask(9002)));
    tiny.fill();
    // A file has room up to the end of its last page.
    let mut accepted = 0;
    let (code, out, err) = loop {
        let answer = world.daemon.run(&format!("--json {} --detach", ask(9003)));
        if answer.0 != 0 {
            break answer;
        }
        let doc: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
        world.daemon.json(&format!("stop {}", doc["id"].as_str().unwrap()));
        accepted += 1;
        assert!(accepted < 60, "armed {accepted} times on a full disk");
    };
    println!("n={accepted} faults found room on the last page of {directory}; then: {}", err.trim());
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains(says) && err.contains("No space left"), "{err}");
    assert_eq!(passes(&world, 9003), 100, "what was refused acts");
    let status = world.daemon.json("status");
    let living: Vec<&str> = status["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fault| fault["state"] == "armed")
        .map(|fault| fault["id"].as_str().unwrap())
        .collect();
    assert_eq!(living.len(), 2, "{status}");
    assert_eq!((passes(&world, 9001), passes(&world, 9002)), (0, 0));

    let stopped = world.daemon.json(&format!("stop {first}"));
    assert_eq!((&stopped["state"], &stopped["end"]), (&"ended".into(), &"stopped".into()), "{stopped}");
    assert_eq!(passes(&world, 9001), 100);
    let (code, out, err) = world.daemon.run("halt");
    println!("n=1 halt on a full disk: exit {code}: {}", err.trim());
    assert_eq!(passes(&world, 9002), 100, "a fault acts after halt: {out}{err}");
    assert_eq!(world.daemon.fault(&second)["end"], "halted");
    assert_ne!(world.daemon.run(&format!("{} --detach", ask(9002))).0, 0, "a halted node has armed");
    assert_eq!(world.daemon.json("status")["attached"], serde_json::json!([]));

    tiny.make_room();
    assert_eq!(world.daemon.run("halt --lift").0, 0);
    let id = world.daemon.arm(&ask(9003));
    assert_eq!(passes(&world, 9003), 0, "with room again it must act");
    world.daemon.json(&format!("stop {id}"));
    let (code, out, err) = world.daemon.run("audit verify");
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn a_full_disk_under_the_journal_arms_nothing() {
    if same_as_natively("a_full_disk_under_the_journal_arms_nothing") {
        return;
    }
    full("run", "nothing is armed that cannot be journalled");
}

#[test]
fn a_full_disk_under_the_audit_log_arms_nothing() {
    if same_as_natively("a_full_disk_under_the_audit_log_arms_nothing") {
        return;
    }
    full("state", "the audit log");
}
