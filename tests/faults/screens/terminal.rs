//! A terminal of 80x24 with a command on it.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    num::NonZeroU16,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    pty::{Winsize, openpty},
    unistd::setsid,
};

use crate::support::wait_for;

pub struct Terminal {
    child: Child,
    master: File,
    parser: vt100::Parser,
}

impl Terminal {
    pub fn with(mut command: Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        // SAFETY: both are system calls; its own session has this terminal.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().unwrap();
        let number = |n| NonZeroU16::new(n).unwrap();
        Self { child, master: File::from(pty.master), parser: vt100::Parser::new(number(24), number(80), 0) }
    }

    /// What is on it now.
    pub fn text(&mut self) -> String {
        let mut buffer = [0; 4096];
        loop {
            match self.master.read(&mut buffer) {
                Ok(n @ 1..) => self.parser.process(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing now, or nobody has the other end any more.
                Ok(0) | Err(_) => return self.parser.screen().contents(),
            }
        }
    }

    /// Waits until all of this is on the screen.
    #[track_caller]
    pub fn shows(&mut self, what: &[&str]) -> String {
        let mut last = String::new();
        let all = |text: &String| what.iter().all(|what| text.contains(what));
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(30, &format!("{what:?} on the screen"), || {
                last = self.text();
                all(&last).then(|| last.clone())
            })
        }));
        seen.unwrap_or_else(|_| panic!("{what:?} is not on the screen:\n{last}"))
    }

    pub fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Its exit code, when it has ended.
    #[track_caller]
    pub fn ended(&mut self) -> Option<i32> {
        wait_for(30, "the end of the command", || {
            self.text();
            self.child.try_wait().unwrap()
        })
        .code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, or its test has failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
