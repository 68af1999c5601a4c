//! What there is: namespaces, interfaces, sockets, flows, and what of ours is attached.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use injector_ebpf::names;

use super::{FEW_NETNS, Real, observed};
use crate::{
    kernel::{
        Held,
        iter::FlowReader,
        net::{self, Netns, Proto, Rewritten, Rtnl, SockInfo, all_netns},
    },
    observe::Snapshot,
    plan::{Site, Step},
};

impl Real {
    /// The namespaces that these processes are in, with their interfaces that are up; without processes, our own. None
    /// if processes were given and all of them have ended: where they were is not where we are.
    pub(super) fn sites_of(&mut self, pids: &[u32]) -> Result<Vec<Site>> {
        let mut found = Vec::new();
        for (inode, ns) in namespaces(pids)? {
            let links = Rtnl::open(&ns)?.links()?;
            let all = links.iter().map(|link| (link.index, link.name.as_str()));
            self.spared.look(&mut self.object, inode, all)?;
            let links = links
                .into_iter()
                .filter(|link| link.up && net::instance_of_device(&link.name).is_none())
                .map(|link| (link.index, link.name))
                .collect();
            self.netns.insert(inode, ns);
            found.push(Site { netns: inode, links });
        }
        self.let_go();
        Ok(found)
    }

    /// What a step's device holds at the moment, and what it has lost.
    ///
    /// # Errors
    /// The step has no device, or the kernel does not say.
    pub(super) fn held_by(&mut self, step: &Step) -> Result<Held> {
        let Step::Device { netns, slot, side, .. } = step else { bail!("{step:?} holds no packets") };
        let Ok(ns) = self.namespace(*netns) else { return Ok(Held::default()) };
        let Some(index) = self.device_index(&ns, *slot, *side)? else { return Ok(Held::default()) };
        let mut held = Held::default();
        for qdisc in Rtnl::open(&ns)?.qdisc_stats(index)? {
            if qdisc.is_root() {
                held.packets += u64::from(qdisc.qlen);
                held.tail_drops += u64::from(qdisc.drops);
            }
        }
        Ok(held)
    }

    /// All that is observed of flows, and who listens where these processes are.
    pub(super) fn snapshot_of(&mut self, pids: &[u32]) -> Result<Snapshot> {
        let mut listeners = Vec::new();
        for site in self.sites_of(pids)? {
            listeners.extend(net::listeners(&self.namespace(site.netns)?)?);
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => FlowReader::new(&mut self.object)?,
        };
        let snapshot = Snapshot::take(&mut self.object, &mut reader, listeners);
        self.reader = Some(reader);
        let mut snapshot = snapshot?;
        if !self.rest.is_empty() {
            snapshot.rest = observed::rest(&mut self.object)?;
        }
        // The kernel counts what it makes and what ends. What went without a word (datagram sockets of cgroups that were
        // no longer observed) must not be counted as open for ever.
        let stats = &snapshot.stats;
        let gone = stats.created.saturating_sub(stats.folded).saturating_sub(snapshot.flows.len() as u64);
        self.object.array::<u64>(names::FLOW_LIMIT)?.set(0, self.most_flows + gone, 0)?;
        if let Err(error) = self.slots.free(&mut self.object, &snapshot.flows, gone) {
            // Packets of some sockets take longer then; what was read is right.
            tracing::warn!("slots of flows that are gone: {error:#}");
        }
        snapshot.kinds = self.kinds.read(&mut self.object)?;
        snapshot.kinds.lags = self.lags.lost(&mut self.object)?;
        Ok(snapshot)
    }

    /// All sockets of the namespaces that these processes are in.
    pub(super) fn sockets_of(&mut self, pids: &[u32]) -> Result<Vec<SockInfo>> {
        let mut sockets = Vec::new();
        for site in self.sites_of(pids)? {
            let ns = self.namespace(site.netns)?;
            for proto in [Proto::Tcp, Proto::Udp] {
                // A kernel without udp_diag still tells of TCP.
                sockets.extend(net::sockets(&ns, proto).unwrap_or_default());
            }
        }
        Ok(sockets)
    }

    /// Connections that NAT has rewritten where these processes are.
    pub(super) fn rewritten_for(&mut self, pids: &[u32]) -> Result<Vec<Rewritten>> {
        let mut all = Vec::new();
        for site in self.sites_of(pids)? {
            all.extend(net::rewritten(&self.namespace(site.netns)?)?);
        }
        Ok(all)
    }

    /// What of ours is attached anywhere, in words.
    pub(super) fn all_of_ours(&mut self) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (netns, index, side) in self.hooks.keys() {
            found.push(format!("{side} link on interface {index} of netns {netns}"));
        }
        found.extend(self.lose_in.paths().map(|path| format!("ingress link on {path}")));
        found.extend(self.lose_out.paths().map(|path| format!("egress link on {path}")));
        found.extend(self.calls.all().map(|(rung, call)| format!("program on {call}, {}", rung.title())));
        found.extend(self.calls.watches().map(|what| format!("counting program on {what}")));
        found.extend(self.cgroup_calls.places().map(|(call, path)| format!("programs on {call} on {path}")));
        for ns in all_netns() {
            for left in net::inventory(&ns)? {
                if left.instance == self.instance {
                    found.push(format!("{} on {} in netns {}", left.tag, left.link, left.netns));
                }
            }
        }
        Ok(found)
    }

    /// A namespace that we hold open lives on, with its devices, when everybody else has left it. It is let go then,
    /// unless something of ours still hangs there. Looking takes a walk through /proc, so it is not done for a few.
    fn let_go(&mut self) {
        if self.netns.len() <= self.most_netns {
            return;
        }
        let mut kept: BTreeSet<u64> = all_netns().iter().map(Netns::inode).collect();
        kept.extend(self.hooks.keys().map(|(netns, ..)| *netns));
        self.netns.retain(|netns, _| kept.contains(netns));
        self.spared.forget(|netns| !kept.contains(&netns));
        self.clsact.retain(|(netns, _)| kept.contains(netns));
        self.most_netns = FEW_NETNS.max(2 * self.netns.len());
    }
}

/// The namespaces of these processes, by inode; see [`Real::sites_of`].
fn namespaces(pids: &[u32]) -> Result<BTreeMap<u64, Netns>> {
    if pids.is_empty() {
        let own = Netns::current()?;
        return Ok(BTreeMap::from([(own.inode(), own)]));
    }
    let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for pid in pids {
        // Most processes of a target share one: reading a link is far cheaper than opening it.
        if std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|link| !seen.insert(link)) {
            continue;
        }
        // A process may end while we look.
        if let Ok(ns) = Netns::of_pid(*pid) {
            found.entry(ns.inode()).or_insert(ns);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No process has a pid over 2^22 (PID_MAX_LIMIT).
    const NOBODY: u32 = (1 << 22) + 1;

    #[test]
    fn ours_is_looked_at_only_where_no_process_was_given() {
        let own = Netns::current().unwrap().inode();
        let of = |pids: &[u32]| namespaces(pids).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(of(&[]), [own]);
        assert!(of(&[NOBODY]).is_empty(), "all have ended");
        assert_eq!(of(&[NOBODY, std::process::id()]), [own]);
    }
}
