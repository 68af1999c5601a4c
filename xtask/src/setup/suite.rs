//! Another suite of Debian's archive than this machine's own, read without touching this machine's apt: its lists
//! are kept in the cache, and apt checks its signatures all the same.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{command, paths};

/// Debian's keys, of which those of stable sign unstable too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Reads the lists of `suite` from the mirror that this machine uses; returns the options with which apt then sees
/// that suite and nothing else.
pub fn read(suite: &str) -> Result<Vec<String>> {
    let state = paths::cache()?.join("apt").join(suite);
    for directory in ["lists/partial", "cache/archives/partial"] {
        let directory = state.join(directory);
        fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    }
    let (sources, status) = (state.join("sources.list"), state.join("status"));
    fs::write(&sources, format!("deb [arch=amd64 signed-by={KEYRING}] {} {suite} main\n", mirror()?))?;
    fs::write(&status, "")?;
    let at = state.display();
    let mut options = Vec::new();
    for option in [
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=/dev/null".into(),
        "Dir::Etc::Preferences=/dev/null".into(),
        "Dir::Etc::PreferencesParts=/dev/null".into(),
        format!("Dir::State={at}"),
        format!("Dir::State::lists={at}/lists"),
        format!("Dir::State::status={}", status.display()),
        format!("Dir::Cache={at}/cache"),
        // Packages' names are wanted, not what they say of themselves in all languages.
        "Acquire::Languages=none".into(),
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false".into(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        // As root, apt would read as a user of its own, which cannot write here.
        "APT::Sandbox::User=root".into(),
    ] {
        options.extend(["-o".into(), option]);
    }
    println!("  reading the lists of {suite}");
    command::output(Command::new("apt-get").args(&options).args(["update", "-qq"]))?;
    Ok(options)
}

/// The mirror that this machine gets Debian from, however its sources are written.
fn mirror() -> Result<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(LABEL) $(REPO_URI)", "Identifier: Packages"]);
    first_mirror(&command::output(&mut apt)?).context("apt knows no mirror of Debian")
}

/// The first address whose label is `Debian`: security updates are labelled otherwise.
fn first_mirror(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| line.strip_prefix("Debian ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_updates_are_no_mirror() {
        let targets =
            "Debian-Security http://one/debian-security/\nDebian http://two/debian/\nDebian http://three/\n";
        assert_eq!(first_mirror(targets).as_deref(), Some("http://two/debian/"));
        assert_eq!(first_mirror(" http://nobody/\n"), None);
    }
}
