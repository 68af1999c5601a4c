//! A fault of the network that finds nothing to act on says so, and why. Only told: it ends nothing.

mod held;
mod why;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tracing::warn;

use self::{
    held::held,
    why::{Found, why},
};
use super::{engine::Engine, fault::Fault, planning::pids};
use crate::{
    api::types::NothingMatchedDoc,
    kernel::net::{Proto, SockInfo},
    plan::{Step, addresses},
    spec::Protocol,
};

/// For so long it may be quiet; and so often it is looked at again.
const QUIET: Duration = Duration::from_secs(5);

/// A look takes at most one part of so many of the engine's time.
const SHARE: u32 = 20;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// In words.
    pub why: String,
    /// When it is looked at again.
    pub next: Instant,
}

impl Fault {
    /// Has it matched nothing that it may act on? What is protected is matched first (programs/decide.rs).
    fn is_idle(&self) -> bool {
        self.plan.spec().fault.is_network() && self.stats.matched == self.stats.passed_protected
    }

    /// For its document.
    pub(super) fn nothing_matched(&self) -> Option<NothingMatchedDoc> {
        let nothing = self.nothing.as_ref().filter(|_| self.is_idle())?;
        let until = self.end.as_ref().map_or_else(Instant::now, |end| end.begun);
        let seconds = until.saturating_duration_since(self.begun).as_secs();
        Some(NothingMatchedDoc { seconds, why: nothing.why.clone() })
    }
}

impl Engine {
    /// Every tick: looks for the reason where nothing has matched for a while, of one fault only, since it takes time.
    pub(super) fn look_for_matches(&mut self, now: Instant) {
        for fault in self.faults.iter_mut().filter(|fault| fault.lives() && !fault.is_idle()) {
            fault.nothing = None;
        }
        let due = |fault: &Fault| fault.nothing.as_ref().map_or(fault.begun + QUIET, |nothing| nothing.next);
        let idle = (0..self.faults.len())
            .filter(|index| self.faults[*index].lives() && self.faults[*index].is_idle());
        let Some(index) = idle.min_by_key(|index| due(&self.faults[*index])) else { return };
        if now < due(&self.faults[index]) {
            return;
        }
        let began = Instant::now();
        let why = why(&self.found(index));
        // On a busy node there is much to look through: that takes no more than its share.
        let pause = QUIET.max(began.elapsed() * SHARE);
        let fault = &mut self.faults[index];
        // Once: what changes is in its document.
        if fault.nothing.is_none() {
            let seconds = QUIET.as_secs();
            warn!("{}: nothing that it may act on has matched for {seconds} s: {why}", fault.id);
        }
        fault.nothing = Some(Nothing { why, next: now + pause });
    }

    /// What can be seen of the fault's target from here.
    fn found(&mut self, index: usize) -> Found {
        let targets = self.attached(index).unwrap_or_default();
        let pids = pids(&targets);
        let fault = &self.faults[index];
        let spec = fault.plan.spec().clone();
        let mut found = Found::new(&spec);
        found.protected = fault.stats.passed_protected;
        found.processes = pids.len();
        found.nobody = addresses(&spec.matching, &fault.named).is_ok_and(|addresses| addresses.nobody);
        if pids.is_empty() {
            return found;
        }
        // None: all of them have ended since.
        if let Ok(sites) = self.kernel.sites(&pids)
            && !sites.is_empty()
        {
            let ups: BTreeSet<(u64, u32)> = sites
                .iter()
                .flat_map(|site| site.links.iter().map(|(index, _)| (site.netns, *index)))
                .collect();
            found.down = down(self.faults[index].plan.steps(), &ups);
        }
        (found.rewritten, found.astray) = self.astray(index, &pids);
        match self.kernel.sockets(&pids) {
            Ok(sockets) => self.count(index, &pids, &sockets, &mut found),
            Err(error) => found.unlisted = Some(format!("{error:#}")),
        }
        found
    }

    /// Whose the sockets are, and whether the fault can mean them.
    fn count(&self, index: usize, pids: &[u32], sockets: &[SockInfo], found: &mut Found) {
        let fault = &self.faults[index];
        let fits = |socket: &&SockInfo| match found.protocol {
            None => true,
            Some(Protocol::Tcp) => socket.proto == Proto::Tcp,
            Some(Protocol::Udp) => socket.proto == Proto::Udp,
            Some(Protocol::Icmp) => false,
        };
        let fitting: Vec<&SockInfo> = sockets.iter().filter(fits).collect();
        let ours = |socket: &&&SockInfo| socket.cgroup_id.is_some_and(|id| fault.cgroups.contains(&id));
        let means = |socket: &&&SockInfo| {
            let (protocol, local, remote) = (socket.proto.into(), socket.local.port(), socket.remote);
            if socket.proto == Proto::Udp && remote.port() == 0 {
                // Not connected: it can send to anybody.
                let means = &fault.plan.rule().means;
                return fault.plan.means_ports(protocol, local, means.peer.low);
            }
            fault.plan.means(protocol, local, remote)
        };
        found.sockets = fitting.iter().filter(ours).count();
        found.meant = found.rewritten + fitting.iter().filter(ours).filter(means).count();
        if found.meant > 0 {
            return;
        }
        let Some(held) = held(&self.host.proc, pids) else { return };
        let foreign = fitting.iter().filter(|socket| {
            held.contains(&u64::from(socket.inode)) && socket.cgroup_id.is_some() && !ours(socket)
        });
        found.elsewhere = foreign.filter(means).count();
    }
}

/// The interfaces that the fault hangs on, if none of them is up.
fn down(steps: &[Step], ups: &BTreeSet<(u64, u32)>) -> Vec<String> {
    let links = steps.iter().filter_map(|step| match step {
        Step::Egress { netns, index, link } | Step::Ingress { netns, index, link } => {
            Some(((*netns, *index), link))
        }
        _ => None,
    });
    let (up, down): (Vec<_>, Vec<_>) = links.partition(|(place, _)| ups.contains(place));
    let names: BTreeSet<&String> = down.into_iter().map(|(_, link)| link).collect();
    if up.is_empty() { names.into_iter().cloned().collect() } else { Vec::new() }
}
