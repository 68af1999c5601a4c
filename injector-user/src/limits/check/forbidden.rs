//! What is protected, whatever was asked.

use super::Skipped;
use crate::error::Error;
use crate::limits::Protection;
use crate::limits::protection::holding;
use crate::spec::peer::show;
use crate::spec::{FaultKind, FaultSpec, Peer, SyscallName};
use crate::target::{Cgroup, Target};
use std::collections::BTreeMap;

type Parts = (Vec<Cgroup>, Vec<Skipped>);

/// Refuses protected targets, peers and system calls; else the cgroups to act on, and the protected ones.
pub(super) fn check(spec: &FaultSpec, targets: &[Target], protection: &Protection) -> Result<Parts, Error> {
    let parts = split(targets, protection)?;
    if let Some(peer) = &spec.peer {
        check_peer(peer, protection)?;
    }
    if let FaultKind::Fail { syscall, .. } = &spec.fault {
        check_syscall(*syscall, protection)?;
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

fn check_peer(peer: &Peer, protection: &Protection) -> Result<(), Error> {
    if let Some((port, why)) = peer.port.and_then(|port| protection.ports.get_key_value(&port)) {
        return Err(Error::refused(format!("port {port} of the peer {peer} is protected: {why}"))
            .hint("name another port; packets from and to protected ports are never faulted")
            .limit("protect", peer, "any port that is not protected"));
    }
    if let Some((net, why)) = peer.net.as_ref().and_then(|net| holding(&protection.addresses, net)) {
        return Err(Error::refused(format!(
            "the peer {peer} is inside {}, which is protected: {why}",
            show(net)
        ))
        .hint("name another address; packets from and to protected addresses are never faulted")
        .limit("protect", peer, "any address that is not protected"));
    }
    Ok(())
}

/// A family is refused as a whole if one of its calls is protected.
fn check_syscall(family: SyscallName, protection: &Protection) -> Result<(), Error> {
    let name = family.to_string();
    let mut names = std::iter::once(name.as_str()).chain(family.members().iter().copied());
    match names.find_map(|name| protection.syscalls.get_key_value(name)) {
        None => Ok(()),
        Some((call, why)) => Err(Error::refused(format!("the system call {call} is protected: {why}"))
            .hint("name another one; protected system calls never fail")
            .limit("protect", family, "any system call that is not protected")),
    }
}
