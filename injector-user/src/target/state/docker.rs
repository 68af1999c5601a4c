//! Docker: a directory for each container, named by its id, with the configuration in it.

use super::super::layout::is_id;
use super::{Known, Reader, with_short};
use serde::Deserialize;

const PLACE: &str = "var/lib/docker/containers";
/// Bytes of one container's configuration; a few KiB are usual.
const MOST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Config {
    /// With a slash in front, `/web`.
    #[serde(rename = "Name")]
    name: String,
}

pub(super) fn containers(reader: &mut Reader<'_>) -> Vec<Known> {
    reader.look(PLACE);
    let ids: Vec<String> = reader.names(PLACE).into_iter().filter(|name| is_id(name)).collect();
    let mut found = Vec::new();
    for id in ids {
        if let Some(config) = reader.json::<Config>(&format!("{PLACE}/{id}/config.v2.json"), MOST) {
            let names = with_short(config.name.trim_start_matches('/'));
            found.push(Known { id, names, path: None, pod: None });
        }
    }
    found
}
