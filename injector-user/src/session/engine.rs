//! The engine: one thread that owns the kernel side. Every tick it evaluates deadlines, budgets, conditions, guards
//! and the halt lever, and only then renews the lease: a daemon that no longer judges cannot keep a fault alive.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use super::{
    audit::{Action, Actor, Audit, Decision},
    course::Course,
    events::Hub,
    fault::Fault,
    halt::HaltFile,
    handle::{Command, Request, Who, Wish},
    journal::{Entry, Journal},
    lags::LagRoots,
    ledger::Ledger,
    names::{Names, PeerNames},
    notify,
    own::Cost,
    pending::Waiting,
    policy::Policy,
    recovering::Recovering,
    waiters::Waiters,
};
use crate::{
    api::types::{EndKind, FaultDoc, HaltDoc},
    config::Observe,
    kernel::{Kernel, probe, types},
    limits::{Mode, Protection},
    observe::{AskedHistory, Guard, History, Lately},
    spec::{HostName, TargetSpec},
    target::Host,
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
    /// Whose flows are observed.
    pub observe: Observe,
    /// Names with which dependencies are shown.
    pub peer_names: Vec<HostName>,
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
    pub(super) policy: Policy,
    pub(super) protection: Protection,
    pub(super) faults: Vec<Fault>,
    pub(super) ended: VecDeque<FaultDoc>,
    /// Their courses, by id, in the same order.
    pub(super) courses: VecDeque<(String, Course)>,
    pub(super) pending: Waiting,
    pub(super) recovering: Vec<Recovering>,
    pub(super) halt_file: HaltFile,
    pub(super) halted: Option<HaltDoc>,
    pub(super) journal: Journal,
    pub(super) audit: Audit,
    pub(super) ledger: Ledger,
    pub(super) guard: Guard,
    pub(super) history: History,
    /// What the watched cgroups asked of their dependencies.
    pub(super) asked: AskedHistory,
    /// Latencies of the last seconds, for whoever looks.
    pub(super) lately: Lately,
    /// The host names that faults have as peers: who looks them up again, and when.
    pub(super) names: Names,
    /// Those that the configuration has for peers.
    pub(super) peer_names: PeerNames,
    pub(super) waiters: Waiters,
    /// What we cost ourselves.
    pub(super) cost: Cost,
    /// The calls that were failed last.
    pub(super) hub: Arc<Hub>,
    pub(super) watch_until: Vec<(TargetSpec, Instant)>,
    pub(super) lag_roots: LagRoots,
    pub(super) node_refusals: u64,
    /// The kernel may still have a rule's bit on a cgroup that it no longer means.
    pub(super) unpublished: bool,
    pub(super) next_tick: Instant,
    pub(super) next_rescan: Instant,
    pub(super) next_second: Instant,
    pub(super) shutting_down: bool,
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
        audit: Audit,
    ) -> anyhow::Result<Self> {
        let policy = Policy::new(settings.limits.clone(), settings.state_dir.clone());
        if let Err(why) = policy.refuse() {
            error!("{}", why.message);
        }
        let halt_file = HaltFile::new(&settings.state_dir);
        let now = Instant::now();
        let mut engine = Self {
            kernel,
            host,
            policy,
            protection: Protection::default(),
            faults: Vec::new(),
            ended: VecDeque::new(),
            courses: VecDeque::new(),
            pending: Waiting::default(),
            recovering: Vec::new(),
            halted: halt_file.read(),
            halt_file,
            journal,
            audit,
            ledger: Ledger::open(&settings.state_dir),
            guard: Guard::new(),
            history: History::default(),
            asked: AskedHistory::default(),
            lately: Lately::default(),
            names: Names::default(),
            peer_names: PeerNames::new(&settings.peer_names),
            waiters: Waiters::default(),
            cost: Cost::default(),
            hub: Arc::default(),
            watch_until: Vec::new(),
            lag_roots: LagRoots::default(),
            node_refusals: 0,
            unpublished: false,
            next_tick: now,
            next_rescan: now,
            next_second: now,
            shutting_down: false,
            settings,
        };
        engine.kernel.set_node_budget(&engine.policy.limits.budget.node)?;
        engine.kernel.prepare(engine.policy.limits.mode != Mode::Observe)?;
        engine.kernel.set_halt(engine.halted.is_some())?;
        engine.protect(&[])?;
        engine.rescan();
        Ok(engine)
    }

    /// Where failed calls are told; whoever reads them from the kernel tells them there.
    pub fn hub(&self) -> Arc<Hub> {
        self.hub.clone()
    }

    /// Runs until it is told to end, and everything has ended.
    pub fn run(mut self, requests: &Receiver<Request>) {
        // Whoever follows a fault is still told how it ended.
        let mut gone_at: Option<Instant> = None;
        loop {
            let wait = self.next_tick.saturating_duration_since(Instant::now());
            match requests.recv_timeout(wait) {
                Ok(request) => {
                    self.request(request);
                    self.drain();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if gone_at.is_some() => return,
                Err(RecvTimeoutError::Disconnected) => {
                    self.shut_down();
                    std::thread::sleep(wait);
                }
            }
            if Instant::now() >= self.next_tick {
                self.tick();
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

    /// First of all: may they?
    pub(super) fn request(&mut self, Request { who, command }: Request) {
        if let Some(right) = command.right()
            && let Err(error) = self.policy.limits.allows(&who.identity, right)
        {
            self.record(&Decision::refused(command.action(), &who, &error));
            command.refuse(error);
            return;
        }
        self.command(command, &who);
    }

    fn command(&mut self, command: Command, who: &Who) {
        // Whoever asked may be gone: then nobody hears the answer, and that is fine.
        match command {
            Command::May(Wish::Plan, reply) => _ = reply.send(Ok(())),
            Command::May(Wish::Start { shadow }, reply) => _ = reply.send(self.may_start(shadow, who)),
            Command::Plan(spec, names, reply) => _ = reply.send(self.plan_doc(&spec, &names)),
            Command::Start(spec, names, reply) => _ = reply.send(self.start(&spec, &names, who)),
            Command::Arm(id, reply) => _ = reply.send(self.arm(&id, who)),
            Command::Approve(id, reply) => _ = reply.send(self.approve(&id, who)),
            Command::Fault(id, reply) => _ = reply.send(self.find(&id)),
            Command::Report(id, reply) => _ = reply.send(self.report(&id)),
            Command::Stop(id, reply) => match self.find(&id) {
                Ok(doc) => {
                    let reason = format!("stopped by {who}");
                    self.end_where(|fault| fault.id == doc.id, EndKind::Stopped, &reason);
                    // Afterwards: to stop never waits for the disk.
                    self.record(&Decision::allowed(Action::Stop, who).fault(&doc.id));
                    self.waiters.one(doc.id, reply);
                }
                Err(error) => _ = reply.send(Err(error)),
            },
            Command::StopAll(reply) => {
                let ids = self.faults.iter().map(|fault| fault.id.clone()).collect();
                self.end_where(|_| true, EndKind::Stopped, &format!("stopped by {who}"));
                self.record(&Decision::allowed(Action::Stop, who).reason("all"));
                self.waiters.all(ids, reply);
            }
            Command::Status(reply) => _ = reply.send(Ok(self.status())),
            Command::Halt(why, reply) => {
                let halted = self.halt(&why, who);
                self.record(&Decision::allowed(Action::Halt, who).reason(&why));
                _ = reply.send(halted.map(|()| self.status()));
            }
            Command::Lift(reply) => {
                let lifted = self.lift(who);
                self.record(&Decision::allowed(Action::Lift, who));
                _ = reply.send(lifted.map(|()| self.status()));
            }
            Command::Events(reply) => _ = reply.send(Ok(self.hub())),
            Command::Scope { asked, also, reply } => _ = reply.send(self.scope(&asked, &also)),
            Command::Flows(targets, reply) => _ = reply.send(self.flows(targets)),
            Command::Doctor(reply) => _ = reply.send(Ok(probe::document(self.kernel.capabilities()))),
            Command::Limits(reply) => _ = reply.send(Ok(self.policy.doc())),
            Command::Reload(reply) => _ = reply.send(self.reload(who)),
            Command::Cost(reply) => self.measure(reply),
            Command::Certificate(reply) => _ = reply.send(Ok(self.ledger.certificate())),
            Command::Shutdown(reply) => {
                self.shut_down();
                self.waiters.ending(reply);
            }
        }
    }

    fn shut_down(&mut self) {
        let first = !std::mem::replace(&mut self.shutting_down, true);
        self.end_where(|_| true, EndKind::Shutdown, "the daemon was told to end");
        if first {
            self.record(&Decision::allowed(Action::Shutdown, Actor::daemon()));
        }
    }

    /// One evaluation of everything; then, and only then, the heartbeat.
    pub(super) fn tick(&mut self) {
        super::failpoint::block(&self.settings.state_dir);
        let now = Instant::now();
        self.watch_halt();
        self.judge();
        if now >= self.next_rescan {
            self.next_rescan = now + RESCAN;
            self.rescan();
        }
        self.watch_names();
        self.look_for_matches(now);
        if now >= self.next_second {
            self.next_second = now + Duration::from_secs(1);
            self.judge_second();
            self.look_back();
            if types::forget_unused(now) {
                super::memory::give_back_now();
            }
        }
        self.look_at_cost();
        self.drain();
        self.beat();
        notify::alive();
        self.kernel.flush_log();
        // From its end: two ticks are never nearer to one another, and a ramp counts them.
        self.next_tick = Instant::now() + TICK;
    }

    pub(super) fn beat(&mut self) {
        if !self.faults.iter().any(Fault::lives) {
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

    /// Into the audit log. What was done is done: here a full disk is only told.
    pub(super) fn record(&mut self, decision: &Decision) {
        if let Err(error) = self.audit.record(decision) {
            error!("the audit log cannot be written: {error:#}");
        }
    }

    pub(super) fn remember(&mut self, doc: FaultDoc, course: Course) {
        let end = Entry::End { id: doc.id.clone(), at: super::halt::now() };
        if let Err(error) = self.journal.write(&end) {
            error!("{error:#}");
        }
        info!("{}: nothing is left of it", doc.id);
        if doc.clean.as_ref().is_some_and(|clean| !clean.left.is_empty()) {
            warn!("{}: not clean: {:?}", doc.id, doc.clean);
        }
        self.record(&Decision::ended(
            &doc.id,
            Actor::daemon(),
            doc.end_reason.as_deref().unwrap_or_default(),
        ));
        self.policy.ended();
        self.courses.push_front((doc.id.clone(), course));
        self.courses.truncate(REMEMBERED);
        self.ended.push_front(doc);
        self.ended.truncate(REMEMBERED);
    }
}
