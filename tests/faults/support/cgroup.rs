//! cgroups of a test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

pub struct Cgroup {
    /// Below the cgroup2 root, as targets are named.
    pub path: String,
    directory: PathBuf,
}

/// The cgroup2 mount: on hybrid hosts not the usual place.
fn root() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 ")).expect("a cgroup2 mount");
    PathBuf::from(line.split(' ').nth(4).unwrap())
}

impl Cgroup {
    pub fn new(name: &str) -> Self {
        let directory = root().join(name);
        remove(&directory);
        fs::create_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        Self { path: format!("/{name}"), directory }
    }

    pub fn child(&self, name: &str) -> Self {
        Self::at((self.path.clone(), self.directory.clone()), name)
    }

    /// What [`Cgroup::at`] makes children of.
    pub fn root(&self) -> (String, PathBuf) {
        (self.path.clone(), self.directory.clone())
    }

    /// A child of a cgroup that somebody else holds.
    pub fn at((path, directory): (String, PathBuf), name: &str) -> Self {
        let directory = directory.join(name);
        fs::create_dir(&directory).unwrap();
        Self { path: format!("{path}/{name}"), directory }
    }

    /// What a person would write into one of its files.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).unwrap_or_else(|e| panic!("{file} of {}: {e}", self.path));
    }

    /// One of its files.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file))
            .unwrap_or_else(|e| panic!("{file} of {}: {e}", self.path))
    }

    /// Gives it these controllers (`+memory +pids`), by way of all above it.
    pub fn give(&self, controllers: &str) {
        let mut above: Vec<_> = self.directory.ancestors().skip(1).collect();
        above.retain(|directory| directory.starts_with(root()));
        for directory in above.iter().rev() {
            let file = directory.join("cgroup.subtree_control");
            fs::write(&file, controllers).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
    }

    /// Moves the calling process into it.
    pub fn enter(&self) {
        fs::write(self.directory.join("cgroup.procs"), "0").expect("joining a cgroup");
    }

    /// Ends all that runs in it (Linux 5.14), and waits until it has ended.
    pub fn kill(&self) {
        fs::write(self.directory.join("cgroup.kill"), "1").expect("ending a cgroup's processes");
        super::wait_for(10, &format!("the end of all in {}", self.path), || {
            let events = fs::read_to_string(self.directory.join("cgroup.events")).ok()?;
            events.contains("populated 0").then_some(())
        });
    }

    pub fn id(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(&self.directory).unwrap().ino()
    }
}

/// A cgroup can be removed only a moment after its last process has ended.
fn remove(directory: &Path) {
    for _ in 0..100 {
        if let Ok(entries) = fs::read_dir(directory) {
            for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
                remove(&entry.path());
            }
        }
        if !directory.exists() || fs::remove_dir(directory).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("{} cannot be removed", directory.display());
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.directory);
    }
}
