//! Compiling everything once, and sorting the test binaries that came of it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::paths;
use crate::setup::toolchain;

/// The profile that tests run in: what developers have built already.
const PROFILE: &str = "dev";

/// Where a test binary runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anywhere.
    Unit,
    /// As root on this machine.
    Native,
    /// In guests.
    Vm,
}

/// A compiled test binary.
#[derive(Debug, PartialEq)]
pub struct Binary {
    /// Its target's name; for a crate's own unit tests the crate's.
    pub name: String,
    /// Where it runs.
    pub kind: Kind,
    /// The program.
    pub path: PathBuf,
    /// Its package's directory: tests run there, as with `cargo test`.
    pub directory: PathBuf,
}

/// What was compiled.
#[derive(Default)]
pub struct Built {
    binaries: Vec<Binary>,
    /// The program under test.
    pub injector: Option<PathBuf>,
}

impl Built {
    /// The binaries of one kind.
    pub fn of(&self, kind: Kind) -> Vec<&Binary> {
        self.binaries.iter().filter(|binary| binary.kind == kind).collect()
    }

    fn take(&mut self, message: &Value) -> Option<()> {
        let executable = PathBuf::from(message["executable"].as_str()?);
        let target = &message["target"];
        let (name, kind) = (target["name"].as_str()?, target["kind"][0].as_str()?);
        if message["profile"]["test"] == Value::Bool(true) {
            let directory = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
            let place = match kind {
                "test" if name.starts_with("native_") => Kind::Native,
                "test" if name.starts_with("vm_") => Kind::Vm,
                _ => Kind::Unit,
            };
            let name = if kind == "test" { name.to_owned() } else { format!("{name} ({kind})") };
            self.binaries.push(Binary { name, kind: place, path: executable, directory });
        } else if (name, kind) == ("injector", "bin") {
            self.injector = Some(executable);
        }
        Some(())
    }
}

/// Builds the workspace and its tests. Without an eBPF toolchain the kernel side is left out, and only unit
/// tests can run.
pub fn build() -> Result<Built> {
    println!("\n== build");
    // The program itself is one of what comes of it. `cargo build` would make it anew, without what only tests need of its
    // dependencies: minutes.
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace", "--profile", PROFILE, "--no-run"]).current_dir(paths::repo());
    tests.arg("--message-format=json-render-diagnostics");
    if toolchain::ebpf().is_none() {
        tests.env("AYA_BUILD_SKIP", "1");
    }
    let output = tests.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo test --no-run: {}", output.status);
    }
    let mut built = Built::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Ok(message) = serde_json::from_str(line) {
            built.take(&message);
        }
    }
    built.binaries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact(name: &str, kind: &str, test: bool) -> Value {
        json!({
            "executable": format!("/t/{name}"), "manifest_path": "/r/pkg/Cargo.toml",
            "target": {"name": name, "kind": [kind]}, "profile": {"test": test},
        })
    }

    #[test]
    fn binaries_are_sorted_by_name() {
        let mut built = Built::default();
        for (name, kind, test) in [
            ("vm_net", "test", true),
            ("native_x", "test", true),
            ("cli", "test", true),
            ("injector", "lib", true),
        ] {
            built.take(&artifact(name, kind, test));
        }
        built.take(&artifact("injector", "bin", false));
        built.take(&json!({"reason": "build-finished"}));
        assert_eq!(built.of(Kind::Vm).len(), 1);
        assert_eq!(built.of(Kind::Native).len(), 1);
        assert_eq!(built.of(Kind::Unit).len(), 2);
        assert_eq!(built.injector, Some("/t/injector".into()));
    }
}
