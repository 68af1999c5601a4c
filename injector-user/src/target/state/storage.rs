//! Podman and CRI-O: containers/storage keeps one list of containers, and another of those that need not outlive the
//! host's start (`podman run --rm`); both are below /run if the whole storage is transient.

use super::super::layout::is_id;
use super::{Bundle, Known, KnownPod, Reader, with_short};
use serde::Deserialize;

const PLACES: [&str; 2] =
    ["var/lib/containers/storage/overlay-containers", "run/containers/storage/overlay-containers"];
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];
/// Bytes of a list: below 1 KiB for each container is usual.
const MOST_LIST: u64 = 8 << 20;
/// Bytes of one container's configuration.
const MOST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
}

pub(super) fn containers(reader: &mut Reader<'_>) -> Vec<Known> {
    let mut found = Vec::new();
    for place in PLACES {
        reader.look(place);
        for list in LISTS {
            let entries = reader.json::<Vec<Entry>>(&format!("{place}/{list}"), MOST_LIST);
            found.extend(entries.into_iter().flatten().map(|entry| Known {
                names: entry.names.iter().flatten().flat_map(|name| with_short(name)).collect(),
                id: entry.id,
                path: None,
                pod: None,
            }));
        }
    }
    found
}

/// The pods of CRI-O, from the configurations of their containers.
pub(super) fn pods(reader: &mut Reader<'_>) -> Vec<KnownPod> {
    let mut found = Vec::new();
    for place in PLACES {
        reader.look(place);
        for id in reader.names(place).into_iter().filter(|name| is_id(name)) {
            let bundle = reader.json::<Bundle>(&format!("{place}/{id}/userdata/config.json"), MOST);
            found.extend(bundle.and_then(|bundle| {
                bundle.pod("io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.pod.uid")
            }));
        }
    }
    found
}
