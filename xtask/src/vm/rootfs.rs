//! A guest's file system: the tools every guest has (cached), and what one run adds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::GuestJob;
use super::cpio::Tree;
use super::key::{self, Key};
use crate::{command, paths};

/// Programs that every guest has; the rest of its commands are busybox's.
const TOOLS: &str = "bash bpftool ethtool ip iperf3 nginx nsenter ping ss tc unshare wrk";

/// Programs that a guest has when this machine has them.
const EXTRA_TOOLS: &str = "curl strace";

/// What iproute2's programs read: its names, and the distributions of `tc`'s netem.
const IPROUTE2: [&str; 6] = [
    "/etc/iproute2",
    "/usr/lib/iproute2",
    "/usr/share/iproute2",
    "/usr/lib/tc",
    "/usr/lib/x86_64-linux-gnu/tc",
    "/usr/lib/aarch64-linux-gnu/tc",
];

/// Accounts that programs look up: nginx drops to www-data, tests to nobody.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n";

/// wrk looks up even the port of a plain `http:`.
const SERVICES: &str = "domain 53/tcp\ndomain 53/udp\nhttp 80/tcp\nhttps 443/tcp\n";

/// The archive of the tools, made anew when one of them or the first process changed.
pub fn base() -> Result<PathBuf> {
    let mut tools = Vec::new();
    for name in TOOLS.split(' ') {
        tools.push(paths::program(name).with_context(|| format!("no {name}: run `cargo xtask setup`"))?);
    }
    tools.extend(EXTRA_TOOLS.split(' ').filter_map(paths::program));
    let init = paths::repo().join("tests/guest/init");
    let busybox = Path::new("/bin/busybox");
    let mut key = Key::new();
    key.text(&fs::read_to_string(&init).context("reading the guest's init")?)
        .text(PASSWD)
        .text(GROUP)
        .text(SERVICES)
        .text(&IPROUTE2.join(" "));
    key.file(busybox).context("no static busybox: run `cargo xtask setup`")?;
    for tool in &tools {
        key.file(tool)?;
    }
    let cache = paths::cache()?.join("vm");
    let cached = cache.join(format!("base-{key}.cpio"));
    if cached.is_file() {
        return Ok(cached);
    }
    let mut tree = skeleton();
    tree.host(&init, "/init")?;
    tree.host(busybox, "/usr/bin/busybox")?;
    for tool in &tools {
        tree.host(tool, &guest_path(tool))?;
    }
    for applet in command::output(Command::new(busybox).arg("--list-full"))?.lines() {
        let path = if applet.starts_with("usr/") { format!("/{applet}") } else { format!("/usr/{applet}") };
        let name = applet.rsplit('/').next().unwrap_or(applet);
        // A real program in the other directory wins too: sbin stands before bin in PATH.
        if !["bin", "sbin"].iter().any(|dir| tree.contains(&format!("/usr/{dir}/{name}"))) {
            tree.link(&path, "/usr/bin/busybox");
        }
    }
    for directory in IPROUTE2 {
        if Path::new(directory).is_dir() {
            tree.host(Path::new(directory), directory)?;
        }
    }
    tree.save(&cached)?;
    key::prune(&cache)?;
    Ok(cached)
}

/// Directories, links and files of `/etc` that programs take for granted.
fn skeleton() -> Tree {
    let mut tree = Tree::default();
    for directory in ["bin", "lib", "lib64", "sbin"] {
        tree.directory(&format!("/usr/{directory}"));
        tree.link(&format!("/{directory}"), &format!("usr/{directory}"));
    }
    for directory in [
        "/dev",
        "/proc",
        "/sys",
        "/run",
        "/vm",
        "/usr/local/bin",
        "/var/lib/nginx",
        "/var/log/nginx",
        "/var/www",
    ] {
        tree.directory(directory);
    }
    tree.directory_with_mode("/root", 0o700);
    tree.directory_with_mode("/tmp", 0o1777);
    tree.directory_with_mode("/var/tmp", 0o1777);
    tree.link("/var/run", "/run");
    tree.bytes("/etc/passwd", 0o644, PASSWD);
    tree.bytes("/etc/group", 0o644, GROUP);
    tree.bytes("/etc/services", 0o644, SERVICES);
    tree.bytes("/etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n");
    tree.bytes("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files\n");
    tree
}

/// A tool's path in the guest: its own, or `/usr/bin` for one that a person keeps elsewhere.
fn guest_path(tool: &Path) -> String {
    let path = tool.to_string_lossy().into_owned();
    if path.starts_with("/usr/") || path.starts_with("/bin/") || path.starts_with("/sbin/") {
        return path;
    }
    format!("/usr/bin/{}", tool.file_name().unwrap_or_default().to_string_lossy())
}

/// The files of one run: the command, its program when it is one of this machine's, and what it asks for.
pub fn job(job: &GuestJob) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut words = job.command.clone();
    if let Some(program) = words.first_mut().filter(|word| word.contains('/') && Path::new(word).is_file()) {
        let path = Path::new(program).canonicalize()?;
        tree.host(&path, &path.to_string_lossy())?;
        *program = path.to_string_lossy().into_owned();
    }
    for (from, to) in &job.files {
        tree.host(from, to)?;
    }
    let mut script = String::new();
    for (name, value) in &job.env {
        script += &format!("export {name}={}\n", quote(value));
    }
    let words: Vec<_> = words.iter().map(|word| quote(word)).collect();
    script += &format!("exec {}\n", words.join(" "));
    tree.bytes("/vm/command", 0o755, script);
    Ok(tree)
}

/// A word as a shell reads it back unchanged.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() -> Result<()> {
        for word in ["plain", "two words", "it's", "$HOME `id` \\", ""] {
            let script = format!("printf %s {}", quote(word));
            assert_eq!(command::output(Command::new("sh").args(["-c", &script]))?, word);
        }
        Ok(())
    }
}
