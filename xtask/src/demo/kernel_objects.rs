//! BPF links and programs by their ids: which a process holds, and whether the kernel still knows them.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{FromRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};

/// Commands of bpf(2).
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const LINK_GET_FD_BY_ID: libc::c_long = 30;

/// Ids of links and of programs.
#[derive(Debug, Default)]
pub struct Objects {
    /// Attachments.
    pub links: BTreeSet<u32>,
    /// Programs.
    pub programs: BTreeSet<u32>,
}

impl Objects {
    /// What a process holds.
    pub fn of(pid: u32) -> Result<Self> {
        let mut found = Self::default();
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("reading descriptors")?.flatten() {
            // A descriptor that was closed meanwhile is not missed.
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u32>().ok())
            };
            found.links.extend(field("link_id:"));
            found.programs.extend(field("prog_id:"));
        }
        Ok(found)
    }

    /// Those of them that the kernel still has.
    pub fn alive(&self) -> Self {
        let of =
            |ids: &BTreeSet<u32>, command| ids.iter().copied().filter(|id| is_alive(command, *id)).collect();
        Self { links: of(&self.links, LINK_GET_FD_BY_ID), programs: of(&self.programs, PROG_GET_FD_BY_ID) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.links.len() + self.programs.len()
    }
}

fn is_alive(command: libc::c_long, id: u32) -> bool {
    // union bpf_attr: the id is its first word, the rest is zero.
    let attr = [id, 0, 0, 0];
    // SAFETY: the kernel reads as many bytes as it is told.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_ptr(), size_of_val(&attr)) };
    match i32::try_from(fd) {
        // SAFETY: a fresh descriptor that nobody else knows.
        Ok(fd @ 0..) => drop(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => return std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOENT),
    }
    true
}
