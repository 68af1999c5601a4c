//! containerd: a directory for each task, by namespace and id, with the OCI configuration in it. k3s has one of its
//! own.

use super::super::layout::is_id;
use super::{Bundle, Known, Reader};

const PLACES: [&str; 2] =
    ["run/containerd/io.containerd.runtime.v2.task", "run/k3s/containerd/io.containerd.runtime.v2.task"];
/// Bytes of one container's configuration; some tens of KiB are usual.
const MOST: u64 = 1 << 20;

pub(super) fn containers(reader: &mut Reader<'_>) -> Vec<Known> {
    let mut found = Vec::new();
    for place in PLACES {
        reader.look(place);
        for namespace in reader.names(place) {
            for id in reader.names(&format!("{place}/{namespace}")) {
                let config = reader.json::<Bundle>(&format!("{place}/{namespace}/{id}/config.json"), MOST);
                // An id that `ctr` was given is any name, and its cgroup is /NAMESPACE/ID.
                let path = (!is_id(&id)).then(|| format!("/{namespace}/{id}"));
                let key = |key| config.as_ref()?.get(key).cloned();
                found.push(Known {
                    names: key("io.kubernetes.cri.container-name").into_iter().collect(),
                    path,
                    pod: config.as_ref().and_then(|config| {
                        config.pod(
                            "io.kubernetes.cri.sandbox-namespace",
                            "io.kubernetes.cri.sandbox-name",
                            "io.kubernetes.cri.sandbox-uid",
                        )
                    }),
                    id,
                });
            }
        }
    }
    found
}
