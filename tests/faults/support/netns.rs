//! Network namespaces, held by descriptor: nothing is mounted, nothing is left.

use std::{
    fs::File,
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::{Command, Output},
};

use nix::sched::{CloneFlags, setns, unshare};

pub struct Netns {
    file: File,
}

impl Netns {
    pub fn new() -> Self {
        let file = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace (root is needed)");
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        Self { file: file.join().unwrap() }
    }

    /// What setns takes.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// A name for it that other processes can open.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Moves the calling process into it: for a forked child.
    pub fn enter(&self) {
        setns(&self.file, CloneFlags::CLONE_NEWNET).expect("setns");
    }

    /// A command that runs in it.
    pub fn command(&self, program: &str) -> Command {
        let file = self.file.try_clone().unwrap();
        let mut command = Command::new(program);
        // SAFETY: setns is a plain system call.
        unsafe { command.pre_exec(move || setns(&file, CloneFlags::CLONE_NEWNET).map_err(Into::into)) };
        command
    }

    /// Runs a command in it and returns what it printed; fails with what it complained of.
    #[track_caller]
    pub fn run(&self, program: &str, args: &str) -> String {
        let Output { status, stdout, stderr } =
            self.command(program).args(args.split_whitespace()).output().expect(program);
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{program} {args}: {status}\n{out}{err}");
        out.into_owned()
    }

    #[track_caller]
    pub fn ip(&self, args: &str) {
        self.run("ip", args);
    }
}
