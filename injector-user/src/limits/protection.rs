//! What no fault touches, computed from the host.

use super::{Protect, gateways};
use crate::error::Error;
use crate::spec::TargetSpec;
use crate::target::{Host, cgroup_of, comm, executable, pids_of_host, subtree};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// Ports that are protected always, and why.
const PORTS: [(u16, &str); 6] =
    [(22, "ssh"), (53, "DNS"), (67, "DHCP"), (68, "DHCP"), (546, "DHCPv6"), (547, "DHCPv6")];

/// What is protected on a host at the moment of asking: for the verdict here, and for the kernel's own check.
///
/// By cgroup, by task and by packet, because a socket belongs to its creator's cgroup (DESIGN.md 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Protection {
    /// Paths of protected cgroups and why. Everything below one is protected too, except below the root `/`.
    pub cgroups: BTreeMap<String, String>,
    /// Names of protected units and why: a cgroup of that name, wherever it appears.
    pub units: BTreeMap<String, String>,
    /// Protected processes (thread group ids) and why.
    pub tgids: BTreeMap<u32, String>,
    /// Protected ports, at either end of a packet, and why.
    pub ports: BTreeMap<u16, String>,
    /// Protected networks, at either end of a packet, and why.
    pub addresses: BTreeMap<IpNet, String>,
    /// Protected users (uids) and why: packets and calls of their processes.
    pub users: BTreeMap<u32, String>,
    /// Names of protected network interfaces and why.
    pub interfaces: BTreeMap<String, String>,
    /// Names of protected system calls and why.
    pub syscalls: BTreeMap<String, String>,
}

impl Protection {
    /// Reads what is protected always (the root cgroup, PID 1, the daemon `daemon`, sshd and its sessions, ssh, DNS and
    /// DHCP ports, the default gateways) and adds `list`, the limits file's.
    pub fn gather(host: &Host, daemon: u32, list: &[Protect]) -> Result<Self, Error> {
        let mut protection = Protection::default();
        protection.cgroups.insert("/".into(), "it is the root cgroup".into());
        protection.ports =
            PORTS.iter().map(|(port, why)| (*port, format!("it is the port of {why}"))).collect();
        protection.add_process(host, 1, "PID 1");
        protection.add_process(host, daemon, "the injector daemon");
        for pid in pids_of_host(host)? {
            let program = executable(host, pid);
            // Kernel threads: most processes of many hosts. Their names are no reason to look again.
            if program.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                continue;
            }
            if is_sshd(program.ok()) || is_sshd(comm(host, pid)) {
                protection.add_process(host, pid, "sshd");
            }
        }
        protection.add_gateways(host, None)?;
        for entry in list {
            protection.add(host, entry);
        }
        protection.name_units(host)?;
        Ok(protection)
    }

    /// Adds the default gateways of the network namespace that `pid` is in.
    pub fn add_gateways(&mut self, host: &Host, pid: Option<u32>) -> Result<(), Error> {
        for address in gateways(host, pid)? {
            self.addresses.entry(address.into()).or_insert_with(|| "it is the default gateway".into());
        }
        Ok(())
    }

    fn add_process(&mut self, host: &Host, pid: u32, who: &str) {
        // First come, first named: PID 1 before the daemon before sshd.
        self.tgids.entry(pid).or_insert_with(|| format!("it is {who}"));
        if let Some(path) = cgroup_of(host, pid).filter(|path| path.starts_with('/')) {
            self.cgroups.entry(path).or_insert_with(|| format!("{who} (pid {pid}) is in it"));
        }
    }

    fn add(&mut self, host: &Host, entry: &Protect) {
        let why = || "the limits file protects it".to_owned();
        match entry {
            Protect::Target(TargetSpec::Cgroup(path)) => {
                self.cgroups.entry(path.clone()).or_insert_with(why);
            }
            Protect::Target(TargetSpec::Unit(name)) => {
                self.units.entry(name.clone()).or_insert_with(why);
            }
            // The list's reader takes no other targets: they would have to be found again for each new cgroup.
            Protect::Target(_) => {}
            Protect::Port(port) => {
                self.ports.entry(*port).or_insert_with(why);
            }
            Protect::Address(net) => {
                self.addresses.entry(*net).or_insert_with(why);
            }
            Protect::Pid(pid) => self.add_process(host, *pid, "a process that the limits file protects"),
            Protect::User(user) => {
                if let Some(uid) = user.uid() {
                    self.users.entry(uid).or_insert_with(why);
                }
            }
            Protect::Interface(name) => {
                self.interfaces.entry(name.clone()).or_insert_with(why);
            }
            Protect::Syscall(name) => {
                self.syscalls.entry(name.clone()).or_insert_with(why);
            }
        }
    }

    /// Adds the paths that protected units have now, for the kernel's list of ids.
    fn name_units(&mut self, host: &Host) -> Result<(), Error> {
        if self.units.is_empty() {
            return Ok(());
        }
        for cgroup in subtree(host, "/")? {
            let name = cgroup.path.rsplit('/').next().unwrap_or_default();
            if let Some(why) = self.units.get(name) {
                self.cgroups.entry(cgroup.path.clone()).or_insert_with(|| why.clone());
            }
        }
        Ok(())
    }

    /// Why nothing is attached to the interface of this name; `None` if it is not protected.
    pub fn why_interface(&self, name: &str) -> Option<&str> {
        self.interfaces.get(name).map(String::as_str)
    }

    /// Why the cgroup at `path` is protected, by itself or by one above it; `None` if it is not.
    pub fn why_protected(&self, path: &str) -> Option<String> {
        if path.trim_end_matches('/').is_empty() {
            return Some("it is the root cgroup".into());
        }
        let mut at = path;
        while !at.is_empty() {
            let (above, name) = at.rsplit_once('/').unwrap_or(("", at));
            if let Some(why) = self.cgroups.get(at).or_else(|| self.units.get(name)) {
                return Some(if at == path {
                    why.clone()
                } else {
                    format!("it is below {at}, which is protected: {why}")
                });
            }
            at = above;
        }
        None
    }
}

/// `sshd`, and since OpenSSH 9.8 `sshd-session` and `sshd-auth`.
fn is_sshd(name: Option<String>) -> bool {
    name.is_some_and(|name| name == "sshd" || name.starts_with("sshd-"))
}

/// The networks of `protected` that hold all of `net`.
pub(super) fn holding<'a>(
    protected: &'a BTreeMap<IpNet, String>,
    net: &IpNet,
) -> Option<(&'a IpNet, &'a String)> {
    protected.iter().find(|(known, _)| known.contains(net))
}
