//! Block devices of a test's own, of the kernel's module null_blk: requests end after as long as it is told.

use std::{fs, path::Path, path::PathBuf, process::Command, time::Duration};

use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sys::{
        stat::Mode,
        uio::{pread, pwrite},
    },
};

use crate::support::wait_for;

/// Where devices are made.
const MADE: &str = "/sys/kernel/config/nullb";

/// One request of a direct read or write: nothing is merged, and nothing is remembered.
pub const BLOCK: usize = 4096;

#[repr(align(4096))]
struct Page([u8; BLOCK]);

pub struct Device {
    made: PathBuf,
    name: String,
}

/// Has this kernel the module? It is loaded then.
pub fn able() -> Result<(), String> {
    if !Path::new(MADE).is_dir() {
        let out = Command::new("modprobe").args(["null_blk", "nr_devices=0"]).output();
        let out = out.map_err(|error| format!("modprobe: {error}"))?;
        if !out.status.success() {
            return Err(format!("null_blk: {}", String::from_utf8_lossy(&out.stderr).trim()));
        }
        let none = None::<&str>;
        mount(Some("config"), "/sys/kernel/config", Some("configfs"), MsFlags::empty(), none)
            .map_err(|error| format!("configfs: {error}"))?;
    }
    Ok(())
}

fn devices() -> Vec<String> {
    fs::read_dir("/sys/block").unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect()
}

impl Device {
    /// Its requests take so long; they go through this scheduler of the kernel's.
    pub fn new(name: &str, span: Duration, scheduler: &str) -> Self {
        let made = Path::new(MADE).join(name);
        fs::create_dir(&made).unwrap_or_else(|error| panic!("{}: {error}", made.display()));
        let before = devices();
        let nanos = span.as_nanos().to_string();
        for (key, value) in [
            ("completion_nsec", nanos.as_str()),
            // By a timer.
            ("irqmode", "2"),
            ("queue_mode", "2"),
            ("blocksize", "512"),
            ("size", "64"),
            ("submit_queues", "1"),
            ("hw_queue_depth", "64"),
            ("power", "1"),
        ] {
            fs::write(made.join(key), value).unwrap_or_else(|error| panic!("{key} of {name}: {error}"));
        }
        let name = wait_for(10, "the device", || devices().into_iter().find(|one| !before.contains(one)));
        let device = Self { made, name };
        wait_for(10, "its node", || device.node().exists().then_some(()));
        fs::write(device.file("queue/scheduler"), scheduler).unwrap();
        device
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new("/sys/block").join(&self.name).join(name)
    }

    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// `MAJOR:MINOR`
    pub fn number(&self) -> String {
        fs::read_to_string(self.file("dev")).unwrap().trim().to_owned()
    }

    /// Reads and writes that ended, as the kernel counts them (Documentation/block/stat.rst).
    pub fn ended(&self) -> [u64; 2] {
        let text = fs::read_to_string(self.file("stat")).unwrap();
        let all: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        [all[0], all[4]]
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let off = fs::write(self.made.join("power"), "0");
        if let Err(error) = off.and_then(|()| fs::remove_dir(&self.made)) {
            eprintln!("{} cannot be removed: {error}", self.made.display());
        }
    }
}

/// So many direct reads or writes, one after the other.
pub fn direct(node: &Path, n: usize, writes: bool) {
    let fd = open(node, OFlag::O_RDWR | OFlag::O_DIRECT, Mode::empty()).unwrap();
    let mut page = Page([7; BLOCK]);
    for at in 0..n {
        let at = libc::off_t::try_from(at * BLOCK).unwrap();
        let done = if writes { pwrite(&fd, &page.0, at) } else { pread(&fd, &mut page.0, at) };
        assert_eq!(done, Ok(BLOCK));
    }
}
