//! Small files of the kernel's, read whole.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::Path,
};

use nix::{fcntl::OFlag, sys::stat::Mode};

/// None of these files is larger; /proc/net/netstat has 5 KB.
const MOST: u64 = 256 * 1024;

/// A file's text, or why there is none: for people.
pub(super) fn read(path: &Path) -> Result<String, String> {
    File::open(path).and_then(whole).map_err(|error| why(&path.display().to_string(), &error))
}

/// The same for a file in a directory that is open.
pub(super) fn read_at(directory: &OwnedFd, name: &str) -> Result<String, String> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let opened = nix::fcntl::openat(directory, name, flags, Mode::empty()).map_err(io::Error::from);
    opened.and_then(|fd| whole(File::from(fd))).map_err(|error| why(name, &error))
}

fn whole(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

fn why(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {name}"),
        _ => format!("{name}: {error}"),
    }
}

/// The number of a `KEY NUMBER` line.
pub(super) fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// A file with one number; `max` is `None`.
pub(super) fn limit(text: &str) -> Result<Option<u64>, String> {
    match text.trim() {
        "max" => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("`{number}` is not a number")),
    }
}

/// All numbers of a line.
pub(super) fn numbers(line: &str) -> Vec<u64> {
    line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}
