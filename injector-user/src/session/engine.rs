//! The engine: one thread that owns the kernel side. Every tick it evaluates deadlines, budgets, guards and
//! the halt lever, and only then renews the lease: a daemon that no longer judges cannot keep a fault alive.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use injector_ebpf::rule::{CG_WATCH, CgroupEntry};
use tracing::{error, info, warn};

use super::{
    fault::{Fault, since_boot},
    halt::HaltFile,
    handle::{Command, Who},
    journal::{Entry, Journal},
    waiters::Waiters,
};
use crate::{
    api::types::{EndKind, FaultDoc, HaltDoc},
    error::Error,
    kernel::{Kernel, probe},
    limits::{self, Limits, Protection},
    observe::{Guard, Verdict},
    spec::TargetSpec,
    target::{self, Host},
};

/// How often everything is evaluated. The lease is many times that.
pub const TICK: Duration = Duration::from_millis(100);
/// How often targets and protections are looked at again: an unknown new cgroup is not faulted until then.
const RESCAN: Duration = Duration::from_millis(500);
/// How many faults that ended are remembered.
const REMEMBERED: usize = 100;

/// What the daemon's configuration says to the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long faults live without us.
    pub lease: Duration,
    /// cgroups that are observed always.
    pub watch: Vec<TargetSpec>,
    /// The limits file.
    pub limits: PathBuf,
    /// Where the halt file is.
    pub state_dir: PathBuf,
    /// Our tag.
    pub instance: String,
}

/// See the module.
pub struct Engine {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) host: Host,
    pub(super) settings: Settings,
    pub(super) limits: Result<Limits, Error>,
    pub(super) protection: Protection,
    pub(super) faults: Vec<Fault>,
    pub(super) ended: VecDeque<FaultDoc>,
    pub(super) halt_file: HaltFile,
    pub(super) halted: Option<HaltDoc>,
    pub(super) journal: Journal,
    pub(super) guard: Guard,
    pub(super) waiters: Waiters,
    pub(super) watch_until: Vec<(TargetSpec, Instant)>,
    next_rescan: Instant,
    next_second: Instant,
    shutting_down: bool,
}

impl Engine {
    /// An engine with no fault. Lifts the halt word unless the halt file is there.
    ///
    /// # Errors
    /// The kernel refuses, or the protections cannot be read.
    pub fn new(
        kernel: Box<dyn Kernel>,
        host: Host,
        settings: Settings,
        journal: Journal,
    ) -> anyhow::Result<Self> {
        let limits = limits::load(&settings.limits);
        if let Err(why) = &limits {
            error!("nothing can be armed: {why}");
        }
        let halt_file = HaltFile::new(&settings.state_dir);
        let now = Instant::now();
        let mut engine = Self {
            kernel,
            host,
            limits,
            protection: Protection::default(),
            faults: Vec::new(),
            ended: VecDeque::new(),
            halted: halt_file.read(),
            halt_file,
            journal,
            guard: Guard::new(),
            waiters: Waiters::default(),
            watch_until: Vec::new(),
            next_rescan: now,
            next_second: now,
            shutting_down: false,
            settings,
        };
        engine.kernel.set_halt(engine.halted.is_some())?;
        engine.protect()?;
        engine.rescan();
        Ok(engine)
    }

    /// Runs until it is told to end, and everything has ended.
    pub fn run(mut self, commands: &Receiver<Command>) {
        let mut next_tick = Instant::now();
        // Whoever follows a fault is still told how it ended.
        let mut gone_at: Option<Instant> = None;
        loop {
            match commands.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(command) => {
                    self.command(command);
                    self.drain();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if gone_at.is_some() => return,
                Err(RecvTimeoutError::Disconnected) => self.shut_down(),
            }
            if Instant::now() >= next_tick {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
            if self.shutting_down && self.faults.is_empty() && gone_at.is_none() {
                self.kernel.release();
                gone_at = Some(Instant::now() + Duration::from_secs(1));
            }
            self.waiters.answer(&self.faults, &self.ended);
            if gone_at.is_some_and(|at| Instant::now() >= at) {
                return;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Plan(spec, reply) => {
                _ = reply.send(
                    self.plan(&spec).map(|(plan, flows)| plan.doc(flows, self.kernel.capabilities().tcx)),
                );
            }
            Command::Start(_, _, reply) if self.shutting_down => {
                _ = reply.send(Err(Error::unreachable("the daemon is ending")));
            }
            Command::Start(spec, who, reply) => _ = reply.send(self.start(&spec, &who)),
            Command::Fault(id, reply) => _ = reply.send(self.find(&id)),
            Command::Stop(id, who, reply) => match self.find(&id) {
                Ok(doc) => {
                    self.end_where(
                        |fault| fault.id == doc.id,
                        EndKind::Stopped,
                        &format!("stopped by {who}"),
                    );
                    self.waiters.one(doc.id, reply);
                }
                Err(error) => _ = reply.send(Err(error)),
            },
            Command::StopAll(who, reply) => {
                let ids = self.faults.iter().map(|fault| fault.id.clone()).collect();
                self.end_where(|_| true, EndKind::Stopped, &format!("stopped by {who}"));
                self.waiters.all(ids, reply);
            }
            Command::Status(reply) => _ = reply.send(Ok(self.status())),
            Command::Halt(why, who, reply) => {
                let written = self.halt(&why, &who);
                _ = reply.send(written.map(|()| self.status()));
            }
            Command::Lift(who, reply) => _ = reply.send(self.lift(&who).map(|()| self.status())),
            Command::Flows(targets, reply) => _ = reply.send(self.flows(targets)),
            Command::Doctor(reply) => _ = reply.send(Ok(probe::document(self.kernel.capabilities()))),
            Command::Shutdown(reply) => {
                self.shut_down();
                self.waiters.ending(reply);
            }
        }
    }

    fn shut_down(&mut self) {
        self.shutting_down = true;
        self.end_where(|_| true, EndKind::Shutdown, "the daemon was told to end");
    }

    /// One evaluation of everything; then, and only then, the heartbeat.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        self.watch_halt();
        self.watch_time_and_budget();
        if now >= self.next_rescan {
            self.next_rescan = now + RESCAN;
            self.rescan();
        }
        if now >= self.next_second {
            self.next_second = now + Duration::from_secs(1);
            self.watch_control();
            self.watch_devices();
        }
        self.drain();
        self.beat();
        self.kernel.flush_log();
    }

    /// Another process may have pulled the lever: the halt word in our map, or the file.
    fn watch_halt(&mut self) {
        if self.halted.is_some() {
            return;
        }
        let found = match (self.halt_file.read(), self.kernel.halted()) {
            (Some(doc), _) => doc,
            (None, Ok(false)) => return,
            (None, Ok(true)) => {
                HaltDoc { by: "?".into(), why: "the halt word was set".into(), since: super::halt::now() }
            }
            (None, Err(error)) => {
                warn!("the halt word cannot be read: {error:#}");
                return;
            }
        };
        warn!("HALTED by {}: {}", found.by, found.why);
        let reason = format!("halted by {}", found.by);
        self.halted = Some(found);
        if let Err(error) = self.kernel.set_halt(true) {
            error!("the halt word cannot be written: {error:#}");
        }
        self.end_where(|_| true, EndKind::Halted, &reason);
    }

    fn watch_time_and_budget(&mut self) {
        let now = since_boot();
        for index in 0..self.faults.len() {
            if !self.faults[index].armed() {
                continue;
            }
            self.refresh(index);
            let fault = &self.faults[index];
            let budget = fault.plan.rule().budget;
            if now >= fault.ends {
                self.end(index, EndKind::Expired, "its time was over");
            } else if fault.stats.acted_wire >= budget || fault.stats.passed_budget > 0 {
                self.end(index, EndKind::Budget, &format!("its budget of {budget} was spent"));
            }
        }
    }

    /// Reads what the kernel counted.
    pub(super) fn refresh(&mut self, index: usize) {
        let fault = &mut self.faults[index];
        match self.kernel.stats(fault.slot) {
            Ok(stats) => fault.stats = stats,
            Err(error) => warn!("{}: its counters cannot be read: {error:#}", fault.id),
        }
        if let (Ok(target), Ok(control)) = (self.kernel.aggregate(1 + fault.slot), self.kernel.aggregate(0)) {
            fault.target_now = target;
            fault.control_now = control;
        }
    }

    /// The control group's guard, once a second.
    pub(super) fn watch_control(&mut self) {
        let control = match self.kernel.aggregate(0) {
            Ok(control) => control,
            Err(error) => {
                warn!("the control group cannot be read: {error:#}");
                return;
            }
        };
        let verdict = self.guard.tick(&control);
        for fault in self.faults.iter_mut().filter(|fault| fault.armed()) {
            fault.control_verdict = verdict.to_string();
        }
        if let Verdict::Abort(why) = verdict {
            self.end_where(|_| true, EndKind::Aborted, &format!("the control group was hurt: {why}"));
        }
    }

    /// A delay device that loses packets does more than was asked.
    fn watch_devices(&mut self) {
        for index in 0..self.faults.len() {
            let devices: Vec<_> = self.faults[index].devices().cloned().collect();
            if devices.is_empty() || !self.faults[index].armed() {
                continue;
            }
            let lost: u64 =
                devices.iter().filter_map(|step| self.kernel.held(step).ok()).map(|h| h.tail_drops).sum();
            let fault = &mut self.faults[index];
            fault.tail_drops = lost;
            if lost * 1000 > fault.stats.acted {
                let why = format!("the delay device's queue was full: {lost} packets were lost");
                self.end(index, EndKind::Aborted, &why);
            }
        }
    }

    /// Whom the faults mean now: new cgroups are checked, vanished and newly protected ones are left out.
    pub(super) fn rescan(&mut self) {
        if let Err(error) = self.protect() {
            warn!("the protections cannot be read again: {error:#}");
        }
        let now = Instant::now();
        for fault in self.faults.iter_mut().filter(|fault| fault.end.is_none()) {
            let (mut ids, mut processes) = (Vec::new(), 0);
            for root in fault.plan.roots() {
                for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                    if self.protection.why_protected(&cgroup.path).is_none() {
                        processes +=
                            target::pids(&self.host, &cgroup.path).map_or(0, |pids| pids.len() as u64);
                        ids.push(cgroup.id);
                    }
                }
            }
            fault.lost_since = if ids.is_empty() { fault.lost_since.or(Some(now)) } else { None };
            (fault.cgroups, fault.processes) = (ids, processes);
        }
        self.end_where(
            |fault| fault.lost_since.is_some(),
            EndKind::TargetLost,
            "no cgroup of the target is left",
        );
        self.publish();
    }

    /// Writes the cgroups into the kernel: whom the rules mean, and who is observed.
    pub(super) fn publish(&mut self) {
        let mut entries: BTreeMap<u64, CgroupEntry> = BTreeMap::new();
        for fault in self.faults.iter().filter(|fault| fault.armed()) {
            for id in &fault.cgroups {
                let entry = entries.entry(*id).or_default();
                entry.rules |= 1 << fault.slot;
                entry.flags |= CG_WATCH;
            }
        }
        let roots = self.watched_roots();
        for root in &roots {
            for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                entries.entry(cgroup.id).or_default().flags |= CG_WATCH;
            }
        }
        let result = self.kernel.set_cgroups(&entries).and_then(|()| self.kernel.observe(&roots));
        if let Err(error) = result {
            warn!("the cgroups cannot be written: {error:#}");
        }
    }

    pub(super) fn watched_roots(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.watch_until.retain(|(_, until)| *until > now);
        let specs = self.settings.watch.iter().chain(self.watch_until.iter().map(|(spec, _)| spec));
        let mut roots: Vec<String> =
            specs.filter_map(|spec| target::resolve(&self.host, spec).ok()).map(|found| found.path).collect();
        let armed = self.faults.iter().filter(|fault| fault.armed());
        roots.extend(armed.flat_map(|fault| fault.plan.roots().iter().cloned()));
        roots
    }

    /// Reads again what is protected, and tells the kernel.
    pub(super) fn protect(&mut self) -> anyhow::Result<()> {
        let list = self.limits.as_ref().map(|limits| limits.protect.clone()).unwrap_or_default();
        let mut protection = Protection::gather(&self.host, std::process::id(), &list)?;
        for fault in &self.faults {
            if let Some(process) = fault.plan.processes().first() {
                // Its namespace may have a gateway of its own; a process that ended has none any more.
                let _gone = protection.add_gateways(&self.host, Some(process.pid));
            }
        }
        self.kernel.protect(&protection)?;
        self.protection = protection;
        Ok(())
    }

    fn beat(&mut self) {
        if !self.faults.iter().any(Fault::armed) {
            return;
        }
        match self.kernel.renew(self.settings.lease) {
            Ok(true) => {}
            Ok(false) => self.end_where(
                |_| true,
                EndKind::Lapsed,
                "the daemon did not run for longer than the lease, and a lapsed lease is final",
            ),
            Err(error) => error!("the lease cannot be renewed: {error:#}"),
        }
    }

    /// Stops everything and refuses to arm until it is lifted.
    fn halt(&mut self, why: &str, who: &Who) -> Result<(), Error> {
        let word = self.kernel.set_halt(true);
        let file = self.halt_file.write(&who.to_string(), why);
        let doc = file.clone().unwrap_or_else(|_| HaltDoc {
            by: who.to_string(),
            why: why.to_owned(),
            since: super::halt::now(),
        });
        warn!("HALTED by {who}: {why}");
        self.halted = Some(doc);
        self.end_where(|_| true, EndKind::Halted, &format!("halted by {who}"));
        word.map_err(|error| Error::failed(format!("the halt word cannot be written: {error:#}")))?;
        file.map(|_| ())
    }

    fn lift(&mut self, who: &Who) -> Result<(), Error> {
        self.halt_file.remove()?;
        self.kernel.set_halt(false).map_err(|error| Error::failed(format!("{error:#}")))?;
        info!("the halt was lifted by {who}");
        self.halted = None;
        Ok(())
    }

    pub(super) fn remember(&mut self, doc: FaultDoc) {
        let end = Entry::End { id: doc.id.clone(), at: super::halt::now() };
        if let Err(error) = self.journal.write(&end) {
            error!("{error:#}");
        }
        self.ended.push_front(doc);
        self.ended.truncate(REMEMBERED);
    }
}
