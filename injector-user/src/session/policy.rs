//! The limits as the daemon holds them: loaded, reloaded, compared with the file, and what they must know of the node.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use super::fault::since_boot;
use crate::{
    api::types::LimitsDoc,
    error::Error,
    limits::{self, HostFacts, Limits, NodeFacts},
    target::Host,
};

/// Somebody who writes the file and then sends SIGHUP has so long.
const GRACE: Duration = Duration::from_secs(3);
/// More is a jump: NTP turns the clock faster or slower, it does not set it by so much.
const JUMP: Duration = Duration::from_secs(30);
/// Facts of the host this young are used again.
const FRESH: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug)]
pub struct Policy {
    /// The last good ones; the built-in ones if there never were.
    pub limits: Limits,
    /// Why nothing can be armed, if so.
    pub wrong: Option<Error>,
    path: PathBuf,
    state_dir: PathBuf,
    /// The wall clock; tests set it.
    pub(super) wall: fn() -> SystemTime,
    sha256: String,
    differs_since: Option<Instant>,
    /// Wall clock against the clock since boot, at the last look.
    offset: Option<Duration>,
    /// By how much it was set, once it was.
    jumped: Option<Duration>,
    host: Option<(Instant, HostFacts)>,
    started: VecDeque<Instant>,
    last_end: Option<Instant>,
}

/// What only the engine knows.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Faults that live.
    pub armed: usize,
    /// cgroups of the node.
    pub cgroups: usize,
    /// The targets' share of the node's traffic.
    pub share: Option<f64>,
    /// When the fault began that is judged, if it is there already; by both clocks.
    pub begun: Option<(Instant, SystemTime)>,
}

impl Policy {
    /// Reads the file; a bad one leaves the built-in limits and refuses to arm.
    pub fn new(path: PathBuf, state_dir: PathBuf) -> Self {
        let mut policy = Self {
            limits: Limits::default(),
            wrong: None,
            path,
            state_dir,
            wall: SystemTime::now,
            sha256: String::new(),
            differs_since: None,
            offset: None,
            jumped: None,
            host: None,
            started: VecDeque::new(),
            last_end: None,
        };
        let _told_by_wrong = policy.reload();
        policy
    }

    /// Reads the file again; a bad one leaves the old limits and refuses to arm.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn reload(&mut self) -> Result<(), Error> {
        self.jumped = None;
        self.offset = None;
        self.differs_since = None;
        // Other limits look at other disks.
        self.host = None;
        match limits::load_with_digest(&self.path) {
            Ok(loaded) => {
                self.limits = loaded.limits;
                self.sha256 = loaded.sha256.unwrap_or_default();
                self.wrong = None;
                Ok(())
            }
            Err(error) => {
                self.wrong = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Why nothing can be armed, if so.
    pub fn refuse(&self) -> Result<(), Error> {
        match &self.wrong {
            None => Ok(()),
            Some(why) => Err(Error::refused(format!("nothing can be armed: {}", why.message))
                .hint(why.hint.clone().unwrap_or_else(|| "the limits file must be put right first".into()))),
        }
    }

    /// Is the file still the one that was loaded? If it has been another one for some time: what to say, once.
    pub fn watch_file(&mut self) -> Option<String> {
        let now = digest(&self.path);
        if now == self.sha256 {
            self.differs_since = None;
            return None;
        }
        let since = *self.differs_since.get_or_insert_with(Instant::now);
        if since.elapsed() < GRACE || self.wrong.is_some() {
            return None;
        }
        let why = format!("the limits file {} is not the one that was loaded", self.path.display());
        self.wrong = Some(Error::failed(&why).hint("injector limits reload reads it"));
        Some(why)
    }

    /// Has the wall clock been set? Time windows cannot be trusted then, until somebody reloads the limits.
    pub fn watch_clock(&mut self) -> Option<String> {
        self.look_at_clock();
        let by = self.jumped?.as_secs();
        Some(format!("the wall clock was set by {by} s: time windows cannot be trusted"))
    }

    fn look_at_clock(&mut self) {
        let wall = (self.wall)().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = wall.saturating_sub(since_boot());
        let Some(before) = self.offset.replace(offset) else { return };
        let jump = before.abs_diff(offset);
        if jump >= JUMP && self.limits.when.is_some() {
            self.jumped = Some(jump);
        }
    }

    /// Load, pressure, memory and disk.
    pub fn host_now(&mut self, host: &Host) -> HostFacts {
        match &self.host {
            Some((at, facts)) if at.elapsed() < FRESH => facts.clone(),
            _ => {
                let facts = HostFacts::read(
                    host.proc.parent().unwrap_or(Path::new("/")),
                    &self.limits.host,
                    &self.state_dir,
                );
                self.host = Some((Instant::now(), facts.clone()));
                facts
            }
        }
    }

    /// What a request is judged by, beside itself.
    pub fn node(&mut self, known: Known, host: &Host) -> NodeFacts {
        let now = Instant::now();
        self.started.retain(|at| now.duration_since(*at) < HOUR);
        // Now, and not only every second: a request may come just after the clock was set.
        self.look_at_clock();
        let others = |at: &&Instant| known.begun.is_none_or(|(begun, _)| begun != **at);
        NodeFacts {
            armed: known.armed,
            started_last_hour: self.started.iter().filter(others).count(),
            since_last_end: self.last_end.map(|at| now.duration_since(at)),
            node_cgroups: known.cgroups,
            traffic_share: known.share,
            now: known.begun.map_or_else(self.wall, |(_, at)| at),
            clock_jumped: self.jumped.is_some(),
            host: self.host_now(host),
        }
    }

    /// A fault begins; by this moment it is told from the others.
    pub fn begins(&mut self) -> Instant {
        let after = |last: &Instant| *last + Duration::from_nanos(1);
        let now = self.started.back().map_or_else(Instant::now, |last| Instant::now().max(after(last)));
        self.started.push_back(now);
        now
    }

    /// A shadow that began at that moment begins to act.
    pub fn begins_again(&mut self, begun: Instant) -> Instant {
        self.started.retain(|at| *at != begun);
        self.begins()
    }

    /// A fault has ended.
    pub fn ended(&mut self) {
        self.last_end = Some(Instant::now());
    }

    /// The digest of the loaded file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The document.
    pub fn doc(&self) -> LimitsDoc {
        LimitsDoc {
            path: self.path.display().to_string(),
            sha256: self.sha256.clone(),
            mode: self.limits.mode.to_string(),
            wrong: self.wrong.as_ref().map(ToString::to_string),
            limits: serde_json::to_value(&self.limits).unwrap_or_default(),
        }
    }
}

/// SHA-256 of a file's bytes, hex; empty if there is none.
fn digest(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => String::new(),
    }
}
