//! A file that only grows, a line at a time: all of a line or nothing of it.
//!
//! A disk that fills up takes a part of a line and refuses the rest. That part is cut off again; where even that
//! does not work, the next line first spoils and ends it, so that the refused line is not read as a good one and
//! the next one stands alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// What a line is written to: a file, or a test's idea of a full disk.
pub trait Sink: Write {
    /// Returns when everything written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Makes it `length` bytes long.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        // A file that was removed takes every line and keeps none.
        if self.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file has been removed"));
        }
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|facts| facts.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Append<S = File> {
    sink: S,
    /// How long it is up to the end of its last whole line; `None`: it ends in the middle of one.
    whole: Option<u64>,
    /// What ends that line.
    close: &'static [u8],
}

/// Ends a line that an earlier process left: it may lack nothing but its newline.
const UNENDED: &[u8] = b"\n";

/// Ends a line that was refused, and makes it a bad one if it lacked nothing but its newline.
const REFUSED: &[u8] = b"~\n";

impl Append {
    /// Opens `path` for more lines. A new file has mode 0600 and is in its directory, also after a power cut,
    /// when this returns; an old one gets that mode.
    ///
    /// # Errors
    /// It is a symbolic link, or cannot be opened or made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        let length = file.length()?;
        if length == 0 {
            sync_directory(path)?;
            return Ok(Self { sink: file, whole: Some(0), close: REFUSED });
        }
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(Self { sink: file, whole: (last == *b"\n").then_some(length), close: UNENDED })
    }
}

impl<S: Sink> Append<S> {
    /// Appends `line`, which has no newline, and one. With `durable` it is on the disk when this returns.
    ///
    /// # Errors
    /// The disk refuses: nothing of the line is there then, or a part of it that the next line closes.
    pub fn line(&mut self, line: &[u8], durable: bool) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 3);
        if self.whole.is_none() {
            bytes.extend_from_slice(self.close);
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        let written =
            self.sink.write_all(&bytes).and_then(|()| if durable { self.sink.sync() } else { Ok(()) });
        if written.is_ok() {
            self.whole = match self.whole {
                Some(length) => Some(length + bytes.len() as u64),
                None => self.sink.length().ok(),
            };
        } else {
            self.cut();
        }
        written
    }

    /// Ends the line that an earlier process left without a newline.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn end(&mut self) -> io::Result<()> {
        if self.whole.is_none() {
            self.sink.write_all(self.close).and_then(|()| self.sink.sync())?;
            self.whole = Some(self.sink.length()?);
        }
        Ok(())
    }

    /// Takes back everything after the first `length` bytes.
    pub fn take_back(&mut self, length: u64) {
        self.whole = Some(length);
        self.cut();
    }

    fn cut(&mut self) {
        if self.whole.is_some() {
            self.close = REFUSED;
        }
        self.whole = self.whole.filter(|length| self.sink.cut(*length).is_ok());
    }

    /// Its length in bytes; `None` if it ends in the middle of a line.
    pub fn whole(&self) -> Option<u64> {
        self.whole
    }
}

/// Makes the names in the directory of `path` survive a power cut.
///
/// # Errors
/// The directory cannot be opened or synced.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
pub mod tests;
