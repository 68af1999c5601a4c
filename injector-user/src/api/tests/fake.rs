//! A server on a socket of its own, and the fake engine behind it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    api::{
        Client, Server,
        caps::Caps,
        types::{
            DoctorDoc, EndKind, FaultDoc, FlowsDoc, HaltDoc, LostDoc, PendingDoc, PlanDoc, ProbeDoc,
            ReportDoc, State, StatusDoc,
        },
    },
    config::Config,
    error::Error,
    observe::saturation::Scope,
    session::{Command, Handle, Hub, Request, saturation::Asked},
    spec::FaultSpec,
};

pub(in crate::api) const DROP: &str =
    r#"{"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"}"#;

pub(super) fn spec() -> FaultSpec {
    FaultSpec::from_json(DROP.as_bytes()).unwrap()
}

fn fault(state: State) -> FaultDoc {
    let ended = state == State::Ended;
    FaultDoc {
        id: "drop-7k3".into(),
        name: None,
        state,
        summary: "5 % egress loss, nginx.service".into(),
        spec: spec(),
        cgroups: 1,
        processes: 4,
        flows: Some(37),
        started: "2026-01-01T00:00:00Z".into(),
        ends: "2026-01-01T00:00:30Z".into(),
        left_ms: 30_000,
        ended: ended.then(|| "2026-01-01T00:00:30Z".into()),
        end: ended.then_some(EndKind::Stopped),
        end_reason: None,
        rung: None,
        reaction: None,
        counters: Default::default(),
        achieved: Default::default(),
        nothing_matched: None,
        target: Default::default(),
        control: Default::default(),
        control_verdict: "ok".into(),
        clean: ended.then(Default::default),
        percent_now: Some(5.0),
        by: "root".into(),
        notes: Vec::new(),
        recovery: None,
        recovery_judged: None,
        windows: None,
        amplification: Vec::new(),
    }
}

fn status(halted: Option<HaltDoc>) -> StatusDoc {
    StatusDoc {
        halted,
        disarmed: None,
        mode: "armed".into(),
        limits_sha256: String::new(),
        pending: Vec::new(),
        kernel: "6.12.0".into(),
        instance: "00c0ffee".into(),
        pid: 1,
        faults: Vec::new(),
        attached: Vec::new(),
        lost: LostDoc::default(),
        own: Default::default(),
        saturated: Vec::new(),
    }
}

/// What the fake engine has seen, as text, and whether its only fault has ended.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) commands: Vec<String>,
    pub(super) ended: bool,
    pub(super) slow_start: bool,
    pub(super) hub: Arc<Hub>,
}

/// Answers like the engine would, without a kernel.
fn engine(requests: &mpsc::Receiver<Request>, seen: &Mutex<Seen>) {
    let state = |seen: &Seen| if seen.ended { State::Ended } else { State::Armed };
    while let Ok(Request { who, command }) = requests.recv() {
        let mut seen = seen.lock().unwrap();
        seen.commands.push(match &command {
            Command::Start(..) => format!("start by {} {}", who.identity.uid, who.pid),
            Command::Stop(id, _) => format!("stop {id} by {} {}", who.identity.uid, who.pid),
            Command::Halt(why, ..) => format!("halt {why}"),
            Command::Flows(targets, _) => format!("flows {targets:?}"),
            Command::Events(_) => "events".into(),
            Command::Scope { asked, .. } => format!("scope {asked:?}"),
            Command::Fault(id, _) => format!("fault {id}"),
            Command::Report(id, _) => format!("report {id}"),
            Command::May(wish, _) => format!("may {wish:?}"),
            Command::Plan(..) => "plan".into(),
            Command::StopAll(..) => "stop-all".into(),
            Command::Lift(..) => "lift".into(),
            Command::Status(_) => "status".into(),
            Command::Doctor(_) => "doctor".into(),
            Command::Arm(id, _) => format!("arm {id}"),
            Command::Approve(id, _) => format!("approve {id}"),
            Command::Limits(_) => "limits".into(),
            Command::Reload(_) => "reload".into(),
            Command::Certificate(_) => "certificate".into(),
            Command::Cost(_) => "cost".into(),
            Command::Shutdown(_) => "shutdown".into(),
        });
        let doc = fault(state(&seen));
        match command {
            Command::May(_, reply) => drop(reply.send(Ok(()))),
            Command::Plan(spec, _, reply) => drop(reply.send(Ok(PlanDoc {
                summary: "s".into(),
                spec,
                ttl_ms: 30_000,
                limits: Vec::new(),
                cgroups: Vec::new(),
                processes: Vec::new(),
                flows: None,
                traffic_share_percent: None,
                elsewhere: 0,
                worst_case: Vec::new(),
                needs_approval: Vec::new(),
                names: Vec::new(),
                order: Vec::new(),
                blocked: None,
                steps: Vec::new(),
                rung: None,
                semantics: vec![],
                leaves_behind: Vec::new(),
                warnings: Vec::new(),
            }))),
            Command::Start(.., reply) => {
                let slow = seen.slow_start;
                drop(seen);
                if slow {
                    thread::sleep(Duration::from_millis(300));
                }
                drop(reply.send(Ok(doc)));
            }
            Command::Fault(id, reply) if id == doc.id => drop(reply.send(Ok(doc))),
            Command::Fault(id, reply) => {
                drop(reply.send(Err(Error::not_found(format!("there is no fault `{id}`")).hint("look"))));
            }
            Command::Stop(_, reply) => {
                seen.ended = true;
                drop(reply.send(Ok(fault(State::Ended))));
            }
            Command::StopAll(reply) => drop(reply.send(Ok(vec![fault(State::Ended)]))),
            Command::Status(reply) | Command::Lift(reply) => drop(reply.send(Ok(status(None)))),
            Command::Halt(why, reply) => {
                let halt = HaltDoc { by: who.to_string(), why, since: "2026-01-01T00:00:00Z".into() };
                drop(reply.send(Ok(status(Some(halt)))));
            }
            Command::Flows(_, reply) => {
                drop(reply.send(Ok(FlowsDoc { at: "now".into(), ..Default::default() })));
            }
            Command::Events(reply) => drop(reply.send(Ok(seen.hub.clone()))),
            Command::Scope { asked, reply, .. } => {
                let roots: Vec<String> = asked.iter().map(ToString::to_string).collect();
                let scope = Scope { roots: roots.clone(), ..Scope::default() };
                drop(reply.send(Ok(Asked { scope, roots })));
            }
            Command::Doctor(reply) => drop(reply.send(Ok(DoctorDoc {
                kernel: "6.12".into(),
                probes: vec![ProbeDoc {
                    what: "delay".into(),
                    works: true,
                    how: "ifb".into(),
                    why: "ok".into(),
                }],
                syscalls: vec![],
            }))),
            Command::Arm(_, reply) => drop(reply.send(Ok(doc))),
            Command::Approve(id, reply) => drop(reply.send(Ok(PendingDoc {
                id,
                summary: "s".into(),
                targets: Vec::new(),
                by: "alice".into(),
                since: "now".into(),
                exceeds: Vec::new(),
                approved_by: Some(who.to_string()),
            }))),
            Command::Limits(reply) | Command::Reload(reply) => drop(reply.send(Ok(Default::default()))),
            Command::Certificate(reply) => drop(reply.send(Ok(Default::default()))),
            Command::Cost(reply) => drop(reply.send(Ok(Default::default()))),
            Command::Report(_, reply) => drop(reply.send(Ok(ReportDoc {
                at: doc.started.clone(),
                kernel: "6.12.0".into(),
                fault: doc,
                target: Default::default(),
                control: Default::default(),
                timeline: Vec::new(),
            }))),
            Command::Shutdown(reply) => drop(reply.send(Ok(()))),
        }
    }
}

/// A server in a directory of its own.
pub(in crate::api) struct Daemon {
    pub(in crate::api) socket: PathBuf,
    pub(in crate::api) client: Client,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) served: tokio::task::JoinHandle<Result<(), Error>>,
    _directory: tempfile::TempDir,
}

impl Daemon {
    pub(super) fn start() -> Self {
        Self::with(Caps::default())
    }

    pub(in crate::api) fn with(caps: Caps) -> Self {
        Self::made(caps, |handle| handle)
    }

    pub(super) fn made(caps: Caps, with: impl FnOnce(Handle) -> Handle) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("run/injector.sock");
        let config = Config { socket: socket.clone(), ..Config::default() };
        let server = Server::bind(&config).unwrap().caps(caps);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sender, commands) = mpsc::channel();
        let shared = seen.clone();
        thread::spawn(move || engine(&commands, &shared));
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.serve(with(Handle::new(sender)), async { _ = stopped.await }));
        let client = Client::new(&socket);
        Self { socket, client, seen, stop: Some(stop), served, _directory: directory }
    }

    pub(in crate::api) fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }

    /// What was asked so far is of no interest.
    pub(in crate::api) fn forget(&self) {
        self.seen.lock().unwrap().commands = Vec::new();
    }

    pub(in crate::api) async fn has_seen(&self, what: &str) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if self.commands().iter().any(|command| command.starts_with(what)) {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// A request as bytes, its answer as status and JSON.
    pub(super) async fn raw(&self, head: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let length = body.len();
        let head =
            format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A body that is refused is not read to its end.
        _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8(answer).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}")))
    }
}
