//! A file tree in memory and its archive in the format the kernel unpacks (cpio "newc").

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command;

/// What stands at one path of the tree.
enum Node {
    Directory(u32),
    Link(String),
    File { mode: u32, source: Source },
}

/// Where a file's bytes come from.
enum Source {
    Bytes(Vec<u8>),
    Host(PathBuf),
}

/// A guest's files by their absolute path, laid out with `/usr` merged.
#[derive(Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// Adds a directory and those above it.
    pub fn directory(&mut self, path: &str) {
        self.directory_with_mode(path, 0o755);
    }

    /// As [`Tree::directory`], with the last directory's mode.
    pub fn directory_with_mode(&mut self, path: &str, mode: u32) {
        let path = merged(path);
        self.parents(&path);
        if !path.is_empty() {
            self.nodes.entry(path).or_insert(Node::Directory(mode));
        }
    }

    /// Adds a symbolic link; a path that is there already stays as it is.
    pub fn link(&mut self, path: &str, target: &str) {
        let path = if is_root_link(path) { path.trim_start_matches('/').to_owned() } else { merged(path) };
        self.parents(&path);
        self.nodes.entry(path).or_insert_with(|| Node::Link(target.to_owned()));
    }

    /// Adds a file with these bytes.
    pub fn bytes(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        let path = merged(path);
        self.parents(&path);
        self.nodes.insert(path, Node::File { mode, source: Source::Bytes(bytes.into()) });
    }

    /// Adds a host's file, or a directory with all in it; programs bring the libraries they name.
    pub fn host(&mut self, from: &Path, to: &str) -> Result<()> {
        self.add(Path::new("/"), from, to)
    }

    /// The same of a tree of unpacked packages, in which `path` stands where it does in the guest: libraries are looked
    /// for there first, then on this machine.
    pub fn unpacked(&mut self, root: &Path, path: &str) -> Result<()> {
        self.add(root, &root.join(path.trim_start_matches('/')), path)
    }

    fn add(&mut self, root: &Path, from: &Path, to: &str) -> Result<()> {
        let facts = fs::metadata(from).with_context(|| format!("looking at {}", from.display()))?;
        let to = merged(to);
        if facts.is_dir() {
            self.directory(&to);
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                let absolute = fs::read_link(entry.path()).is_ok_and(|to| to.is_absolute());
                if absolute && root != Path::new("/") {
                    // It would lead out of the unpacked tree: to configuration, which the programs do without.
                    continue;
                }
                self.add(root, &entry.path(), &format!("{to}/{}", entry.file_name().to_string_lossy()))?;
            }
            return Ok(());
        }
        if !facts.is_file() {
            bail!("{} is neither a file nor a directory", from.display());
        }
        self.parents(&to);
        let mode = facts.permissions().mode() & 0o7777;
        if self.nodes.insert(to, Node::File { mode, source: Source::Host(from.to_owned()) }).is_none() {
            for library in libraries(root, from)? {
                let within = Path::new("/").join(library.strip_prefix(root).unwrap_or(&library));
                let path = within.to_string_lossy().into_owned();
                if !self.nodes.contains_key(&merged(&path)) {
                    self.add(root, &library, &path)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a path is taken.
    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(&merged(path))
    }

    /// Writes the archive; archives may be written one behind the other.
    pub fn write(&self, out: &mut impl Write) -> Result<()> {
        for (inode, (path, node)) in (1_u32..).zip(&self.nodes) {
            match node {
                Node::Directory(mode) => member(out, inode, path, 0o040_000 | mode, &[])?,
                Node::Link(target) => member(out, inode, path, 0o120_777, target.as_bytes())?,
                Node::File { mode, source: Source::Bytes(bytes) } => {
                    member(out, inode, path, 0o100_000 | mode, bytes)?;
                }
                Node::File { mode, source: Source::Host(file) } => {
                    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
                    member(out, inode, path, 0o100_000 | mode, &bytes)?;
                }
            }
        }
        member(out, 0, "TRAILER!!!", 0, &[])?;
        Ok(())
    }

    /// Writes the archive to a file, which appears only when it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        let directory = path.parent().context("an archive needs a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
        self.write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.persist(path)?;
        Ok(())
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.nodes.entry(path[..at].to_owned()).or_insert(Node::Directory(0o755));
        }
    }
}

/// The directories of a root that are links into `/usr`.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

fn is_root_link(path: &str) -> bool {
    MERGED.contains(&path.trim_start_matches('/'))
}

/// A path without its leading slash and with `/bin/x` as `usr/bin/x`: a directory entry at the link's path
/// would make the kernel replace the link.
fn merged(path: &str) -> String {
    let path = path.trim_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if MERGED.contains(&first) { format!("usr/{path}") } else { path.to_owned() }
}

/// One archive member: header, name and bytes, each padded to a multiple of four.
fn member(out: &mut impl Write, inode: u32, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let size = u32::try_from(bytes.len()).context("a guest's file is larger than 4 GiB")?;
    let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
    write!(out, "070701{inode:08x}{mode:08x}{0:08x}{0:08x}{links:08x}{0:08x}{size:08x}", 0)?;
    write!(out, "{0:08x}{0:08x}{0:08x}{0:08x}{1:08x}{0:08x}{name}\0", 0, name.len() + 1)?;
    pad(out, 110 + name.len() + 1)?;
    out.write_all(bytes)?;
    pad(out, bytes.len())
}

fn pad(out: &mut impl Write, length: usize) -> Result<()> {
    out.write_all(&[0; 3][..length.next_multiple_of(4) - length])?;
    Ok(())
}

/// The shared libraries that a program or library names, with theirs, of `root` if it has them; none for what is not ELF.
fn libraries(root: &Path, file: &Path) -> Result<Vec<PathBuf>> {
    let mut magic = [0; 4];
    let is_elf = io::Read::read_exact(&mut File::open(file)?, &mut magic).is_ok() && magic == *b"\x7fELF";
    if !is_elf {
        return Ok(Vec::new());
    }
    // ldd fails for static programs and for objects of other machines: they name no library to bring.
    let mut ldd = std::process::Command::new("ldd");
    if root != Path::new("/") {
        let at = |dir: &str| root.join(dir).join("x86_64-linux-gnu").display().to_string();
        ldd.env("LD_LIBRARY_PATH", ["usr/lib", "lib"].map(at).join(":"));
    }
    let listing = command::output(ldd.arg(file)).unwrap_or_default();
    if let Some(missing) = listing.lines().find(|line| line.contains("not found")) {
        bail!("{}: {}", file.display(), missing.trim());
    }
    let found = listing.lines().filter_map(|line| {
        let line = line.trim();
        let path = line.split_once("=> ").map_or(line, |(_, path)| path);
        let path = path.split(" (").next()?.trim();
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_merged_into_usr() {
        assert_eq!(merged("/lib/x86_64-linux-gnu/libc.so.6"), "usr/lib/x86_64-linux-gnu/libc.so.6");
        assert_eq!(merged("/library/x"), "library/x");
    }

    #[test]
    fn archive_is_aligned_and_ends_with_a_trailer() -> Result<()> {
        let mut tree = Tree::default();
        tree.bytes("/etc/a", 0o644, "hello");
        tree.link("/bin", "usr/bin");
        let mut archive = Vec::new();
        tree.write(&mut archive)?;
        assert_eq!(archive.len() % 4, 0);
        let text = String::from_utf8_lossy(&archive);
        assert_eq!(text.matches("070701").count(), 4, "etc, etc/a, bin and the trailer");
        assert!(text.contains("hello") && text.contains("TRAILER!!!\0"));
        Ok(())
    }
}
