//! What people call a cgroup: the systemd unit, the container and the pod that it is of.
//!
//! Whoever may make cgroups of its own (a container, a user, a service with `Delegate=`) may give them any name. So the
//! outermost container counts and nothing inside it, a unit is one only where all above it are slices, no runtime of the host
//! has containers below /user.slice, and an id that several cgroups have names none.

use super::layout;
use super::path::base;
use super::state::{self, Known, KnownPod, Reader};
use super::{Cgroup, Host, subtree};
use crate::error::Error;
use std::collections::HashMap;
use std::hash::Hash;

/// Where people without privileges have theirs: runtimes of their own keep state elsewhere.
const USERS: &str = "/user.slice/";

/// A container: its id, and what its runtime calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName {
    /// The whole id.
    pub id: String,
    /// `None`: no runtime of this host tells.
    pub name: Option<String>,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// `nginx.service`: of what is in no container.
    pub unit: Option<String>,
    /// The outermost one.
    pub container: Option<ContainerName>,
    /// Namespace and name.
    pub pod: Option<(String, String)>,
    /// The path below the container's, or else the pod's, own cgroup: `/init`; empty for that itself.
    pub inside: String,
}

/// What runtimes and the kubelet know at one moment.
#[derive(Debug, Default)]
pub struct Runtimes {
    /// The cgroups of containers that somebody knows, by path.
    containers: HashMap<String, (ContainerName, Option<KnownPod>)>,
    /// Those of pods that have a name, by path.
    pods: HashMap<String, KnownPod>,
}

impl Runtimes {
    /// Reads what they keep on disk: some milliseconds for a hundred containers, and longer on a slow disk.
    ///
    /// # Errors
    /// The cgroup hierarchy can't be read.
    pub fn read(host: &Host) -> Result<Self, Error> {
        let cgroups = subtree(host, "/")?;
        let (known, pods) = state::all(&mut Reader::new(&host.root));
        // Several may know one: Docker, and the containerd below it, which has no name for it.
        let mut by_id: HashMap<&str, Vec<&Known>> = HashMap::new();
        let mut by_path = HashMap::new();
        for one in &known {
            match &one.path {
                Some(path) => _ = by_path.insert(path.as_str(), one),
                None => by_id.entry(one.id.as_str()).or_default().push(one),
            }
        }
        let mut by_uid = HashMap::new();
        for pod in pods {
            by_uid.entry(layout::uid(&pod.uid)).or_insert(pod);
        }
        let found = Found::among(&cgroups, &|path| by_path.contains_key(path));
        let mut containers = HashMap::new();
        for path in found.others {
            if let Some(known) = by_path.get(path) {
                let container = ContainerName { id: known.id.clone(), name: Some(known.id.clone()) };
                containers.insert(path.to_owned(), (container, known.pod.clone()));
            }
        }
        for (id, path) in single(found.containers) {
            if let Some(known) = by_id.get(id) {
                // The last one is the shorter of two for the same.
                let named = |one: &&Known| one.names.iter().rev().find(|name| !name.is_empty()).cloned();
                let container = ContainerName { id: id.to_owned(), name: known.iter().find_map(named) };
                let pod = known.iter().find_map(|one| one.pod.clone());
                containers.insert(path.to_owned(), (container, pod));
            }
        }
        let pods =
            single(found.pods).filter_map(|(uid, path)| Some((path.to_owned(), by_uid.get(&uid)?.clone())));
        Ok(Self { pods: pods.collect(), containers })
    }

    /// What the cgroup at `path` is called. Reads nothing.
    pub fn whose(&self, path: &str) -> Whose {
        let mut whose = Whose::default();
        let mut slices = true;
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
        for end in ends {
            let (at, name) = (&path[..end], base(&path[..end]));
            if let Some(pod) = self.pods.get(at) {
                whose.pod = Some((pod.namespace.clone(), pod.name.clone()));
                path[end..].clone_into(&mut whose.inside);
            }
            let known = self.containers.get(at).cloned();
            let unknown = || {
                let id = layout::container(name)?.to_owned();
                Some((ContainerName { id, name: None }, None))
            };
            if let Some((container, of)) = known.or_else(unknown) {
                whose.container = Some(container);
                path[end..].clone_into(&mut whose.inside);
                whose.pod = whose.pod.or(of.map(|pod| (pod.namespace, pod.name)));
                // What is inside is its own doing.
                break;
            }
            // The outermost, and only in slices: below anything else somebody else may make cgroups of any name.
            if let Some(unit) = layout::unit(name).filter(|_| slices) {
                whose.unit = Some(unit.to_owned());
            }
            slices &= name.ends_with(".slice");
        }
        if whose.pod.is_some() || whose.container.is_some() {
            whose.unit = None;
        }
        whose
    }
}

/// What cgroups are by their names, each with its id or uid and its path: outside of containers and of /user.slice.
#[derive(Default)]
struct Found<'a> {
    containers: Vec<(&'a str, &'a str)>,
    pods: Vec<(String, &'a str)>,
    /// Containers that only a runtime can tell, by path.
    others: Vec<&'a str>,
}

impl<'a> Found<'a> {
    /// Parents come first, and all that is below one before anything else.
    fn among(cgroups: &'a [Cgroup], is_other: &dyn Fn(&str) -> bool) -> Self {
        let mut found = Self::default();
        let (mut outer, mut pod) = ("", "");
        let below = |path: &str, outer: &str| {
            !outer.is_empty() && path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        for path in cgroups.iter().map(|cgroup| cgroup.path.as_str()) {
            if path.starts_with(USERS) || below(path, outer) {
                continue;
            }
            if let Some(id) = layout::container(base(path)) {
                found.containers.push((id, path));
                outer = path;
            } else if is_other(path) {
                found.others.push(path);
                outer = path;
            } else if let Some(uid) = layout::pod(path).filter(|_| !below(path, pod)) {
                found.pods.push((uid, path));
                pod = path;
            }
        }
        found
    }
}

/// Those that one cgroup only has: of two of which each could be it, none is.
fn single<K: Eq + Hash>(all: Vec<(K, &str)>) -> impl Iterator<Item = (K, &str)> {
    let mut places: HashMap<K, Vec<&str>> = HashMap::new();
    for (key, path) in all {
        places.entry(key).or_default().push(path);
    }
    places.into_iter().filter_map(|(key, paths)| <[&str; 1]>::try_from(paths).ok().map(|[path]| (key, path)))
}

#[cfg(test)]
#[path = "whose_tests.rs"]
mod tests;
