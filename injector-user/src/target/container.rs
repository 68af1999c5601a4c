//! Containers by id and by name.

use super::path::{LISTED, base};
use super::state::{self, Known, Reader};
use super::tree::exists;
use super::{Host, layout, subtree};
use crate::error::Error;
use crate::spec::near;

/// The fewest hex digits that are taken for the start of an id.
const SHORTEST: usize = 4;
/// How much of an id is shown, as the runtimes do.
const SHOWN: usize = 12;

/// A container that has a cgroup.
struct Container {
    id: String,
    path: String,
    names: Vec<String>,
}

/// The path of the cgroup of the container whose id is or starts with `asked`, or whose name it is.
pub(super) fn find(host: &Host, asked: &str) -> Result<String, Error> {
    let mut running = running(host)?;
    let mut reader = Reader::new(&host.root);
    // A whole id needs no names.
    let exact = running.iter().any(|container| container.id == asked);
    let known = if exact { Vec::new() } else { state::containers(&mut reader) };
    name(host, &mut running, &known);
    let start = asked.len() >= SHORTEST && layout::is_hex(asked);
    let meant = |container: &&Container| {
        container.id == asked
            || !exact
                && (start && container.id.starts_with(asked) || container.names.iter().any(|n| n == asked))
    };
    match running.iter().filter(meant).collect::<Vec<_>>().as_slice() {
        [one] => Ok(one.path.clone()),
        [] => Err(nowhere(asked, &running, &known, &reader)),
        several => Err(Error::usage(format!("{asked} could be {} containers", several.len()))
            .hint(format!("write one of {}", listed(several)))),
    }
}

/// All containers by their cgroups' names, by path. One inside another of the same id is the runtime's or the
/// container's own doing: the outer one counts.
fn running(host: &Host) -> Result<Vec<Container>, Error> {
    let mut found: Vec<Container> = Vec::new();
    // Parents come first.
    for cgroup in subtree(host, "/")? {
        let Some(id) = layout::container(base(&cgroup.path)) else { continue };
        let within = |outer: &Container| {
            outer.id == id && cgroup.path.strip_prefix(&outer.path).is_some_and(|rest| rest.starts_with('/'))
        };
        if !found.iter().any(within) {
            found.push(Container { id: id.to_owned(), path: cgroup.path.clone(), names: Vec::new() });
        }
    }
    Ok(found)
}

/// Adds the names that runtimes know, and the containers whose cgroups only runtimes can tell.
fn name(host: &Host, running: &mut Vec<Container>, known: &[Known]) {
    for Known { id, names, path, .. } in known {
        match path {
            Some(path) if exists(host, path) => {
                running.push(Container { id: id.clone(), path: path.clone(), names: names.clone() });
            }
            Some(_) => {}
            None => {
                for container in running.iter_mut().filter(|container| container.id == *id) {
                    container.names.extend(names.iter().cloned());
                }
            }
        }
    }
}

fn nowhere(asked: &str, running: &[Container], known: &[Known], reader: &Reader<'_>) -> Error {
    if let Some(stopped) =
        known.iter().find(|known| known.id == asked || known.names.iter().any(|name| name == asked))
    {
        let id = shown(&stopped.id);
        return Error::not_found(format!("the container {asked} ({id}) has no cgroup on this host"))
            .hint("it is known here and does not run, or its runtime uses cgroups of its own: cgroup:/PATH");
    }
    let names: Vec<&str> = running.iter().flat_map(|one| one.names.iter().map(String::as_str)).collect();
    let similar = near(asked, names, LISTED);
    let perhaps = if similar.is_empty() {
        format!("{} containers run here", running.len())
    } else {
        format!("perhaps container:{}", similar.join(" or container:").escape_debug())
    };
    let short = if asked.len() < SHORTEST && layout::is_hex(asked) {
        format!("; of an id, write at least {SHORTEST} digits")
    } else {
        String::new()
    };
    Error::not_found(format!("no container of this host is {asked}"))
        .hint(format!("{perhaps}{short}; besides the cgroups' names, {}", reader.story()))
}

/// `container:4f2a8b3c1d2e (web)`, or the path where that would still not be one.
fn listed(several: &[&Container]) -> String {
    let one = |container: &Container| {
        let id = shown(&container.id);
        if several.iter().filter(|other| other.id.starts_with(id)).count() > 1 {
            return format!("cgroup:{}", container.path);
        }
        match container.names.first() {
            Some(name) => format!("container:{id} ({})", name.escape_debug()),
            None => format!("container:{id}"),
        }
    };
    super::path::some(&several.iter().map(|container| one(container)).collect::<Vec<_>>())
}

fn shown(id: &str) -> &str {
    if layout::is_id(id) { &id[..SHOWN] } else { id }
}
