//! Real programs for the guest in which they are tested: what of their packages they need to run, as one archive. They
//! are 130 MB, so no other guest has them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Key, cpio::Tree};
use crate::paths;

/// The packages that are asked for; apt finds what they need.
pub const PACKAGES: [&str; 4] = ["postgresql-15", "redis-server", "nodejs", "python3-minimal"];

/// What is used of them, with the libraries that it names. nginx is one of the tools that every guest has.
const PATHS: [&str; 15] = [
    "/usr/lib/postgresql/15/bin/initdb",
    "/usr/lib/postgresql/15/bin/postgres",
    "/usr/lib/postgresql/15/bin/psql",
    "/usr/lib/postgresql/15/lib/dict_snowball.so",
    "/usr/lib/postgresql/15/lib/plpgsql.so",
    "/usr/share/postgresql/15",
    "/usr/share/zoneinfo/UTC",
    "/usr/bin/redis-server",
    "/usr/bin/node",
    "/usr/share/nodejs/acorn",
    "/usr/share/nodejs/acorn-walk",
    "/usr/share/nodejs/cjs-module-lexer",
    "/usr/share/nodejs/undici",
    "/usr/bin/python3.11",
    "/usr/lib/python3.11",
];

/// Memory of a guest that has them, in MiB: their files are memory, too.
pub const MEMORY: u32 = 1024;

/// Where the archive is, there or not: another one for other packages or paths.
pub fn archive() -> Result<PathBuf> {
    let mut key = Key::new();
    key.text(&PACKAGES.join(" ")).text(&PATHS.join(" "));
    Ok(paths::cache()?.join("vm").join(format!("programs-{key}.cpio")))
}

/// The archive for a guest.
pub fn packed() -> Result<PathBuf> {
    let archive = archive()?;
    ensure!(archive.is_file(), "the programs for guests are not in the cache yet: run `cargo xtask setup`");
    Ok(archive)
}

/// Makes it of a directory that the packages were unpacked into.
pub fn pack(root: &Path) -> Result<()> {
    let mut tree = Tree::default();
    for path in PATHS {
        tree.unpacked(root, path).with_context(|| format!("packing {path}"))?;
    }
    tree.save(&archive()?)
}
