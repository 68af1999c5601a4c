//! A host that is a temporary tree: /proc and a cgroup v2 hierarchy, with directories' inodes as cgroup ids.

use super::Host;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use tempfile::TempDir;

/// Removed when dropped.
pub(crate) struct TestHost {
    _root: TempDir,
    pub(crate) host: Host,
}

impl TestHost {
    /// A hybrid host with PID 1 in /init.scope, a default gateway 192.0.2.1 and fe80::1, and nothing else.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for directory in ["proc/self", "proc/net", "sys/fs/cgroup/unified"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        fs::write(at("proc/self/mountinfo"), mounts).unwrap();
        fs::write(at("sys/fs/cgroup/unified/cgroup.procs"), "").unwrap();
        let route = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        fs::write(at("proc/net/route"), route).unwrap();
        let zero = "0".repeat(32);
        let route6 = format!("{zero} 00 {zero} 00 fe80{}1 00000400 1 0 00450003 eth0\n", "0".repeat(27));
        fs::write(at("proc/net/ipv6_route"), route6).unwrap();
        let host = Host::detect(root.path()).unwrap();
        let this = TestHost { _root: root, host };
        this.process(1, "systemd", "/init.scope");
        this
    }

    fn directory(&self, path: &str) -> PathBuf {
        self.host.cgroup.join(path.trim_start_matches('/'))
    }

    /// Makes a file of the file system, such as a runtime's, and the directories above it.
    pub(crate) fn file(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.host.root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a cgroup and those above it; gives its id.
    pub(crate) fn cgroup(&self, path: &str) -> u64 {
        let mut at = self.host.cgroup.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at.push(part);
            if !at.exists() {
                fs::create_dir(&at).unwrap();
                fs::write(at.join("cgroup.procs"), "").unwrap();
            }
        }
        fs::metadata(at).unwrap().ino()
    }

    /// Makes a process with this name in this cgroup.
    pub(crate) fn process(&self, pid: u32, comm: &str, cgroup: &str) {
        self.cgroup(cgroup);
        let procs = self.directory(cgroup).join("cgroup.procs");
        let text = fs::read_to_string(&procs).unwrap();
        fs::write(procs, format!("{text}{pid}\n")).unwrap();
        let directory = self.host.proc.join(pid.to_string());
        fs::create_dir_all(directory.join("ns")).unwrap();
        fs::write(directory.join("comm"), format!("{comm}\n")).unwrap();
        fs::write(directory.join("cgroup"), format!("2:cpu:/\n1:name=systemd:/x\n0::{cgroup}\n")).unwrap();
        fs::write(directory.join("ns/net"), "").unwrap();
        symlink(format!("/usr/sbin/{comm}"), directory.join("exe")).unwrap();
    }
}
