//! From a name to cgroups and processes.

use super::{Cgroup, Host, Process, comm, container, glob, path, pid, pids, pod, subtree};
use crate::error::Error;
use crate::spec::TargetSpec;
use serde::Serialize;

/// What a [`TargetSpec`] stands for on a host at the moment of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The name that was asked for.
    pub spec: TargetSpec,
    /// The path of its cgroup below the root, `/a/b`; never `/`.
    pub path: String,
    /// The whole subtree, itself first.
    pub cgroups: Vec<Cgroup>,
    /// The processes in the subtree, ascending by id.
    pub processes: Vec<Process>,
    /// What a person should know about it, such as why it has no processes.
    pub notes: Vec<String>,
}

/// Finds the cgroups of `spec`, for each everything below it and the processes in it. More than one is found only
/// for a pattern ([`TargetSpec::Cgroups`]); never none.
///
/// # Errors
/// There is no such thing on this host, the name could mean several, or it is the root cgroup.
pub fn resolve(host: &Host, spec: &TargetSpec) -> Result<Vec<Target>, Error> {
    let one = |path: Result<String, Error>| path.map(|path| vec![path]);
    let paths = match spec {
        TargetSpec::Cgroup(path) => one(path::cgroup(host, path)),
        TargetSpec::Cgroups(pattern) => glob::cgroups(host, pattern),
        TargetSpec::Unit(name) => one(path::unit(host, name)),
        TargetSpec::Container(name) => one(container::find(host, name)),
        TargetSpec::Pod(name) => one(pod::find(host, name)),
        TargetSpec::Pid(number) => one(pid::cgroup(host, *number)),
    }?;
    let mut targets =
        paths.into_iter().map(|path| target(host, spec, path)).collect::<Result<Vec<_>, Error>>()?;
    let count = targets.len();
    if let Some(first) = targets.first_mut() {
        let note = match spec {
            TargetSpec::Cgroups(_) => Some(glob::note(spec, count)),
            TargetSpec::Pid(number) => Some(pid::note(*number, first)),
            _ => None,
        };
        first.notes.extend(note);
    }
    Ok(targets)
}

fn target(host: &Host, spec: &TargetSpec, path: String) -> Result<Target, Error> {
    let cgroups = subtree(host, &path)?;
    let mut processes = Vec::new();
    for cgroup in &cgroups {
        for pid in pids(host, &cgroup.path)? {
            let comm = comm(host, pid).unwrap_or_default();
            processes.push(Process { pid, comm, cgroup: cgroup.path.clone() });
        }
    }
    processes.sort_by_key(|process| process.pid);
    let notes = if processes.is_empty() { vec![nobody(host, &path)?] } else { Vec::new() };
    Ok(Target { spec: spec.clone(), path, cgroups, processes, notes })
}

/// Why a target may have no processes: on hosts without systemd everything is in the root cgroup.
fn nobody(host: &Host, path: &str) -> Result<String, Error> {
    let root = pids(host, "/")?;
    let user = root.iter().filter(|pid| super::executable(host, **pid).is_ok()).count();
    Ok(match user {
        0 => format!("no process is in {path} now"),
        n => format!(
            "no process is in {path} now; {n} processes of this host are in the root cgroup (0::/), \
             which is never a target: move them, e.g. echo PID > {}/cgroup.procs",
            host.cgroup.join(path.trim_start_matches('/')).display()
        ),
    })
}
