//! The real programs of the guests' tests: Debian's packages with all that they need, downloaded through apt (which
//! checks their signatures), unpacked aside, and packed for guests. None is installed, and no service is started.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::suite;
use crate::vm::programs::{self, PACKAGES};
use crate::{command, paths};

/// The distribution of the guests' other programs, which are this machine's: their libraries go together.
const SUITE: &str = "bookworm";

/// The setup step's look.
pub fn missing() -> Result<Option<String>> {
    let there = programs::archive()?.is_file();
    Ok((!there).then(|| {
        format!(
            "programs for guests, to be downloaded with apt (110 MB) and not installed: {}",
            PACKAGES.join(" ")
        )
    }))
}

/// Downloads, unpacks and packs; only the archive is kept.
pub fn install() -> Result<()> {
    let options = suite::read(SUITE)?;
    let stage = tempfile::Builder::new().prefix("programs").tempdir_in(paths::cache()?)?;
    let (debs, root) = (stage.path().join("debs"), stage.path().join("root"));
    fs::create_dir_all(debs.join("partial"))?;
    println!("  downloading {} and what they need", PACKAGES.join(", "));
    let mut apt = Command::new("apt-get");
    apt.args(&options).arg("-o").arg(format!("Dir::Cache::archives={}", debs.display()));
    apt.args(["-qq", "-y", "--no-install-recommends", "--download-only", "install"]).args(PACKAGES);
    command::output(&mut apt)?;
    let mut count = 0;
    for entry in fs::read_dir(&debs)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            command::run(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&root))?;
            count += 1;
        }
    }
    ensure!(count >= PACKAGES.len(), "apt downloaded {count} packages only");
    programs::pack(&root).with_context(|| format!("packing programs of {count} packages"))
}
