//! Instances: the tag of everything that one daemon makes, and a lock that says whether it is alive.
//!
//! The lock is held by the process, so that it is free the moment the process is dead, however it died. A
//! sweep removes only what belongs to an instance whose lock is free.

use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};

/// Where the locks are: on every host the same place, so that all instances know of each other.
pub const DIRECTORY: &str = "/run/injector/instances";

/// The lock of a running instance.
#[derive(Debug)]
pub struct Instance {
    id: u32,
    path: PathBuf,
    _lock: Flock<File>,
}

impl Instance {
    /// A new instance with an id of its own.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn new() -> Result<Self> {
        Self::in_directory(Path::new(DIRECTORY))
    }

    fn in_directory(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        loop {
            let id = (random() as u32).max(1);
            let path = directory.join(format!("{id:08x}.lock"));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error).with_context(|| format!("making {}", path.display())),
            };
            let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
            return Ok(Self { id, path, _lock: lock });
        }
    }

    /// The id; `{:08x}` of it is the tag.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

/// Is nobody alive who made things with this tag?
pub fn is_dead(instance: &str) -> bool {
    is_dead_in(Path::new(DIRECTORY), instance)
}

fn is_dead_in(directory: &Path, instance: &str) -> bool {
    let path = directory.join(format!("{instance}.lock"));
    match File::open(&path) {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(file) => Flock::lock(file, FlockArg::LockSharedNonblock).is_ok(),
    }
}

/// A random number from the kernel; from the hasher's own seed if there is no `/dev/urandom`.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    match File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => {
            use std::hash::{BuildHasher as _, Hasher as _, RandomState};
            RandomState::new().build_hasher().finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_dead_when_its_lock_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let instance = Instance::in_directory(directory.path()).unwrap();
        let tag = format!("{:08x}", instance.id());
        assert!(!is_dead_in(directory.path(), &tag));
        assert!(is_dead_in(directory.path(), "00000000"));
        let path = instance.path.clone();
        drop(instance);
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        assert!(is_dead_in(directory.path(), &tag), "a lock file that nobody holds");
    }
}
