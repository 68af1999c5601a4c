//! Files and disks that refuse.

use super::*;

/// A disk with so much room; it takes what fits and then refuses.
#[derive(Debug, Default)]
pub struct Disk {
    pub bytes: Vec<u8>,
    pub room: usize,
    pub cut_fails: bool,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room - self.bytes.len());
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Disk {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.cut_fails {
            return Err(io::ErrorKind::Other.into());
        }
        self.bytes.truncate(length as usize);
        Ok(())
    }
}

impl Append<Disk> {
    pub fn on(disk: Disk) -> Self {
        Self { sink: disk, whole: Some(0), close: REFUSED }
    }

    pub fn disk(&mut self) -> &mut Disk {
        &mut self.sink
    }
}

#[test]
fn a_line_that_does_not_fit_leaves_nothing() {
    let mut append = Append::on(Disk { room: 7, ..Disk::default() });
    append.line(b"one", true).unwrap();
    let error = append.line(b"three", true).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!((append.whole(), append.disk().bytes.as_slice()), (Some(4), &b"one\n"[..]));
    append.disk().room = 100;
    append.line(b"two", true).unwrap();
    assert_eq!(append.disk().bytes, b"one\ntwo\n");
}

#[test]
fn what_cannot_be_cut_off_is_closed_by_a_newline() {
    let mut append = Append::on(Disk { room: 7, cut_fails: true, ..Disk::default() });
    append.line(b"one", true).unwrap();
    append.line(b"three", true).unwrap_err();
    assert_eq!(append.whole(), None);
    append.disk().room = 100;
    append.line(b"two", true).unwrap();
    append.line(b"four", false).unwrap();
    assert_eq!(append.disk().bytes, b"one\nthr~\ntwo\nfour\n");
    assert_eq!(append.whole(), Some(18));
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_line_is_known_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "torn").unwrap();
    let mut append = Append::open(&path).unwrap();
    assert_eq!(append.whole(), None);
    append.line(b"next", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"torn\nnext\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Append::open(&link).is_err(), "a link could lead anywhere");
}
