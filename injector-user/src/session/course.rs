//! The course of a fault: its three windows, its time line, and what its target asked of whom. Kept for those that have
//! ended, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use injector_ebpf::rtt::Aggregate;
use tracing::warn;

use super::{engine::Engine, fault::Fault, recovering::Seen};
use crate::{
    api::types::{FailuresDoc, FaultDoc, PointDoc, ReportDoc},
    error::Error,
    observe::{
        AskedOf, Asking, Group, Sums, Timeline, Tried, Window, amplification, asked_of, sum, tried_by,
        windows_doc,
    },
};

/// How long the window after a fault is, unless another fault acts before.
const AFTER: Duration = Duration::from_secs(60);
/// How often it is looked at what the targets of live faults ask.
const ASKED: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Course {
    /// When it was armed, or its shadow was.
    armed: Instant,
    /// Its target in the three windows; while it lives, without the second.
    pub target: Group,
    /// Everybody else.
    pub control: Group,
    /// Another fault acted on the same cgroups in the window before.
    pub disturbed: bool,
    timeline: Timeline,
    /// What the target asked before; `None`: it was not watched.
    asked_before: Option<Asking>,
    /// The sums when it was armed.
    asked_at: AskedOf,
    /// What the target asked during the fault, as of the last look.
    asking: Asking,
    asked_last: Instant,
    /// What it had tried when it was armed.
    tried_at: Tried,
    /// What failed during the fault, as of the last look.
    failures: Option<FailuresDoc>,
    /// Paths of cgroups, by id.
    paths: BTreeMap<u64, String>,
    pub(super) end: Option<Ended>,
}

/// What is needed after its end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) at: Instant,
    /// It was no shadow.
    acted: bool,
    cgroups: Vec<u64>,
    /// Those of other faults that lived on: neither target nor control group.
    others: BTreeSet<u64>,
    /// The sums of target and control group where the window after begins.
    from: Option<(Instant, Aggregate, Aggregate)>,
    /// What the target had tried then, or when it was seen first.
    tried: Option<Tried>,
    /// The window after goes on.
    open: bool,
    /// What its target asked was looked at for the last time.
    asked: bool,
}

impl Course {
    /// A course that begins now.
    fn new(armed: Instant) -> Self {
        Self {
            armed,
            target: Group::EMPTY,
            control: Group::EMPTY,
            disturbed: false,
            timeline: Timeline::default(),
            asked_before: None,
            asked_at: AskedOf::new(),
            asking: Asking::default(),
            asked_last: armed,
            tried_at: Tried::default(),
            failures: None,
            paths: BTreeMap::new(),
            end: None,
        }
    }

    /// With the cgroups that it was armed for: those that are gone are not forgotten.
    fn all_of(&self, now: &[u64]) -> Vec<u64> {
        let all: BTreeSet<u64> = self.paths.keys().chain(now).copied().collect();
        all.into_iter().collect()
    }

    fn point(&self, now: Instant, fault: &Fault) -> PointDoc {
        let at_ms = u64::try_from(now.duration_since(self.armed).as_millis()).unwrap_or(u64::MAX);
        let stats = &fault.stats;
        PointDoc { at_ms, matched: stats.matched, acted: stats.acted + stats.shadow }
    }

    /// The window after it: the sums of a second more.
    fn after(&mut self, now: Instant, sums: &Sums, seen: Option<&Seen>, disturbed: bool) {
        let Some(end) = self.end.as_mut().filter(|end| end.open) else { return };
        if disturbed || now.duration_since(end.at) > AFTER {
            end.open = false;
            return;
        }
        let target = sum(end.cgroups.iter().filter_map(|id| sums.get(id)));
        let others = sums.iter().filter(|(id, _)| !end.cgroups.contains(id) && !end.others.contains(id));
        let control = sum(others.map(|(_, sums)| sums));
        let (at, from_target, from_control) = *end.from.get_or_insert((now, target, control));
        let tried = seen.and_then(|seen| seen.tried(&end.cgroups));
        end.tried = end.tried.or(tried);
        let span = now.duration_since(at);
        if span.is_zero() {
            return;
        }
        let failures = tried.zip(end.tried).map(|(now, then)| now.since(&then));
        self.target.after = Some(Window { failures, ..Window::between(&from_target, &target, span) });
        self.control.after = Some(Window::between(&from_control, &control, span));
    }

    /// With what is known now.
    fn complete(&self, doc: &mut FaultDoc, during: Option<[Window; 2]>) {
        let [target, control] = self.groups(during);
        doc.windows = Some(windows_doc(&target, &control, self.disturbed));
        doc.amplification = amplification(self.asked_before.as_ref(), &self.asking, |id| {
            self.paths.get(&id).cloned().unwrap_or_else(|| id.to_string())
        });
    }

    fn groups(&self, during: Option<[Window; 2]>) -> [Group; 2] {
        let [target, control] = during.unwrap_or([self.target.during, self.control.during]);
        let target = Window { failures: self.failures, ..target };
        [Group { during: target, ..self.target }, Group { during: control, ..self.control }]
    }

    /// Everything of it.
    pub fn report(&self, fault: FaultDoc, during: Option<[Window; 2]>) -> ReportDoc {
        let [target, control] = self.groups(during);
        ReportDoc {
            at: super::halt::now(),
            kernel: super::kernel_release(),
            fault,
            target: target.distributions(),
            control: control.distributions(),
            timeline: self.timeline.points().to_vec(),
        }
    }
}

/// The window during a fault, of target and control group, that is open until `now`.
fn during(fault: &Fault, now: Instant) -> [Window; 2] {
    let span = now.duration_since(fault.course.armed);
    [
        Window::between(&fault.target_before, &fault.target_now, span),
        Window::between(&fault.control_before, &fault.control_now, span),
    ]
}

impl Engine {
    /// A course for a fault of these cgroups that is armed now. `sums` are those of all cgroups.
    pub(super) fn begin_course(&mut self, cgroups: &[u64], paths: BTreeMap<u64, String>) -> Course {
        let now = Instant::now();
        let mut course = Course { paths, ..Course::new(now) };
        let seconds = Duration::from_secs_f64(self.history.seconds());
        if let Some(sums) = self.sums().filter(|_| !seconds.is_zero()) {
            let meant: BTreeSet<u64> = self.faults.iter().flat_map(|fault| fault.cgroups.clone()).collect();
            let everybody_else: Vec<u64> =
                sums.keys().copied().filter(|id| !cgroups.contains(id) && !meant.contains(id)).collect();
            let window = |ids: &[u64]| {
                let sums = self.history.window(&sums, ids);
                Window { span: seconds, sums, failures: None }
            };
            course.target.before = Some(window(cgroups));
            course.control.before = Some(window(&everybody_else));
        }
        let shares = |ids: &[u64]| ids.iter().any(|id| cgroups.contains(id));
        course.disturbed = self.faults.iter().any(|fault| fault.acts() && shares(&fault.cgroups))
            || self.courses().any(|other| {
                let end = other.end.as_ref();
                end.is_some_and(|end| {
                    end.acted && now.duration_since(end.at) < seconds && shares(&end.cgroups)
                })
            });
        match self.kernel.snapshot(&[]) {
            Ok(snapshot) => {
                course.asked_before = self.asked.window(now, &snapshot, cgroups);
                course.asked_at = asked_of(&snapshot, |id| cgroups.contains(&id));
                course.tried_at = Tried::of(&tried_by(&snapshot), cgroups);
                if let Some(before) = &mut course.target.before {
                    before.failures = self.asked.failures(now, &snapshot, cgroups);
                }
            }
            Err(error) => warn!("the flows before a fault cannot be read: {error:#}"),
        }
        course
    }

    /// All courses whose faults have ended.
    fn courses(&self) -> impl Iterator<Item = &Course> {
        self.faults.iter().map(|fault| &fault.course).chain(self.courses.iter().map(|(_, course)| course))
    }

    /// Whether the window after some fault is open.
    pub(super) fn is_after_one(&self) -> bool {
        self.courses().any(|course| course.end.as_ref().is_some_and(|end| end.open))
    }

    /// It selects nothing any more: the window during it is closed. What comes next is of one tick at most.
    pub(super) fn end_course(&mut self, index: usize, at: Instant) {
        let fault = &mut self.faults[index];
        if let (Ok(target), Ok(control)) = (self.kernel.aggregate(1 + fault.slot), self.kernel.aggregate(0)) {
            (fault.target_now, fault.control_now) = (target, control);
        }
        let [target, control] = during(fault, at);
        let point = fault.course.point(at, fault);
        let (acted, cgroups) = (!fault.is_shadow(), fault.course.all_of(&fault.cgroups));
        let others = self.faults.iter().enumerate().filter(|(other, fault)| *other != index && fault.lives());
        let others = others.flat_map(|(_, fault)| fault.cgroups.iter().copied()).collect();
        let course = &mut self.faults[index].course;
        (course.target.during, course.control.during) = (target, control);
        course.timeline.end(point);
        course.end =
            Some(Ended { at, acted, cgroups, others, from: None, tried: None, open: true, asked: false });
    }

    /// Once a second: the time lines of those that live, and the window after those that do not.
    pub(super) fn follow_courses(&mut self, sums: Option<&Sums>, seen: Option<&Seen>) {
        let now = Instant::now();
        let acting = self.faults.iter().filter(|fault| fault.acts());
        let acting: Vec<(Instant, Vec<u64>)> =
            acting.map(|fault| (fault.course.armed, fault.cgroups.clone())).collect();
        let mut all: Vec<&mut Course> = self.courses.iter_mut().map(|(_, course)| course).collect();
        for fault in &mut self.faults {
            if fault.lives() {
                let point = fault.course.point(now, fault);
                fault.course.timeline.look(point);
            } else {
                all.push(&mut fault.course);
            }
        }
        for course in all {
            let Some(end) = &course.end else { continue };
            // By one that began since, or that goes on and means the same target.
            let disturbed = acting
                .iter()
                .any(|(armed, ids)| *armed >= end.at || ids.iter().any(|id| end.cgroups.contains(id)));
            if let Some(sums) = sums {
                course.after(now, sums, seen, disturbed);
            }
        }
        self.look_at_asking(now);
    }

    /// What the watched cgroups ask of their dependencies: for what comes before the next fault, and during those that
    /// live.
    fn look_at_asking(&mut self, now: Instant) {
        self.lately.idle(now);
        let roots = self.watched_roots();
        let due = self.asked.is_due(now, &roots);
        let lives = |fault: &Fault| fault.lives() && now.duration_since(fault.course.asked_last) >= ASKED;
        if !due && !self.faults.iter().any(lives) {
            return;
        }
        match self.kernel.snapshot(&[]) {
            Ok(snapshot) => {
                if due {
                    self.asked.look(now, &snapshot);
                }
                let tried = tried_by(&snapshot);
                for fault in self.faults.iter_mut().filter(|fault| fault.lives()) {
                    let course = &mut fault.course;
                    let ids = course.all_of(&fault.cgroups);
                    let to = asked_of(&snapshot, |id| ids.contains(&id));
                    course.asking = Asking::between(&course.asked_at, &to, now.duration_since(course.armed));
                    course.failures = Some(Tried::of(&tried, &ids).since(&course.tried_at));
                    course.asked_last = now;
                }
            }
            Err(error) => warn!("the flows cannot be read: {error:#}"),
        }
    }

    /// After faults have ended, and before anything of them is forgotten: one last look for all of them.
    pub(super) fn settle_asking(&mut self) {
        let waits = |fault: &Fault| fault.course.end.as_ref().is_some_and(|end| !end.asked);
        if !self.faults.iter().any(waits) {
            return;
        }
        let snapshot = self.kernel.snapshot(&[]);
        for fault in &mut self.faults {
            let course = &mut fault.course;
            let Some(end) = course.end.as_mut().filter(|end| !end.asked) else { continue };
            end.asked = true;
            if let Ok(snapshot) = &snapshot {
                let to = asked_of(snapshot, |id| end.cgroups.contains(&id));
                course.asking = Asking::between(&course.asked_at, &to, course.armed.elapsed());
                course.failures = Some(Tried::of(&tried_by(snapshot), &end.cgroups).since(&course.tried_at));
            }
            // What it was compared with is needed no more.
            course.asked_at = AskedOf::new();
        }
        if let Err(error) = snapshot {
            warn!("the flows after a fault cannot be read: {error:#}");
        }
    }

    /// The course of the fault that this document is of, and its open window.
    fn course_of(&self, doc: &FaultDoc) -> Option<(&Course, Option<[Window; 2]>)> {
        if let Some(fault) = self.faults.iter().find(|fault| fault.id == doc.id) {
            let open = fault.lives().then(|| during(fault, Instant::now()));
            return Some((&fault.course, open));
        }
        // A name may be used again: the newest is the first, here and among the documents.
        self.courses.iter().find(|(id, _)| *id == doc.id).map(|(_, course)| (course, None))
    }

    /// Adds what only the document of one fault has: its windows, and what its target asked of whom.
    pub(super) fn complete(&self, doc: &mut FaultDoc) {
        if let Some((course, open)) = self.course_of(doc) {
            course.complete(doc, open);
        }
    }

    /// Everything that is known of one fault.
    pub(super) fn report(&mut self, asked: &str) -> Result<ReportDoc, Error> {
        let doc = self.find(asked)?;
        let forgotten = || Error::failed(format!("the course of {} was not kept", doc.id));
        let (course, open) = self.course_of(&doc).ok_or_else(forgotten)?;
        Ok(course.report(doc.clone(), open))
    }
}
