//! What is protected, whatever was asked.

use super::Skipped;
use crate::error::Error;
use crate::limits::Protection;
use crate::limits::protection::holding;
use crate::spec::peer::show;
use crate::spec::{FaultKind, FaultSpec, Host, Peer, Ports, SyscallName};
use crate::target::{Cgroup, Target};
use std::collections::BTreeMap;
use std::fmt::Display;

type Parts = (Vec<Cgroup>, Vec<Skipped>);

/// Refuses protected targets, peers and system calls; else the cgroups to act on, and the protected ones.
pub(super) fn check(spec: &FaultSpec, targets: &[Target], protection: &Protection) -> Result<Parts, Error> {
    let parts = split(targets, protection)?;
    // What is excepted is spared anyway; questions for names go to port 53, which is protected from all other faults.
    let dns = matches!(spec.fault, FaultKind::Dns { .. });
    for peer in &spec.matching.peer {
        if !dns {
            check_port(peer.ports, &format!("of the peer {peer}"), peer, protection)?;
        }
        check_address(peer, protection)?;
    }
    if let Some(local) = spec.matching.local_port {
        check_port(Some(local), "of the target", &local, protection)?;
    }
    if let Some(interface) = &spec.matching.interface {
        check_interface(interface.as_str(), protection)?;
    }
    if let FaultKind::Fail { syscall, exact, .. } = &spec.fault {
        check_syscall(*syscall, *exact, protection)?;
    }
    Ok(parts)
}

/// The targets' cgroups, each once: those to act on, and the protected ones.
fn split(targets: &[Target], protection: &Protection) -> Result<Parts, Error> {
    let (mut allowed, mut skipped) = (BTreeMap::new(), BTreeMap::new());
    for target in targets {
        let name = &target.spec;
        let refuse = |message: String| {
            Error::refused(message)
                .hint("protected are the root cgroup, PID 1, the daemon, sshd and its sessions, and the limits file's list")
                .limit("protect", name, "any cgroup that is not protected")
        };
        if let Some(why) = protection.why_protected(&target.path) {
            return Err(refuse(format!("{name} ({}) is protected: {why}", target.path)));
        }
        let mut one = false;
        for cgroup in &target.cgroups {
            match protection.why_protected(&cgroup.path) {
                Some(why) => _ = skipped.insert(cgroup.path.clone(), Skipped { cgroup: cgroup.clone(), why }),
                None => {
                    one = true;
                    allowed.insert(cgroup.path.clone(), cgroup.clone());
                }
            }
        }
        if !one {
            return Err(refuse(format!("every cgroup of {name} is protected")));
        }
    }
    Ok((allowed.into_values().collect(), skipped.into_values().collect()))
}

/// A range that holds a protected port among others is allowed: the programs pass protected packets by themselves.
fn check_port(
    ports: Option<Ports>,
    whose: &str,
    asked: &dyn Display,
    protection: &Protection,
) -> Result<(), Error> {
    let one = ports.and_then(|ports| ports.single());
    let Some((port, why)) = one.and_then(|port| protection.ports.get_key_value(&port)) else { return Ok(()) };
    Err(Error::refused(format!("port {port} {whose} is protected: {why}"))
        .hint("name another port; packets from and to protected ports are never faulted")
        .limit("protect", asked, "any port that is not protected"))
}

/// A name is looked at when its addresses are known: what is protected of them is passed by the programs.
fn check_address(peer: &Peer, protection: &Protection) -> Result<(), Error> {
    let Host::Net(net) = &peer.host else { return Ok(()) };
    let Some((net, why)) = holding(&protection.addresses, net) else { return Ok(()) };
    Err(Error::refused(format!("the peer {peer} is inside {}, which is protected: {why}", show(net)))
        .hint("name another address; packets from and to protected addresses are never faulted")
        .limit("protect", peer, "any address that is not protected"))
}

fn check_interface(name: &str, protection: &Protection) -> Result<(), Error> {
    let Some(why) = protection.why_interface(name) else { return Ok(()) };
    Err(Error::refused(format!("the interface {name} is protected: {why}"))
        .hint("name another one; packets through protected interfaces are never faulted")
        .limit("protect", name, "any interface that is not protected"))
}

/// A family is refused as a whole if one of its calls is protected.
fn check_syscall(family: SyscallName, exact: bool, protection: &Protection) -> Result<(), Error> {
    let name = family.to_string();
    let members = family.members(exact);
    let mut names = members.iter().map(|call| call.name()).chain((!exact).then_some(name.as_str()));
    match names.find_map(|name| protection.syscalls.get_key_value(name)) {
        None => Ok(()),
        Some((call, why)) => Err(Error::refused(format!("the system call {call} is protected: {why}"))
            .hint("name another one; protected system calls never fail")
            .limit("protect", family, "any system call that is not protected")),
    }
}
