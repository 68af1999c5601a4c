//! Whether a kind can act on the packets that are meant.

use crate::error::Error;
use crate::spec::{Connections, DnsAnswer, FaultKind, Match, Protocol};

/// Checks that a kind can act on the packets that are meant.
pub(in crate::spec) fn packets(fault: &FaultKind, matching: &Match) -> Result<(), Error> {
    let verb = fault.verb();
    if let FaultKind::Fail { syscall, exact, path, which, .. } = fault {
        calls(matching)?;
        if path.is_some() && which.fd_path.is_some() {
            return Err(Error::usage("a fail can't have both a path and an fd_path")
                .hint("leave out one: what a path names is not open yet, and start two faults for both"));
        }
        let needs = which.needs(path.is_some(), matching);
        needs.check(*syscall, &syscall.members(*exact))?;
        return matching.validate();
    }
    matching.validate()?;
    match matching.protocol {
        Some(protocol) if fault.is_tcp() && protocol != Protocol::Tcp => {
            return Err(Error::usage(format!("a {verb} can't act on {protocol}"))
                .hint("it acts on TCP: leave out the protocol"));
        }
        Some(_) if matches!(fault, FaultKind::Dns { answer: DnsAnswer::Reset, .. }) => {
            return Err(Error::usage("the answer reset has its protocol: it means questions over TCP")
                .hint("leave out the protocol"));
        }
        Some(protocol) if matches!(fault, FaultKind::Dns { .. }) && protocol != Protocol::Udp => {
            return Err(Error::usage(format!("a dns can't act on {protocol}"))
                .hint("it reads questions that are sent by UDP to port 53: leave out the protocol"));
        }
        _ => {}
    }
    match (fault, matching.connections) {
        (FaultKind::Dns { .. }, Some(_)) => {
            return Err(Error::usage("questions for names have no connections").hint("leave it out"));
        }
        (FaultKind::Blackhole { .. } | FaultKind::Refuse { .. }, Some(Connections::Established)) => {
            return Err(Error::usage(format!("a {verb} can't act on established connections"))
                .hint("it acts on new ones; reset and partition act on established ones"));
        }
        _ => {}
    }
    if let (FaultKind::Dns { .. }, Some(ports)) = (fault, matching.peer_ports())
        && ports.single() != Some(53)
    {
        return Err(Error::usage(format!("a dns can't act on port {ports}"))
            .hint("questions for names go to port 53: leave the port out"));
    }
    Ok(())
}

/// Of calls only the peer is known.
fn calls(matching: &Match) -> Result<(), Error> {
    let rest = Match { peer: vec![], except: vec![], ..matching.clone() };
    match rest.first_key() {
        None => Ok(()),
        Some(key) => Err(Error::usage(format!("`{key}` does not belong to a fail"))
            .hint("leave it out: system calls are no packets, of them the peer can be told")),
    }
}
