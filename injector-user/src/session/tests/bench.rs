//! An engine on a host that is a temporary tree, over the fake kernel.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    api::types::{EndKind, FaultDoc, LimitsDoc, PlanDoc},
    config::Observe,
    error::Error,
    kernel::fake::Fake,
    limits::Identity,
    session::{Audit, Command, Engine, Journal, Reply, Request, Settings, Who, names::Found},
    spec::FaultSpec,
    target::testhost::TestHost,
};

pub const DROP: &str = r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"for":"30s"}"#;
pub const DELAY: &str = r#"{"kind":"delay","by":"50ms","targets":["cgroup:/app"],"for":"30s"}"#;
pub const SHADOW: &str = r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"for":"30s","shadow":true}"#;

pub struct Bench {
    pub engine: Engine,
    pub fake: Fake,
    pub host: TestHost,
    pub dir: tempfile::TempDir,
    /// What was found for the requests that come.
    pub names: Found,
}

/// A node on which faults may act, with the built-in limits.
pub fn bench() -> Bench {
    with_limits("mode: armed\n")
}

pub fn with_limits(limits: &str) -> Bench {
    observing(limits, Observe::Targets)
}

pub fn observing(limits: &str, observe: Observe) -> Bench {
    let host = TestHost::new();
    host.cgroup("/app");
    host.process(100, "app", "/app");
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::default();
    let settings = Settings {
        lease: Duration::from_secs(2),
        watch: vec![],
        observe,
        peer_names: vec!["db.internal".parse().unwrap()],
        limits: dir.path().join("limits.yaml"),
        state_dir: dir.path().join("state"),
        instance: "00000001".into(),
    };
    fs::write(&settings.limits, limits).unwrap();
    fs::create_dir_all(&settings.state_dir).unwrap();
    // Not the real journald's.
    let audit = Audit::open(&settings.state_dir, "test").unwrap().journald(&dir.path().join("nobody"));
    let journal = Journal::start(dir.path(), "00000001").unwrap();
    let mut engine =
        Engine::new(Box::new(fake.clone()), host.host.clone(), settings, journal, audit).unwrap();
    // Nobody's resolver is asked by a test that does not say so.
    engine.peer_names.look_up_by(|_| Err("not asked".into()));
    fake.with(|state| state.calls.clear());
    Bench { engine, fake, host, dir, names: Found::new() }
}

/// A service: root without a login.
pub fn root() -> Who {
    Who { identity: Identity::default(), pid: 1 }
}

/// A person behind sudo.
pub fn person(login: u32) -> Who {
    Who { identity: Identity { uid: 0, gids: vec![0], login: Some(login) }, pid: 2 }
}

pub fn spec(json: &str) -> FaultSpec {
    FaultSpec::from_json(json.as_bytes()).unwrap()
}

impl Bench {
    pub fn start(&mut self, json: &str) -> Result<FaultDoc, Error> {
        self.start_by(json, &root())
    }

    pub fn start_by(&mut self, json: &str, who: &Who) -> Result<FaultDoc, Error> {
        let names = self.names.clone();
        self.engine.start(&spec(json), &names, who)
    }

    pub fn plan(&mut self, json: &str) -> Result<PlanDoc, Error> {
        let names = self.names.clone();
        self.engine.plan_doc(&spec(json), &names)
    }

    /// As the API does it: the roles are asked, and an answer that waits is waited for.
    pub fn ask<T>(&mut self, who: &Who, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, mut answer) = oneshot::channel();
        self.engine.request(Request { who: who.clone(), command: make(reply) });
        self.engine.drain();
        self.engine.waiters.answer(&self.engine.faults, &self.engine.ended);
        answer.try_recv().expect("an answer")
    }

    /// From now on only what a test calls for happens: no clock brings a tick, a second or a rescan.
    pub fn hold_still(&mut self) {
        let never = Instant::now() + Duration::from_secs(3600);
        let engine = &mut self.engine;
        (engine.next_tick, engine.next_second, engine.next_rescan) = (never, never, never);
    }

    /// One tick, and nothing that comes less often.
    pub fn tick(&mut self) {
        self.hold_still();
        self.engine.tick();
        self.hold_still();
    }

    pub fn calls(&self) -> Vec<String> {
        self.fake.with(|state| state.calls.clone())
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.fake.with(|state| state.calls.clear());
    }

    pub fn limits(&self) -> PathBuf {
        self.engine.settings.limits.clone()
    }

    pub fn reload(&mut self, limits: &str) -> Result<LimitsDoc, Error> {
        fs::write(self.limits(), limits).unwrap();
        self.engine.reload(&root())
    }

    /// The kernel holds nothing of any fault.
    pub fn is_untouched(&self) -> bool {
        self.fake.with(|state| state.steps.is_empty() && state.rules.is_empty())
    }

    /// How the fault that ended last did.
    pub fn end(&mut self) -> Option<(EndKind, String)> {
        self.engine.drain();
        let doc = self.engine.ended.front()?;
        Some((doc.end?, doc.end_reason.clone()?))
    }

    /// The lines of the audit log.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.engine.settings.state_dir.join("audit.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
