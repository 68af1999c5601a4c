//! What would happen: the limits, the rules, whom it touches, and what it could do at worst.

use std::{collections::BTreeSet, fs};

use super::{
    arm::failed,
    engine::Engine,
    names::{Found, list},
    policy::Known,
};
use crate::{
    api::types::PlanDoc,
    error::Error,
    kernel::net::SockInfo,
    limits::{Budget, may_arm},
    plan::{self, Facts, Plan},
    spec::{FaultSpec, Span, TargetSpec},
    target::{self, Target},
};

/// What a plan is made for.
#[derive(Clone, Copy)]
pub(super) enum For<'a> {
    /// A fault that is not there yet, and what its host names mean.
    New(&'a FaultSpec, &'a Found),
    /// The shadow at this place, which is to act.
    Arming(usize),
    /// The fault at this place, under limits that are new.
    Keeping(usize),
}

impl Engine {
    /// A checked plan, and how many sockets match now, where that can be counted.
    ///
    /// A fault that is there does not count beside itself, lives as long as it does, and is judged by the time at which
    /// it began. How often faults begin is no question for one that only goes on.
    pub(super) fn plan_for(&mut self, what: For<'_>) -> Result<(Plan, Option<u64>), Error> {
        let (spec, there) = match what {
            For::New(spec, _) => (spec.clone(), None),
            For::Arming(index) | For::Keeping(index) => {
                let fault = &self.faults[index];
                let ttl = Span::from_micros(u64::try_from(fault.plan.ttl().as_micros()).unwrap_or(u64::MAX));
                let shadow = fault.is_shadow() && matches!(what, For::Keeping(_));
                (FaultSpec { shadow, ttl: Some(ttl), ..fault.plan.spec().clone() }, Some(index))
            }
        };
        let targets = match there {
            Some(index) => self.attached(index)?,
            None => self.resolve(&spec)?,
        };
        let pids = pids(&targets);
        self.protect(&pids).map_err(failed)?;
        let sites =
            if spec.fault.is_network() { self.kernel.sites(&pids).map_err(failed)? } else { Vec::new() };
        let slot = match there {
            Some(index) => self.faults[index].slot,
            None => self.free_slot()?,
        };
        let share = self.share(&targets);
        let there = there.map(|index| &self.faults[index]);
        let names = match what {
            For::New(_, names) => names,
            // What the kernel has for it.
            For::Arming(index) | For::Keeping(index) => &self.faults[index].named,
        };
        let mut node = self.policy.node(
            Known {
                armed: self.faults.iter().filter(|fault| fault.lives() && fault.slot != slot).count(),
                cgroups: target::subtree(&self.host, "/").map_or(0, |all| all.len()),
                share: share.or(there.and_then(|fault| fault.plan.share_of_traffic())),
                begun: there.map(|fault| (fault.begun, fault.started)),
            },
            &self.host,
        );
        if let For::Keeping(_) = what {
            (node.started_last_hour, node.since_last_end) = (0, None);
        }
        let plan = plan::make(
            &spec,
            slot,
            &Facts {
                targets: &targets,
                limits: &self.policy.limits,
                protection: &self.protection,
                node: &node,
                capabilities: self.kernel.capabilities(),
                sites: &sites,
                names,
            },
        )?;
        if let Some(fault) = there {
            within(plan.budget(), fault.plan.budget())?;
        }
        let flows = if plan.means_sockets() {
            let sockets = self.kernel.sockets(&pids).map_err(failed)?;
            Some(sockets.iter().filter(|socket| matches(socket, &plan)).count() as u64)
        } else {
            None
        };
        Ok((plan, flows))
    }

    fn resolve(&self, spec: &FaultSpec) -> Result<Vec<Target>, Error> {
        let found = spec.targets.iter().map(|spec| target::resolve(&self.host, spec));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// What a fault that is there is attached to. Its targets' names may mean something else by now: a process has moved
    /// or ended, a pattern matches more. A cgroup that has vanished is left out if there are others.
    pub(super) fn attached(&self, index: usize) -> Result<Vec<Target>, Error> {
        let roots = self.faults[index].plan.roots().iter();
        let found = roots.map(|root| target::resolve(&self.host, &TargetSpec::Cgroup(root.clone())));
        let (there, gone): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        match gone.into_iter().find_map(Result::err) {
            Some(error) if there.is_empty() => Err(error),
            _ => Ok(there.into_iter().flatten().flatten().collect()),
        }
    }

    /// The targets' share of the node's TCP traffic in the last minute, in 0..=1.
    fn share(&mut self, targets: &[Target]) -> Option<f64> {
        let sums = self.sums()?;
        let ids: BTreeSet<u64> =
            targets.iter().flat_map(|t| t.cgroups.iter().map(|cgroup| cgroup.id)).collect();
        self.history.share(&sums, &ids.into_iter().collect::<Vec<_>>())
    }

    /// What `injector plan` shows: also what could not be armed at this moment.
    pub(super) fn plan_doc(&mut self, spec: &FaultSpec, names: &Found) -> Result<PlanDoc, Error> {
        let (plan, flows) = self.plan_for(For::New(spec, names))?;
        let targets = self.resolve(spec)?;
        let elsewhere = if spec.fault.is_network() { self.elsewhere(&targets, &plan)? } else { 0 };
        let share = self.share(&targets);
        let mut doc = plan.doc(flows, self.kernel.capabilities().tcx);
        doc.traffic_share_percent = share.map(|share| (share * 1e4).round() / 1e2);
        doc.elsewhere = elsewhere;
        if elsewhere > 0 {
            doc.warnings.push(format!(
                "{elsewhere} sockets of the target's processes belong to another cgroup (made before they came here, \
                 inherited, or passed on): their packets are not hit"
            ));
        }
        doc.names = names.iter().map(|(name, means)| format!("{name} is {}", list(means))).collect();
        doc.order = self.order(&plan, self.free_slot()?);
        doc.warnings.extend(self.neighbours(&plan));
        doc.warnings.extend(self.rewritten_in_words(&plan, &pids(&targets)));
        doc.worst_case = self.worst_case(&plan);
        let blocked = self
            .refuse_halted()
            .and_then(|()| self.policy.refuse())
            .and_then(|()| may_arm(&self.policy.limits, spec.shadow));
        doc.blocked = blocked.err().map(|error| error.message);
        Ok(doc)
    }

    /// Sockets that the target's processes hold and that another cgroup made: packets go by the maker's cgroup.
    fn elsewhere(&mut self, targets: &[Target], plan: &Plan) -> Result<u64, Error> {
        let pids = pids(targets);
        let sockets = self.kernel.sockets(&pids).map_err(failed)?;
        let mut held = BTreeSet::new();
        for pid in pids {
            held.extend(socket_inodes(&self.host.proc.join(format!("{pid}/fd"))));
        }
        let ours = |id: u64| plan.allowed().cgroups.iter().any(|cgroup| cgroup.id == id);
        let other = sockets.iter().filter(|socket| {
            held.contains(&u64::from(socket.inode)) && socket.cgroup_id.is_some_and(|id| !ours(id))
        });
        Ok(other.count() as u64)
    }

    /// By budget, and by what the target did in the last minute.
    fn worst_case(&mut self, plan: &Plan) -> Vec<String> {
        let mut lines = Vec::new();
        let what = if plan.spec().fault.is_network() { "packets" } else { "calls" };
        if let Some(most) = plan.most_units() {
            lines.push(format!("{most} {what} in all, by its budget"));
        }
        if let Some(bytes) = plan.budget().bytes {
            lines.push(format!("{bytes} bytes in all, by its budget"));
        }
        let share = plan.spec().fault.percent().map_or(1.0, |percent| percent.fraction());
        if plan.spec().fault.is_network()
            && let Some(sums) = self.sums()
        {
            let ids: Vec<u64> = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
            let (window, seconds) = (self.history.window(&sums, &ids), self.history.seconds());
            if seconds > 0.0 && window.segments > 0 {
                let rate = window.segments as f64 / seconds;
                let expected = rate * share * plan.ttl().as_secs_f64();
                lines.push(format!(
                    "about {expected:.0} packets, at the {rate:.0} a second that the target sent by TCP in the last minute"
                ));
            }
        }
        if lines.is_empty() {
            lines.push(format!(
                "all {what} that match, for {:?}, at {} %: no budget limits it",
                plan.ttl(),
                share * 100.0
            ));
        }
        lines
    }
}

/// The budgets that a fault was given are in the kernel, and stay: they must not be more than it would be given now.
fn within(now: &Budget, given: &Budget) -> Result<(), Error> {
    for ((key, now), (_, given)) in now.fields().into_iter().zip(given.fields()) {
        let Some(now) = now else { continue };
        if given.is_none_or(|given| given > now) {
            let given = given.map_or_else(|| "none".to_owned(), |given| given.to_string());
            let limit = format!("budget.fault.{key}");
            return Err(Error::refused(format!(
                "its budget of {given} is over this node's {limit} of {now}"
            ))
            .hint("stop it and start it again, with the budget of the new limits")
            .limit(&limit, given, now));
        }
    }
    Ok(())
}

pub(super) fn pids(targets: &[Target]) -> Vec<u32> {
    targets.iter().flat_map(|t| t.processes.iter().map(|p| p.pid)).collect()
}

/// Inodes of the sockets in a directory like /proc/PID/fd; none if the process is gone.
fn socket_inodes(directory: &std::path::Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().filter_map(|entry| socket_inode(&entry.path())).collect()
}

/// The inode of the socket that a descriptor in /proc is; `None`: it is none, or closed by now.
pub(super) fn socket_inode(descriptor: &std::path::Path) -> Option<u64> {
    let link = fs::read_link(descriptor).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Does the plan mean this socket's packets?
fn matches(socket: &SockInfo, plan: &Plan) -> bool {
    let ours = socket.cgroup_id.is_some_and(|id| plan.allowed().cgroups.iter().any(|cgroup| cgroup.id == id));
    ours && plan.means(socket.proto.into(), socket.local.port(), socket.remote)
}
