//! What tests of flows begin with: a cgroup, a program in it, and all that observes it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, Program as Loaded};
use injector_ebpf::rule::{CG_WATCH, CgroupEntry};

use super::*;

/// A cgroup of this test, gone with it, whatever happens.
pub struct Cgroup(pub PathBuf);

impl Cgroup {
    pub fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).expect("cgroup2");
        // Several tests of this process have one at the same time.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("inj-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(root.split(' ').nth(1).unwrap()).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn id(&self) -> u64 {
        fs::metadata(&self.0).unwrap().ino()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A cgroup is busy until its last process is reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("left behind: {}", self.0.display());
    }
}

/// The talking program; killed with the test.
pub struct Talker(pub Child);

impl Talker {
    /// Runs it until it says that it is ready.
    pub fn start(cgroup: &Cgroup, script: &str) -> Self {
        let line = r#"echo $$ > "$1/cgroup.procs" && exec unshare -n sh -c 'ip link set lo up && exec python3 -c "$0"' "$2""#;
        let mut child = Command::new("sh")
            .args(["-c", line, "sh"])
            .arg(&cgroup.0)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self(child)
    }

    pub fn end(&mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cgroup of the test's own, the observers of flows loaded and attached for it, and a reader of them; or says why not.
pub fn observed(test: &str) -> Option<(Cgroup, Object, FlowReader)> {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP {test}: needs root");
        return None;
    }
    let cgroup = Cgroup::new();
    let mut object = match Object::load(7) {
        Ok(object) => object,
        Err(error) if error.to_string().contains("built without") => {
            println!("SKIP {test}: {error:#}");
            return None;
        }
        Err(error) => panic!("{error:#}"),
    };
    object
        .hash(names::CGROUPS)
        .unwrap()
        .insert(cgroup.id(), CgroupEntry { rules: 0, flags: CG_WATCH }, 0)
        .unwrap();
    object.array::<u64>(names::FLOW_LIMIT).unwrap().set(0, 100, 0).unwrap();
    let dir = File::open(&cgroup.0).unwrap();
    object.load_program(names::RELEASED).unwrap();
    let program: &mut CgroupSock = object.program(names::RELEASED).unwrap().try_into().unwrap();
    program.attach(&dir, CgroupAttachMode::Single).unwrap();
    for (name, side) in
        [(names::OBSERVE_TX, CgroupSkbAttachType::Egress), (names::OBSERVE_RX, CgroupSkbAttachType::Ingress)]
    {
        object.load_program(name).unwrap();
        let program: &mut CgroupSkb = object.program(name).unwrap().try_into().unwrap();
        program.attach(&dir, side, CgroupAttachMode::Single).unwrap();
    }
    for name in [names::TCP_PROBE, names::TCP_RETRANSMIT, names::TCP_STATE] {
        object.load_program(name).unwrap();
        match object.program(name).unwrap() {
            Loaded::BtfTracePoint(program) => program.attach().unwrap(),
            other => panic!("{name} is {other:?}"),
        };
    }
    let reader = FlowReader::new(&mut object).unwrap();
    Some((cgroup, object, reader))
}
