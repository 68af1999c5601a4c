//! What a descriptor refers to.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// What the descriptor among a call's arguments refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A pipe, with a name or without.
    Pipe,
    /// A socket of any family.
    Socket,
    /// A character or block device: terminals, /dev/null, disks.
    Device,
}

impl Descriptor {
    const ALL: [(&'static str, Self); 5] = [
        ("file", Self::File),
        ("directory", Self::Directory),
        ("pipe", Self::Pipe),
        ("socket", Self::Socket),
        ("device", Self::Device),
    ];

    /// The types of files that it is, a bit each: the type's number is `S_IFMT >> 12` of the file's mode.
    pub fn types(self) -> u32 {
        let bit = |mode: libc::mode_t| 1 << (mode >> 12);
        match self {
            Self::File => bit(libc::S_IFREG),
            Self::Directory => bit(libc::S_IFDIR),
            Self::Pipe => bit(libc::S_IFIFO),
            Self::Socket => bit(libc::S_IFSOCK),
            Self::Device => bit(libc::S_IFCHR) | bit(libc::S_IFBLK),
        }
    }
}

impl FromStr for Descriptor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text.trim());
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            Error::usage(format!("`{}` is nothing that a descriptor refers to", text.escape_debug()))
                .hint(format!("write {}", Self::ALL.map(|(name, _)| name).join(", ")))
        })
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::ALL.iter().find(|(_, kind)| kind == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

as_text!(Descriptor, "what a descriptor refers to, such as \"socket\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_bits() {
        for (name, kind) in Descriptor::ALL {
            assert_eq!(name.parse::<Descriptor>().unwrap(), kind);
            assert_eq!(kind.to_string(), name);
        }
        assert_eq!(Descriptor::Socket.types(), 1 << 12);
        assert_eq!(Descriptor::Device.types(), 1 << 2 | 1 << 6);
        assert!("epoll".parse::<Descriptor>().unwrap_err().hint.unwrap().contains("pipe"));
    }
}
