//! The end of the log, as an earlier daemon left it.

use std::{fs, io, path::Path};

use super::{
    decision::Damaged,
    files,
    line::{self, Link, Seen},
};

/// See the module.
pub struct Tail {
    /// The last line.
    last: Link,
    /// What follows it and is none.
    pub damaged: Vec<Damaged>,
}

impl Tail {
    /// Reads the newest file, and older ones while there is no line in it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let mut damaged = Vec::new();
        for path in files::all(dir).iter().rev() {
            let text = fs::read(path)?;
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            for line in text.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
                match line::unseal(line) {
                    Some(Seen { seq, hash, .. }) => return Ok(Self { last: Link { seq, hash }, damaged }),
                    None => damaged.push(line::damage(line)),
                }
            }
        }
        Ok(Self { last: Link::default(), damaged })
    }

    /// Where to go on, and what is wrong. Lines that the head knows of and that are not there leave a gap in the
    /// numbers, which is seen ever after.
    pub fn judge(&self, head: io::Result<Option<Link>>) -> (Link, Vec<String>) {
        let mut found = Vec::new();
        for damaged in &self.damaged {
            found.push(format!("{} bytes after line {} are no line", damaged.bytes, self.last.seq));
        }
        let mut seq = self.last.seq;
        match head {
            Ok(None) if seq == 0 => {}
            Ok(None) => found.push(format!("there is no audit.head, and {seq} lines")),
            Err(error) => found.push(format!("audit.head can't be read: {error}")),
            Ok(Some(head)) if head.seq > seq => {
                found.push(format!("the log ends with line {seq}, and audit.head knows line {}", head.seq));
                seq = head.seq;
            }
            Ok(Some(head)) if head.seq == seq && head.hash != self.last.hash => {
                found.push(format!("line {seq} is not the one that audit.head knows"));
            }
            // A crash between a line and its head.
            Ok(Some(head)) if head.seq + 1 >= seq => {}
            Ok(Some(head)) => {
                found.push(format!("the log ends with line {seq}, and audit.head with line {}", head.seq));
            }
        }
        (Link { seq, hash: self.last.hash.clone() }, found)
    }
}
