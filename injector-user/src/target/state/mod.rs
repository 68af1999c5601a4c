//! What container runtimes and the kubelet keep on disk about their containers: names, mostly.
//!
//! A cgroup's name holds an id and nothing else. The runtimes' sockets are not asked: the daemon would need rights on
//! each of them, and would wait for them.

mod containerd;
mod docker;
mod kubelet;
mod reader;
mod storage;

pub(super) use kubelet::logged_pods;
pub(super) use reader::Reader;

use serde::Deserialize;
use std::collections::BTreeMap;

/// A container that a runtime knows, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: String,
    /// All that it can be called, besides its id.
    pub(super) names: Vec<String>,
    /// Where its cgroup would be, if its name does not follow from the id.
    pub(super) path: Option<String>,
    /// The pod that it belongs to.
    pub(super) pod: Option<KnownPod>,
}

/// A pod that the kubelet or a runtime knows, running or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KnownPod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// Every container that one of the runtimes knows.
pub(super) fn containers(reader: &mut Reader<'_>) -> Vec<Known> {
    let mut all = docker::containers(reader);
    all.extend(storage::containers(reader));
    all.extend(containerd::containers(reader));
    all
}

/// Every container, and every pod, that a runtime or the kubelet knows. Each place is read once.
pub(super) fn all(reader: &mut Reader<'_>) -> (Vec<Known>, Vec<KnownPod>) {
    let containers = containers(reader);
    let mut pods: Vec<KnownPod> = containers.iter().filter_map(|known| known.pod.clone()).collect();
    pods.extend(storage::pods(reader));
    pods.extend(logged_pods(reader));
    (containers, pods)
}

/// Every pod that one of the runtimes knows, for nodes whose logs are elsewhere than the kubelet puts them.
pub(super) fn pods(reader: &mut Reader<'_>) -> Vec<KnownPod> {
    let tasks = containerd::containers(reader).into_iter().filter_map(|known| known.pod);
    let mut all: Vec<KnownPod> = tasks.collect();
    all.extend(storage::pods(reader));
    all.sort();
    all.dedup();
    all
}

/// The part of an OCI runtime configuration (config.json of a bundle) that is read.
#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Bundle {
    fn get(&self, key: &str) -> Option<&String> {
        self.annotations.as_ref()?.get(key)
    }

    /// The pod that the annotations of these names tell of.
    fn pod(&self, namespace: &str, name: &str, uid: &str) -> Option<KnownPod> {
        Some(KnownPod {
            namespace: self.get(namespace)?.clone(),
            name: self.get(name)?.clone(),
            uid: self.get(uid)?.clone(),
        })
    }
}

/// A name, and what is shorter for the same: `k8s_NAME_POD_NAMESPACE_UID_ATTEMPT` is what CRI-O and cri-dockerd
/// make of NAME.
fn with_short(name: &str) -> Vec<String> {
    let short = name.strip_prefix("k8s_").and_then(|rest| rest.split('_').next());
    [Some(name), short].into_iter().flatten().map(str::to_owned).collect()
}
