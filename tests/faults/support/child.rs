//! Child processes in a cgroup and a namespace: forked, so that a test's programs are plain functions.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::AsRawFd as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::{self, ForkResult, Pid, pipe},
};

use super::{cgroup::Cgroup, netns::Netns};

pub struct Child {
    pid: Pid,
    output: Option<File>,
}

/// Runs `f` in a new process, inside `cgroup` and `ns`; what it returns comes back by [`Child::join`]. Sockets
/// belong to the cgroup of the process that makes them, so `f` must make its own.
pub fn fork(cgroup: Option<&Cgroup>, ns: &Netns, f: impl FnOnce() -> String) -> Child {
    let (read, write) = pipe().unwrap();
    let (ready, is_ready) = pipe().unwrap();
    // SAFETY: tests run on one thread (--test-threads=1), so no other thread holds a lock.
    match unsafe { unistd::fork() }.unwrap() {
        ForkResult::Parent { child } => {
            drop((write, is_ready));
            // Not before it is where it belongs: whoever looks at it now must not find it in our own namespace.
            let entered = File::from(ready).read(&mut [0]).unwrap();
            assert_eq!(entered, 1, "the child could not enter its cgroup and namespace");
            Child { pid: child, output: Some(File::from(read)) }
        }
        ForkResult::Child => {
            drop((read, ready));
            // SAFETY: plain system call. The child must not outlive a test that was killed.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let code = match catch_unwind(AssertUnwindSafe(|| {
                if let Some(cgroup) = cgroup {
                    cgroup.enter();
                }
                ns.enter();
                File::from(is_ready).write_all(&[1]).unwrap();
                f()
            })) {
                Ok(text) => i32::from(File::from(write).write_all(text.as_bytes()).is_err()),
                Err(_) => 101,
            };
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(code) }
        }
    }
}

impl Child {
    pub fn pid(&self) -> u32 {
        u32::try_from(self.pid.as_raw()).unwrap()
    }

    /// Waits for the end and returns what the function returned.
    #[track_caller]
    pub fn join(mut self) -> String {
        let mut text = String::new();
        let mut output = self.output.take().unwrap();
        output.read_to_string(&mut text).unwrap();
        let status = waitpid(self.pid, None).unwrap();
        let pid = self.pid;
        std::mem::forget(self);
        assert!(
            matches!(status, nix::sys::wait::WaitStatus::Exited(_, 0)),
            "child {pid} ended with {status:?} and said {text:?}"
        );
        text
    }

    /// Does it still run? Waits up to `seconds` for it to write something.
    pub fn wrote(&self, seconds: i32) -> bool {
        let Some(output) = &self.output else { return false };
        let mut polled = libc::pollfd { fd: output.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut polled, 1, seconds * 1000) > 0 }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _gone = kill(self.pid, Signal::SIGKILL);
        let _gone = waitpid(self.pid, None);
    }
}
