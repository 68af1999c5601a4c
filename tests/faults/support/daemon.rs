//! A daemon of a test's own, and the CLI that drives it.

use std::{
    io::Read as _,
    os::unix::{net::UnixStream, process::CommandExt as _},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use super::netns::Netns;

pub struct Daemon {
    child: Child,
    pub dir: TempDir,
}

/// The binary under test.
pub fn binary() -> String {
    std::env::var("INJECTOR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_injector").into())
}

fn spawn(dir: &TempDir, ns: &Netns) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log")).unwrap();
    let mut command = ns.command(&binary());
    let hosts = dir.path().join("hosts");
    if hosts.exists() {
        has_hosts(&mut command, hosts);
    }
    let mut child = command
        .args(["daemon", "--config"])
        .arg(dir.path().join("config.yaml"))
        .env("RUST_LOG", "info")
        .env("INJECTOR_FAILPOINTS", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("starting the daemon");
    let begun = Instant::now();
    while UnixStream::connect(dir.path().join("sock")).is_err() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the daemon ended with {status}:\n{}", log_of(dir));
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no daemon after 60 s:\n{}", log_of(dir));
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// The command sees this file as /etc/hosts, by a mount in a namespace of its own that goes with it.
fn has_hosts(command: &mut Command, hosts: PathBuf) {
    let shown = move || {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some(&hosts), "/etc/hosts", none, MsFlags::MS_BIND, none)?;
        Ok(())
    };
    // SAFETY: plain system calls.
    unsafe { command.pre_exec(shown) };
}

fn log_of(dir: &TempDir) -> String {
    std::fs::read_to_string(dir.path().join("log")).unwrap_or_default()
}

impl Daemon {
    /// `limits` as in [`super::World::with`], `hosts` as in [`super::World::with_hosts`], `config`: lines of the
    /// configuration.
    pub fn start(ns: &Netns, limits: &str, hosts: Option<&str>, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        // Tests need more than the built-in 20 % and 4 faults; what a limit does is tested with the defaults.
        let limits = if limits.is_empty() {
            "mode: armed\nmax_percent: 100\nmax_faults: 16\nmax_faults_per_hour: 10000\n"
        } else {
            limits
        };
        std::fs::write(at("limits.yaml"), limits).unwrap();
        if let Some(hosts) = hosts {
            std::fs::write(at("hosts"), hosts).unwrap();
        }
        // One's own profiles are looked for there, not in the machine's /etc.
        std::fs::create_dir(at("profiles")).unwrap();
        std::fs::write(
            at("config.yaml"),
            format!(
                "socket: {}\nmetrics: off\nlimits: {}\nprofiles: {}\nrun_dir: {}\nstate_dir: {}\n{config}",
                at("sock"),
                at("limits.yaml"),
                at("profiles"),
                at("run"),
                at("state")
            ),
        )
        .unwrap();
        Self { child: spawn(&dir, ns), dir }
    }

    pub fn log(&self) -> String {
        log_of(&self.dir)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits until it has ended.
    pub fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Daemon::kill`].
    pub fn restart(&mut self, ns: &Netns) {
        self.child = spawn(&self.dir, ns);
    }

    /// The CLI, not yet run.
    pub fn cli(&self, args: &str) -> Command {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.dir.path().join("config.yaml")).args(args.split_whitespace());
        command
    }

    /// Runs the CLI: exit code, stdout, stderr.
    pub fn run(&self, args: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.cli(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    /// Runs the CLI with `--json` and expects success.
    #[track_caller]
    pub fn json(&self, args: &str) -> Value {
        let (code, out, err) = self.run(&format!("--json {args}"));
        assert_eq!(code, 0, "injector {args}: {out}{err}\n{}", self.log());
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("injector {args} printed {out:?}: {e}"))
    }

    /// Arms a fault that goes on without the command, and returns its id.
    #[track_caller]
    pub fn arm(&self, args: &str) -> String {
        self.json(&format!("{args} --detach"))["id"].as_str().expect("an id").to_owned()
    }

    /// One fault's document. Not by the command line: in an emulated guest each command takes half a second.
    #[track_caller]
    pub fn fault(&self, id: &str) -> Value {
        self.get(&format!("/v1/faults/{id}"))
    }

    /// Stops a fault, and returns its document when it has ended.
    #[track_caller]
    pub fn stop(&self, id: &str) -> Value {
        let ended = self.ask("DELETE", &format!("/v1/faults/{id}"), "");
        assert_eq!(ended["state"], "ended", "{ended}");
        ended
    }

    /// Stops all faults, and returns their documents when they have ended. Not by the command line, which halts the node
    /// if the daemon takes a second to answer: with an emulated CPU that may be so.
    #[track_caller]
    pub fn stop_all(&self) -> Value {
        self.ask("DELETE", "/v1/faults", "")
    }

    /// One fault's document when it has ended; waits up to so many seconds for that.
    #[track_caller]
    pub fn ended(&self, id: &str, seconds: u64) -> Value {
        super::wait_for(seconds, &format!("the end of {id}"), || {
            Some(self.fault(id)).filter(|fault| fault["state"] == "ended")
        })
    }

    /// A file of its own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// One counter of a fault.
    #[track_caller]
    pub fn counter(&self, id: &str, name: &str) -> u64 {
        let doc = self.fault(id);
        doc["counters"][name].as_u64().unwrap_or_else(|| panic!("no counter {name} in {doc}"))
    }

    /// A GET, by a client that is not ours: a person could do this with curl.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "")
    }

    /// A POST of a JSON document; as [`Daemon::get`].
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, &body.to_string())
    }

    /// Again after a second, if it was asked too often in one: what answers within a millisecond lets a test do that.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        loop {
            let answer = self.ask_once(method, path, body);
            if answer["limit"] != "requests per second" {
                return answer;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    #[track_caller]
    fn ask_once(&self, method: &str, path: &str, body: &str) -> Value {
        use std::io::Write as _;
        let mut socket = UnixStream::connect(self.dir.path().join("sock")).unwrap();
        let length = body.len();
        let head = "host: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
        write!(socket, "{method} {path} HTTP/1.1\r\n{head}content-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answer}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _gone = kill(pid, Signal::SIGCONT);
        let _gone = kill(pid, Signal::SIGTERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(15) {
                let _gone = self.child.kill();
                let _gone = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if std::thread::panicking() {
            eprintln!("--- the daemon's log\n{}", self.log());
        }
    }
}
