//! Kubernetes pods by uid and by name.

use super::path::{LISTED, some};
use super::state::{self, KnownPod, Reader};
use super::{Host, layout, subtree};
use crate::error::Error;
use crate::spec::{PodName, near};

/// A pod that has a cgroup.
struct Pod {
    /// As [`layout::uid`] has it.
    uid: String,
    path: String,
}

/// The path of the cgroup that holds all containers of a pod.
pub(super) fn find(host: &Host, asked: &PodName) -> Result<String, Error> {
    let running = running(host)?;
    match asked {
        PodName::Uid(uid) => by_uid(&running, uid),
        PodName::Named { namespace, name } => by_name(host, &running, namespace, name),
    }
}

/// All pods by their cgroups' names, by path; inside a pod there is none of the same uid.
fn running(host: &Host) -> Result<Vec<Pod>, Error> {
    let mut found: Vec<Pod> = Vec::new();
    // Parents come first.
    for cgroup in subtree(host, "/")? {
        let Some(uid) = layout::pod(&cgroup.path) else { continue };
        let within = |outer: &Pod| {
            outer.uid == uid
                && cgroup.path.strip_prefix(&outer.path).is_some_and(|rest| rest.starts_with('/'))
        };
        if !found.iter().any(within) {
            found.push(Pod { uid, path: cgroup.path.clone() });
        }
    }
    Ok(found)
}

fn paths<'a>(running: &'a [Pod], uid: &str) -> impl Iterator<Item = &'a str> {
    let uid = layout::uid(uid);
    running.iter().filter(move |pod| pod.uid == uid).map(|pod| pod.path.as_str())
}

fn by_uid(running: &[Pod], uid: &str) -> Result<String, Error> {
    match paths(running, uid).collect::<Vec<_>>().as_slice() {
        [path] => Ok((*path).to_owned()),
        [] => Err(Error::not_found(format!("no pod of this host has the uid {uid}")).hint(format!(
            "looked at the cgroups' names: {} pods run here; kubectl get pod NAME -o jsonpath={{.metadata.uid}}",
            running.len()
        ))),
        several => Err(Error::usage(format!("{} cgroups are named like the pod {uid}", several.len()))
            .hint(format!("name one by its path: cgroup:{}", several.join(" or cgroup:")))),
    }
}

/// The kubelet's directories for logs first: every pod has one, whatever runs its containers. One outlives its pod,
/// so what counts is which of the uids run.
fn by_name(host: &Host, running: &[Pod], namespace: &str, name: &str) -> Result<String, Error> {
    let mut reader = Reader::new(&host.root);
    let called = |pod: &&KnownPod| pod.namespace == namespace && pod.name == name;
    let runs = |pod: &&KnownPod| paths(running, &pod.uid).next().is_some();
    let mut known = state::logged_pods(&mut reader);
    if !known.iter().filter(called).any(|pod| runs(&pod)) {
        known.extend(state::pods(&mut reader));
        known.sort();
        known.dedup();
    }
    match known.iter().filter(called).filter(runs).collect::<Vec<_>>().as_slice() {
        [one] => by_uid(running, &one.uid),
        [] => Err(nowhere(namespace, name, &known, &reader)),
        several => {
            let uids: Vec<String> =
                several.iter().map(|pod| format!("pod:{}", pod.uid.escape_debug())).collect();
            Err(Error::usage(format!("{} pods run here as {namespace}/{name}", several.len()))
                .hint(format!("one may be about to end; write one of {}", some(&uids))))
        }
    }
}

fn nowhere(namespace: &str, name: &str, known: &[KnownPod], reader: &Reader<'_>) -> Error {
    let asked = format!("{namespace}/{name}");
    if let Some(ended) = known.iter().find(|pod| pod.namespace == namespace && pod.name == name) {
        return Error::not_found(format!(
            "the pod {asked} (uid {}) has no cgroup on this host",
            ended.uid.escape_debug()
        ))
        .hint("it has run here and does not now");
    }
    let names: Vec<String> = known.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    let similar = near(&asked, names.iter().map(String::as_str), LISTED);
    let perhaps = if similar.is_empty() {
        format!("{} pods are known here", known.len())
    } else {
        format!("perhaps pod:{}", similar.join(" or pod:").escape_debug())
    };
    Error::not_found(format!("no pod of this host is {asked}")).hint(format!("{perhaps}; {}", reader.story()))
}
