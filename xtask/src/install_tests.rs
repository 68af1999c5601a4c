//! scripts/install.sh, into a directory that stands for the host.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::paths;

/// A host to install on, and a program to install.
struct Host(TempDir);

impl Host {
    fn new() -> Result<Self> {
        let host = Self(tempfile::tempdir()?);
        fs::create_dir(host.at("host"))?;
        host.program("one")?;
        Ok(host)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn program(&self, text: &str) -> Result<()> {
        fs::write(self.at("program"), text).context("writing the program")
    }

    fn run(&self, more: &[&str]) -> Result<Output> {
        let mut command = Command::new(paths::repo().join("scripts/install.sh"));
        command.env_remove("DESTDIR").arg("--binary").arg(self.at("program"));
        command.arg("--destdir").arg(self.at("host")).args(more);
        command.output().context("running install.sh")
    }

    #[track_caller]
    fn install(&self, more: &[&str]) -> Result<()> {
        let output = self.run(more)?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Everything on the host, with its mode.
    fn tree(&self) -> Result<Vec<(String, u32)>> {
        let mut found = Vec::new();
        let mut todo = vec![self.at("host")];
        while let Some(directory) = todo.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                let facts = fs::symlink_metadata(&path)?;
                let name = path.strip_prefix(self.at("host"))?.display().to_string();
                found.push((name, facts.mode() & 0o7777));
                if facts.is_dir() {
                    todo.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[test]
fn what_is_installed_with_which_mode() -> Result<()> {
    let host = Host::new()?;
    host.install(&[])?;
    let mut wanted = vec![
        ("etc", 0o755),
        ("etc/injector", 0o755),
        ("etc/systemd", 0o755),
        ("etc/systemd/system", 0o755),
        ("etc/systemd/system/injector.service", 0o644),
        ("usr", 0o755),
        ("usr/bin", 0o755),
        ("usr/bin/injector", 0o755),
        ("var", 0o755),
        ("var/lib", 0o755),
        ("var/lib/injector", 0o750),
    ];
    // Only where this repository has limits to install.
    if paths::repo().join("scripts/limits.yaml").is_file() {
        wanted.insert(2, ("etc/injector/limits.yaml", 0o644));
    }
    let tree = host.tree()?;
    let tree: Vec<(&str, u32)> = tree.iter().map(|(name, mode)| (name.as_str(), *mode)).collect();
    assert_eq!(tree, wanted);
    assert_eq!(text(&host.at("host/usr/bin/injector"))?, "one");
    let unit = paths::repo().join("scripts/injector.service");
    assert_eq!(text(&host.at("host/etc/systemd/system/injector.service"))?, text(&unit)?);
    Ok(())
}

#[test]
fn again_changes_only_what_is_new() -> Result<()> {
    let host = Host::new()?;
    host.install(&[])?;
    let before = host.tree()?;
    let limits = host.at("host/etc/injector/limits.yaml");
    fs::write(&limits, "mode: observe # mine\n")?;
    fs::write(host.at("host/var/lib/injector/halted"), "")?;
    host.program("two")?;
    host.install(&[])?;
    assert_eq!(text(&host.at("host/usr/bin/injector"))?, "two");
    assert_eq!(text(&limits)?, "mode: observe # mine\n");
    fs::remove_file(host.at("host/var/lib/injector/halted"))?;
    if !before.iter().any(|(name, _)| name == "etc/injector/limits.yaml") {
        fs::remove_file(&limits)?;
    }
    assert_eq!(host.tree()?, before, "nothing else has come or gone");
    Ok(())
}

#[test]
fn a_link_that_stands_for_the_limits_is_kept() -> Result<()> {
    let host = Host::new()?;
    fs::create_dir_all(host.at("host/etc/injector"))?;
    let limits = host.at("host/etc/injector/limits.yaml");
    symlink("/nowhere/limits.yaml", &limits)?;
    host.install(&[])?;
    assert_eq!(fs::read_link(&limits)?, Path::new("/nowhere/limits.yaml"));
    Ok(())
}

#[test]
fn another_prefix_is_in_the_unit() -> Result<()> {
    let host = Host::new()?;
    host.install(&["--prefix", "/opt/injector"])?;
    let unit = text(&host.at("host/etc/systemd/system/injector.service"))?;
    assert!(unit.contains("\nExecStart=/opt/injector/bin/injector daemon\n"), "{unit}");
    assert!(unit.contains("\nExecStopPost=/opt/injector/bin/injector clean\n"), "{unit}");
    assert!(host.at("host/opt/injector/bin/injector").is_file());
    Ok(())
}

#[test]
fn uninstalling_keeps_what_people_wrote() -> Result<()> {
    let host = Host::new()?;
    host.install(&[])?;
    fs::write(host.at("host/etc/injector/limits.yaml"), "mode: observe\n")?;
    for _ in 0..2 {
        host.install(&["--uninstall"])?;
        assert!(!host.at("host/usr/bin/injector").exists());
        assert!(!host.at("host/etc/systemd/system/injector.service").exists());
        assert_eq!(text(&host.at("host/etc/injector/limits.yaml"))?, "mode: observe\n");
        assert!(host.at("host/var/lib/injector").is_dir());
    }
    Ok(())
}

#[test]
fn wrong_words_do_nothing() -> Result<()> {
    for (words, code) in [
        (&["--start"][..], 2),
        (&["--prefix"], 2),
        (&["--prefix", "usr"], 2),
        (&["--now"], 2),
        (&["--binary", "/nowhere/injector"], 1),
    ] {
        let host = Host::new()?;
        assert_eq!(host.run(words)?.status.code(), Some(code), "{words:?}");
        assert!(host.tree()?.is_empty(), "{words:?}");
    }
    Ok(())
}
