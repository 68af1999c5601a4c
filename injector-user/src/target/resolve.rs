//! From a name to cgroups and processes.

use super::tree::{children, exists};
use super::{Cgroup, Host, Process, comm, pids, subtree};
use crate::error::Error;
use crate::spec::{TargetSpec, near};
use serde::Serialize;

/// How many names an error lists at most.
const LISTED: usize = 5;

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

/// Finds the cgroup of `spec`, everything below it and the processes in it.
pub fn resolve(host: &Host, spec: &TargetSpec) -> Result<Target, Error> {
    let path = match spec {
        TargetSpec::Cgroup(path) => cgroup(host, path)?,
        TargetSpec::Unit(name) => unit(host, name)?,
    };
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

fn cgroup(host: &Host, path: &str) -> Result<String, Error> {
    if path == "/" {
        return Err(Error::refused("the root cgroup can't be a target: it holds the whole host")
            .hint("name a cgroup below it, such as cgroup:/system.slice/nginx.service")
            .limit("protect", "cgroup:/", "any cgroup that is not protected"));
    }
    if exists(host, path) {
        return Ok(path.to_owned());
    }
    let mut parent = path;
    while let Some((above, _)) = parent.rsplit_once('/') {
        let missing = &parent[above.len() + 1..];
        if exists(host, above) {
            let siblings = children(host, above)?;
            let shown = if above.is_empty() { "/" } else { above };
            return Err(Error::not_found(format!("there is no cgroup {path}")).hint(suggest(
                missing,
                &siblings,
                shown,
                &format!("cgroup:{above}/"),
            )));
        }
        parent = above;
    }
    Err(Error::failed(format!("there is no cgroup hierarchy at {}", host.cgroup.display())))
}

fn suggest(missing: &str, names: &[String], place: &str, prefix: &str) -> String {
    let near = near(missing, names.iter().map(String::as_str), LISTED);
    if !near.is_empty() {
        let near: Vec<String> = near.into_iter().map(|name| format!("{prefix}{name}")).collect();
        return format!("perhaps {}", near.join(" or "));
    }
    if names.is_empty() {
        return format!("{place} has no cgroups below it");
    }
    let some = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{place} has {some}{more}")
}

fn unit(host: &Host, name: &str) -> Result<String, Error> {
    let all = subtree(host, "/")?;
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let found: Vec<&str> =
        all.iter().map(|cgroup| cgroup.path.as_str()).filter(|path| base(path) == name).collect();
    match found.as_slice() {
        [path] => Ok((*path).to_owned()),
        [] => {
            let units: Vec<String> =
                all.iter().map(|c| base(&c.path)).filter(|name| name.contains('.')).collect();
            let hint = if units.is_empty() {
                "no cgroup of this host is named like a unit (does systemd run here?): use cgroup:/PATH"
                    .to_owned()
            } else {
                suggest(name, &units, "this host", "unit:")
            };
            Err(Error::not_found(format!("no unit {name} has a cgroup on this host")).hint(hint))
        }
        several => Err(Error::usage(format!("{} cgroups are named {name}", several.len()))
            .hint(format!("name one by its path: cgroup:{}", several.join(" or cgroup:")))),
    }
}

/// Why a target may have no processes: on hosts without systemd everything is in the root cgroup.
fn nobody(host: &Host, path: &str) -> Result<String, Error> {
    let root = pids(host, "/")?;
    let user = root.iter().filter(|pid| super::executable(host, **pid).is_some()).count();
    Ok(match user {
        0 => format!("no process is in {path} now"),
        n => format!(
            "no process is in {path} now; {n} processes of this host are in the root cgroup (0::/), \
             which is never a target: move them, e.g. echo PID > {}/cgroup.procs",
            host.cgroup.join(path.trim_start_matches('/')).display()
        ),
    })
}
