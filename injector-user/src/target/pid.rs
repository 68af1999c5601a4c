//! The cgroup of a process.

use super::tree::exists;
use super::{Host, Target, cgroup_of};
use crate::error::Error;

/// The path of the cgroup that process `pid` is in now.
pub(super) fn cgroup(host: &Host, pid: u32) -> Result<String, Error> {
    let Some(path) = cgroup_of(host, pid) else {
        return Err(Error::not_found(format!("there is no process {pid}"))
            .hint("it is a number of the host's own, as `ps` shows it outside of containers"));
    };
    if path.trim_end_matches('/').is_empty() {
        return Err(Error::refused(format!(
            "process {pid} is in the root cgroup (0::/), which can't be a target: it holds the whole host"
        ))
        .hint("start it in a cgroup of its own, such as systemd-run --scope COMMAND, or move it to one")
        .limit("protect", format!("pid:{pid}"), "a process in a cgroup that is not protected"));
    }
    // A process that has ended keeps its cgroup's name until it is waited for, and another namespace shows as `/..`.
    if !exists(host, &path) {
        return Err(Error::not_found(format!(
            "the cgroup of process {pid}, {path}, is not on this host now"
        ))
        .hint("the process may have ended; else name its cgroup: cgroup:/PATH"));
    }
    Ok(path)
}

/// That more than the process is hit.
pub(super) fn note(pid: u32, target: &Target) -> String {
    let others = target.processes.iter().filter(|process| process.pid != pid).count();
    let name =
        target.processes.iter().find(|process| process.pid == pid).map(|process| process.comm.as_str());
    let name = name.map(|name| format!(" ({})", name.escape_debug())).unwrap_or_default();
    format!(
        "the target is all of {}, where process {pid}{name} is now, with {others} other processes",
        target.path
    )
}
