//! Cgroups by path and by unit.

use super::tree::{children, exists};
use super::{Host, subtree};
use crate::error::Error;
use crate::spec::near;

/// How many names an error lists at most.
pub(super) const LISTED: usize = 5;

/// What `cgroup:PATH` stands for.
pub(super) fn cgroup(host: &Host, path: &str) -> Result<String, Error> {
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
    format!("{place} has {}", some(names))
}

/// The first few of `names`, and how many there are besides.
pub(super) fn some(names: &[String]) -> String {
    let some = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

/// The last part of a cgroup's path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// What `unit:NAME` stands for.
pub(super) fn unit(host: &Host, name: &str) -> Result<String, Error> {
    let all = subtree(host, "/")?;
    let found: Vec<&str> =
        all.iter().map(|cgroup| cgroup.path.as_str()).filter(|path| base(path) == name).collect();
    match found.as_slice() {
        [path] => Ok((*path).to_owned()),
        [] => {
            let units: Vec<String> =
                all.iter().map(|c| base(&c.path).to_owned()).filter(|name| name.contains('.')).collect();
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
