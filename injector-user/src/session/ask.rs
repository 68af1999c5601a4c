//! What the engine tells: flows, status, one fault. Nothing here changes a fault.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use super::{engine::Engine, kernel_release};
use crate::{
    api::types::{FaultDoc, FlowsDoc, LostDoc, State, StatusDoc},
    config::Observe,
    error::Error,
    observe::{flows_doc, lost_doc, name_peers, sums, tell},
    spec::TargetSpec,
    target,
};

/// How long a reader's targets are watched after it has asked.
const WATCH_ON: Duration = Duration::from_secs(5);
impl Engine {
    pub(super) fn flows(&mut self, targets: Vec<TargetSpec>) -> Result<FlowsDoc, Error> {
        if self.settings.observe == Observe::Off {
            return Err(Error::refused("this daemon observes no flows")
                .hint("set `observe` in its configuration to targets or host, and start it again"));
        }
        let mut roots = Vec::new();
        let mut new = false;
        for spec in targets {
            roots.extend(target::resolve(&self.host, &spec)?.into_iter().map(|found| found.path));
            let until = Instant::now() + WATCH_ON;
            match self.watch_until.iter_mut().find(|(known, _)| *known == spec) {
                Some((_, at)) => *at = until,
                None => {
                    self.watch_until.push((spec, until));
                    new = true;
                }
            }
        }
        if new {
            self.publish();
        }
        let watched = self.watched_roots();
        let mut pids = Vec::new();
        let mut names = BTreeMap::new();
        let mut kept = HashSet::new();
        for root in &watched {
            for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                pids.extend(target::pids(&self.host, &cgroup.path).unwrap_or_default());
                let below = |root: &String| {
                    cgroup
                        .path
                        .strip_prefix(root.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                if roots.is_empty() || roots.iter().any(below) {
                    kept.insert(cgroup.id);
                }
                names.insert(cgroup.id, cgroup.path);
            }
        }
        let snapshot = self.kernel.snapshot(&pids).map_err(|error| Error::failed(format!("{error:#}")))?;
        self.lately.look(Instant::now(), sums(&snapshot));
        let mut doc = flows_doc(
            &snapshot,
            |id| names.get(&id).cloned(),
            |id| kept.contains(&id) || (roots.is_empty() && !names.contains_key(&id)),
        );
        if self.settings.observe == Observe::Host {
            doc.watched = watched;
        }
        name_peers(&mut doc.dependencies, &self.names_of_peers());
        tell(&mut doc, &self.lately, &snapshot, |id| names.get(&id).cloned());
        Ok(doc)
    }

    pub(super) fn status(&mut self) -> StatusDoc {
        let attached =
            self.kernel.inventory().unwrap_or_else(|error| vec![format!("cannot be told: {error:#}")]);
        let mut lost = match self.kernel.losses() {
            Ok((flows, gate)) => lost_doc(&flows, &gate),
            Err(_) => LostDoc::default(),
        };
        lost.events = self.hub.lost().all();
        for index in 0..self.faults.len() {
            if self.faults[index].lives() {
                self.refresh(index);
            }
        }
        let own = self.own_doc();
        let live = self.faults.iter().map(|fault| fault.doc(fault.state()));
        StatusDoc {
            halted: self.halted.clone(),
            disarmed: self.policy.wrong.as_ref().map(ToString::to_string),
            mode: self.policy.limits.mode.to_string(),
            limits_sha256: self.policy.sha256().to_owned(),
            pending: self.pending.docs(),
            kernel: kernel_release(),
            instance: self.settings.instance.clone(),
            pid: std::process::id(),
            faults: live.chain(self.ended.iter().cloned()).collect(),
            attached,
            lost,
            own,
            saturated: Vec::new(),
        }
    }

    /// One fault by id, name or unique prefix, with its course.
    pub(super) fn find(&mut self, asked: &str) -> Result<FaultDoc, Error> {
        let mut doc = self.find_one(asked)?;
        self.complete(&mut doc);
        Ok(doc)
    }

    fn find_one(&mut self, asked: &str) -> Result<FaultDoc, Error> {
        for index in 0..self.faults.len() {
            if self.faults[index].lives() {
                self.refresh(index);
            }
        }
        let all: Vec<FaultDoc> = self
            .faults
            .iter()
            .map(|fault| fault.doc(fault.state()))
            .chain(self.ended.iter().cloned())
            .collect();
        if let Some(exact) = all.iter().find(|doc| doc.id == asked) {
            return Ok(exact.clone());
        }
        let mut near: Vec<&FaultDoc> = all.iter().filter(|doc| doc.id.starts_with(asked)).collect();
        // Whoever wants to stop one must not be kept from it by those that have ended.
        if near.iter().any(|doc| doc.state != State::Ended) {
            near.retain(|doc| doc.state != State::Ended);
        }
        match near.as_slice() {
            [one] if !asked.is_empty() => Ok((*one).clone()),
            [] => {
                Err(Error::not_found(format!("there is no fault {asked}")).hint("injector status lists them"))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|doc| doc.id.as_str()).collect();
                Err(Error::usage(format!("{asked} could be {}", ids.join(", "))).hint("write more of it"))
            }
        }
    }
}
