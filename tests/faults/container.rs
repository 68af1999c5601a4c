//! A container of a real runtime: what is named by its id is felt inside it, and nowhere beside it.

use std::{
    fs,
    process::{ChildStdin, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{World, assert_binomial, child, netns::Netns, same_as_natively, wait_for};

/// The container's end of its own veth pair, and the other one.
const INSIDE: &str = "10.78.0.1";
const PEER: &str = "10.78.0.2";
/// Echo requests.
const PINGS: u64 = 400;

/// A container that runc runs, with a root file system that holds busybox and nothing else. Its cgroup has the name
/// that Podman gives (cgroupfs driver).
struct Container {
    id: String,
    dir: TempDir,
    /// Its first process reads it: it ends with the test, however that ends.
    _stdin: ChildStdin,
}

impl Container {
    fn run(ns: &Netns) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = format!("{:08x}{}", std::process::id(), "5eed1e55".repeat(7));
        let root = dir.path().join("rootfs");
        for directory in ["bin", "proc", "dev"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static (scripts/packages.txt)");
        fs::write(dir.path().join("config.json"), config(&id, ns).to_string()).unwrap();
        let complaints = fs::File::create(dir.path().join("complaints")).unwrap();
        let mut runc = Self::runc(&dir)
            .args(["run", "--detach", "--bundle"])
            .arg(dir.path())
            .arg(&id)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(complaints)
            .spawn()
            .expect("runc (scripts/packages.txt)");
        // Not by wait(): that would close the container's standard input first.
        let stdin = runc.stdin.take().unwrap();
        let status = runc.wait().unwrap();
        let this = Self { id, dir, _stdin: stdin };
        let complaints = fs::read_to_string(this.dir.path().join("complaints")).unwrap();
        assert!(status.success(), "runc run: {status}: {complaints}");
        this
    }

    fn runc(dir: &TempDir) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(dir.path().join("state"));
        command
    }

    /// Runs a command inside and gives what it printed.
    fn exec(&self, args: &str) -> String {
        let mut command = Self::runc(&self.dir);
        let output = command.args(["exec", &self.id]).args(args.split_whitespace()).output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args}: {}: {complaints}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn cgroup(&self) -> String {
        format!("/libpod-{}", self.id)
    }

    /// Its first process, as the host counts them.
    fn pid(&self) -> u64 {
        let output = Self::runc(&self.dir).args(["state", &self.id]).output().unwrap();
        let state: Value = serde_json::from_slice(&output.stdout).unwrap();
        state["pid"].as_u64().unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _gone = Self::runc(&self.dir).args(["delete", "--force", &self.id]).output();
    }
}

fn config(id: &str, ns: &Netns) -> Value {
    let raw = json!(["CAP_NET_RAW"]);
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/busybox", "cat"],
            "cwd": "/",
            "capabilities": {"bounding": raw, "effective": raw, "permitted": raw},
        },
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {
            "cgroupsPath": format!("/libpod-{id}"),
            "namespaces": [
                {"type": "pid"},
                {"type": "mount"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "network", "path": ns.path()},
            ],
        },
    })
}

/// How many of the echo requests were answered: `400 packets transmitted, 203 packets received, 49% packet loss`.
fn answered(printed: &str) -> u64 {
    let line = printed.lines().find(|line| line.contains("packets transmitted")).expect(printed);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], PINGS.to_string(), "{line}");
    words[3].parse().unwrap()
}

#[test]
fn a_container_loses_what_its_neighbours_keep() {
    if same_as_natively("a_container_loses_what_its_neighbours_keep") {
        return;
    }
    let world = World::new();
    let inside = Netns::new();
    inside.ip("link add c0 type veth peer name c1");
    inside.ip(&format!("link set c1 netns {}", world.there.path()));
    for (ns, link, address) in [(&inside, "c0", INSIDE), (&world.there, "c1", PEER)] {
        ns.ip(&format!("addr add {address}/24 dev {link}"));
        ns.ip(&format!("link set {link} up"));
    }
    let container = Container::run(&inside);
    let ping = format!("/bin/busybox ping -c {PINGS} -i 0.005 -W 1 {PEER}");
    assert_eq!(answered(&container.exec(&ping)), PINGS, "it loses packets without us");

    let target = format!("container:{}", &container.id[..12]);
    for name in
        [&target, &format!("pid:{}", container.pid()), &format!("cgroup:/libpod-{}*", &container.id[..8])]
    {
        let plan = world.daemon.json(&format!("plan drop --target {name} --percent 5"));
        assert_eq!(plan["cgroups"][0]["path"], container.cgroup(), "{name}: {plan}");
    }

    let owner = wait_for(30, "whose cgroup it is", || {
        let flows = world.daemon.json(&format!("flows --target {target}"));
        let mut owners = flows["owners"].as_array()?.iter();
        owners.find(|owner| owner["cgroup"] == container.cgroup() && owner["programs"].is_array()).cloned()
    });
    assert_eq!(owner["container_id"], container.id, "{owner}");
    assert_eq!(owner["programs"], json!([{"name": "busybox", "processes": 1}]), "{owner}");

    let id = world.daemon.arm(&format!("drop --target {target} --percent 50 --for 2m"));
    // In the same namespace, through the same interface, from another cgroup.
    let beside = child::fork(Some(&world.control), &inside, || {
        let output = Command::new("busybox").args(ping.split(' ').skip(1)).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let felt = PINGS - answered(&container.exec(&ping));
    assert_eq!(answered(&beside.join()), PINGS, "the control beside it lost packets");
    assert_eq!(felt, world.daemon.counter(&id, "acted"), "what it lost is not what was selected");
    assert_binomial("echo requests of a container", felt, PINGS, 0.5);

    world.daemon.json(&format!("stop {id}"));
    assert_eq!(answered(&container.exec(&ping)), PINGS, "it loses packets after the fault");
    let again = world.daemon.arm(&format!("drop --target {target} --percent 50 --for 2m"));
    drop(container);
    assert_eq!(world.daemon.ended(&again, 10)["end"], "target-lost");
}
