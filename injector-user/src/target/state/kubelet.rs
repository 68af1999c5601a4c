//! The kubelet: a directory for the logs of each pod, `NAMESPACE_NAME_UID`, whatever the runtime.

use super::{KnownPod, Reader};

const PLACE: &str = "var/log/pods";

/// The pods that have a directory for logs; it may outlive the pod.
pub(in crate::target) fn logged_pods(reader: &mut Reader<'_>) -> Vec<KnownPod> {
    reader.look(PLACE);
    reader.names(PLACE).iter().filter_map(|name| pod(name)).collect()
}

/// None of the three can hold a `_`.
fn pod(directory: &str) -> Option<KnownPod> {
    let mut parts = directory.split('_').map(str::to_owned);
    let found = KnownPod { namespace: parts.next()?, name: parts.next()?, uid: parts.next()? };
    parts.next().is_none().then_some(found)
}
