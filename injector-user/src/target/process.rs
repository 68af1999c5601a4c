//! Facts about processes.

use super::Host;
use super::host::unreadable;
use crate::error::Error;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::{fs, io};

/// A process of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its process id in the host's pid namespace.
    pub pid: u32,
    /// Its name as the kernel has it, at most 15 bytes; empty if it is gone.
    pub comm: String,
    /// The path of the cgroup that it is in.
    pub cgroup: String,
}

/// The process ids of the whole host, ascending.
pub fn pids_of_host(host: &Host) -> Result<Vec<u32>, Error> {
    let entries = fs::read_dir(&host.proc).map_err(|error| unreadable(&host.proc, &error))?;
    let mut pids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// The name of a process, `None` if it is gone.
pub fn comm(host: &Host, pid: u32) -> Option<String> {
    let bytes = fs::read(host.proc.join(format!("{pid}/comm"))).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
}

/// The file name of the program that a process runs.
///
/// # Errors
/// `NotFound` if it runs none: it is a kernel thread, or gone. Any other: who asks may not see it.
pub fn executable(host: &Host, pid: u32) -> io::Result<String> {
    let path = fs::read_link(host.proc.join(format!("{pid}/exe")))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name))
}

/// The cgroup v2 path of a process, from the `0::` line of /proc/PID/cgroup; `None` if it is gone.
pub fn cgroup_of(host: &Host, pid: u32) -> Option<String> {
    let text = fs::read_to_string(host.proc.join(format!("{pid}/cgroup"))).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(path.strip_suffix(" (deleted)").unwrap_or(path).to_owned())
}

/// The inode of a process's network namespace, which names it on this host; `None` if the process is gone or
/// may not be looked into (a container without CAP_SYS_PTRACE).
pub fn netns_inode(host: &Host, pid: u32) -> Option<u64> {
    fs::metadata(host.proc.join(format!("{pid}/ns/net"))).ok().map(|facts| facts.ino())
}
