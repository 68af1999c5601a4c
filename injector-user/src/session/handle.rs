//! How the API talks to the engine: one command, one answer. The engine is one thread that owns the kernel
//! side; everything that happens to faults happens there, one thing after the other.

use std::sync::{Arc, mpsc::Sender};

use tokio::sync::oneshot;

use super::{
    audit::Action,
    events::Hub,
    names::{Found, look_up_all, named},
    owners::Owners,
    saturation::{Asked, Board},
};
use crate::{
    api::types::{
        CertificateDoc, CostDoc, DoctorDoc, FaultDoc, FlowsDoc, LimitsDoc, PendingDoc, PlanDoc, ReportDoc,
        StatusDoc,
    },
    error::Error,
    limits::{Identity, Right},
    spec::{FaultSpec, TargetSpec},
};

/// Who asks, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// What the kernel says of the peer.
    pub identity: Identity,
    /// Its pid.
    pub pid: u32,
}

impl Who {
    /// The daemon itself: its own metrics page, its own end.
    pub fn daemon() -> Self {
        Self { identity: Identity::default(), pid: std::process::id() }
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match nix::unistd::User::from_uid(self.identity.person().into()) {
            Ok(Some(user)) => write!(f, "{}", user.name),
            _ => write!(f, "uid {}", self.identity.person()),
        }
    }
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What a request is for whose host names have yet to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A [`Command::Plan`].
    Plan,
    /// A [`Command::Start`].
    Start {
        /// Of a shadow.
        shadow: bool,
    },
}

/// What the engine is asked to do.
#[derive(Debug)]
pub enum Command {
    /// May it be asked at all? So that nobody has names looked up who could do nothing with the answer.
    May(Wish, Reply<()>),
    /// What would happen? With what the host names of the request mean.
    Plan(FaultSpec, Found, Reply<PlanDoc>),
    /// Make it happen. With what the host names of the request mean.
    Start(FaultSpec, Found, Reply<FaultDoc>),
    /// Make a shadow real, or arm what was approved.
    Arm(String, Reply<FaultDoc>),
    /// A second person agrees to what exceeds a soft limit.
    Approve(String, Reply<PendingDoc>),
    /// One fault, by id, name or unique prefix of the id.
    Fault(String, Reply<FaultDoc>),
    /// Everything that is known of one.
    Report(String, Reply<ReportDoc>),
    /// End one; answered when nothing of it is left.
    Stop(String, Reply<FaultDoc>),
    /// End all; answered when nothing is left.
    StopAll(Reply<Vec<FaultDoc>>),
    /// Everything.
    Status(Reply<StatusDoc>),
    /// Stop everything and refuse to arm.
    Halt(String, Reply<StatusDoc>),
    /// Allow arming again.
    Lift(Reply<StatusDoc>),
    /// Flows; the targets are watched for some seconds more.
    Flows(Vec<TargetSpec>, Reply<FlowsDoc>),
    /// Failed calls, one by one: the last ones, and those that come.
    Events(Reply<Arc<Hub>>),
    /// What is to be read to tell how full things are.
    Scope {
        /// The targets of whoever asks.
        asked: Vec<TargetSpec>,
        /// Those of others, who asked a moment ago.
        also: Vec<TargetSpec>,
        /// Where the answer goes.
        reply: Reply<Asked>,
    },
    /// What this kernel can do.
    Doctor(Reply<DoctorDoc>),
    /// The limits as they are loaded.
    Limits(Reply<LimitsDoc>),
    /// Read the limits file again.
    Reload(Reply<LimitsDoc>),
    /// What our programs cost; answered after they were measured for a second.
    Cost(Reply<CostDoc>),
    /// What shadow faults would have done.
    Certificate(Reply<CertificateDoc>),
    /// End all faults and the engine. The daemon's own.
    Shutdown(Reply<()>),
}

impl Command {
    /// The right that it needs; `None`: it comes from the daemon itself.
    pub fn right(&self) -> Option<Right> {
        Some(match self {
            Self::Shutdown(_) => return None,
            Self::Plan(..) | Self::May(Wish::Plan, _) => Right::Plan,
            Self::May(Wish::Start { .. }, _) => Right::Inject,
            Self::Start(..) | Self::Arm(..) | Self::Approve(..) => Right::Inject,
            Self::Fault(..)
            | Self::Report(..)
            | Self::Cost(_)
            | Self::Status(..)
            | Self::Flows(..)
            | Self::Events(_)
            | Self::Scope { .. }
            | Self::Doctor(..)
            | Self::Limits(..)
            | Self::Certificate(..) => Right::Observe,
            Self::Stop(..) | Self::StopAll(..) | Self::Halt(..) => Right::Halt,
            Self::Lift(..) | Self::Reload(..) => Right::Admin,
        })
    }

    /// Its name in the audit log.
    pub fn action(&self) -> Action {
        match self {
            Self::Plan(..) | Self::Flows(..) | Self::Status(_) | Self::Fault(..) | Self::Doctor(_) => {
                Action::Plan
            }
            Self::Limits(_) | Self::Certificate(_) | Self::Events(_) | Self::Report(..) | Self::Cost(_) => {
                Action::Plan
            }
            Self::May(Wish::Plan, _) | Self::Scope { .. } => Action::Plan,
            Self::May(Wish::Start { shadow }, _) => Action::begins(*shadow),
            Self::Start(spec, ..) => Action::begins(spec.shadow),
            Self::Arm(..) => Action::Arm,
            Self::Approve(..) => Action::Approve,
            Self::Stop(..) | Self::StopAll(_) => Action::Stop,
            Self::Halt(..) => Action::Halt,
            Self::Lift(_) => Action::Lift,
            Self::Reload(_) => Action::Reload,
            Self::Shutdown(_) => Action::Shutdown,
        }
    }

    /// Answers with an error.
    pub fn refuse(self, error: Error) {
        // Whoever asked may be gone: then nobody hears the answer, and that is fine.
        match self {
            Self::May(_, reply) => _ = reply.send(Err(error)),
            Self::Plan(.., reply) => _ = reply.send(Err(error)),
            Self::Start(.., reply) => _ = reply.send(Err(error)),
            Self::Arm(_, reply) => _ = reply.send(Err(error)),
            Self::Approve(_, reply) => _ = reply.send(Err(error)),
            Self::Fault(_, reply) => _ = reply.send(Err(error)),
            Self::Report(_, reply) => _ = reply.send(Err(error)),
            Self::Stop(_, reply) => _ = reply.send(Err(error)),
            Self::StopAll(reply) => _ = reply.send(Err(error)),
            Self::Status(reply) => _ = reply.send(Err(error)),
            Self::Halt(_, reply) => _ = reply.send(Err(error)),
            Self::Lift(reply) => _ = reply.send(Err(error)),
            Self::Flows(_, reply) => _ = reply.send(Err(error)),
            Self::Events(reply) => _ = reply.send(Err(error)),
            Self::Scope { reply, .. } => _ = reply.send(Err(error)),
            Self::Doctor(reply) => _ = reply.send(Err(error)),
            Self::Limits(reply) => _ = reply.send(Err(error)),
            Self::Reload(reply) => _ = reply.send(Err(error)),
            Self::Certificate(reply) => _ = reply.send(Err(error)),
            Self::Cost(reply) => _ = reply.send(Err(error)),
            Self::Shutdown(reply) => _ = reply.send(Err(error)),
        }
    }
}

/// A command and who gives it.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub who: Who,
    /// For what.
    pub command: Command,
}

/// The engine, seen from outside, by one person. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: Sender<Request>,
    who: Who,
    /// Where it stands how full things are; tests do without.
    board: Option<Arc<Board>>,
    /// Who tells whose cgroups are; tests do without.
    owners: Option<Arc<Owners>>,
}

impl Handle {
    /// A handle whose requests go to `requests`, as the daemon's own.
    pub fn new(requests: Sender<Request>) -> Self {
        Self { requests, who: Who::daemon(), board: None, owners: None }
    }

    /// The same, with what is known of how full things are.
    pub fn with(self, board: Arc<Board>) -> Self {
        Self { board: Some(board), ..self }
    }

    /// The same, with who tells whose cgroups are.
    pub fn with_owners(self, owners: Arc<Owners>) -> Self {
        Self { owners: Some(owners), ..self }
    }

    pub(super) fn owners(&self) -> Option<&Arc<Owners>> {
        self.owners.as_ref()
    }

    pub(super) fn board(&self) -> Option<&Arc<Board>> {
        self.board.as_ref()
    }

    /// The same engine, asked by somebody else.
    pub fn of(&self, who: Who) -> Self {
        Self { who, ..self.clone() }
    }

    pub(super) async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let request = Request { who: self.who.clone(), command: make(reply) };
        self.requests.send(request).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Looks up the names of a request here, where it may take its time: only if whoever asks may ask.
    async fn names(&self, spec: &FaultSpec, wish: Wish) -> Result<Found, Error> {
        if named(&spec.matching).is_empty() {
            return Ok(Found::new());
        }
        self.ask(|reply| Command::May(wish, reply)).await?;
        look_up_all(&spec.matching).await
    }

    /// See [`Command::Plan`].
    ///
    /// # Errors
    /// What is wrong with the request, a name that does not resolve, or the limit that it exceeds.
    pub async fn plan(&self, spec: FaultSpec) -> Result<PlanDoc, Error> {
        let names = self.names(&spec, Wish::Plan).await?;
        self.ask(|reply| Command::Plan(spec, names, reply)).await
    }

    /// See [`Command::Start`].
    ///
    /// # Errors
    /// As for [`Handle::plan`], and what the kernel refused; nothing is left behind then.
    pub async fn start(&self, spec: FaultSpec) -> Result<FaultDoc, Error> {
        let names = self.names(&spec, Wish::Start { shadow: spec.shadow }).await?;
        self.saturation_before(&spec).await?;
        self.ask(|reply| Command::Start(spec, names, reply)).await
    }

    /// See [`Command::Arm`].
    ///
    /// # Errors
    /// There is no such fault, or the limits refuse it.
    pub async fn arm(&self, id: String) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Arm(id, reply)).await
    }

    /// See [`Command::Approve`].
    ///
    /// # Errors
    /// It is the same person, or one without a login uid.
    pub async fn approve(&self, id: String) -> Result<PendingDoc, Error> {
        self.ask(|reply| Command::Approve(id, reply)).await
    }

    /// See [`Command::Fault`].
    ///
    /// # Errors
    /// There is no such fault, or several.
    pub async fn fault(&self, id: String) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Fault(id, reply)).await
    }

    /// See [`Command::Report`].
    ///
    /// # Errors
    /// As for [`Handle::fault`].
    pub async fn report(&self, id: String) -> Result<ReportDoc, Error> {
        self.ask(|reply| Command::Report(id, reply)).await
    }

    /// See [`Command::Stop`].
    ///
    /// # Errors
    /// There is no such fault, or several.
    pub async fn stop(&self, id: String) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Stop(id, reply)).await
    }

    /// See [`Command::StopAll`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn stop_all(&self) -> Result<Vec<FaultDoc>, Error> {
        self.ask(Command::StopAll).await
    }

    /// See [`Command::Status`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn status(&self) -> Result<StatusDoc, Error> {
        let mut status = self.ask(Command::Status).await?;
        status.saturated = self.board.as_ref().map(|board| board.hot()).unwrap_or_default();
        Ok(status)
    }

    /// See [`Command::Halt`].
    ///
    /// # Errors
    /// The halt file could not be written; everything is stopped all the same.
    pub async fn halt(&self, why: String) -> Result<StatusDoc, Error> {
        self.ask(|reply| Command::Halt(why, reply)).await
    }

    /// See [`Command::Lift`].
    ///
    /// # Errors
    /// The halt file could not be removed.
    pub async fn lift(&self) -> Result<StatusDoc, Error> {
        self.ask(Command::Lift).await
    }

    /// See [`Command::Events`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn events(&self) -> Result<Arc<Hub>, Error> {
        self.ask(Command::Events).await
    }

    /// See [`Command::Doctor`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn doctor(&self) -> Result<DoctorDoc, Error> {
        let mut doctor = self.ask(Command::Doctor).await?;
        doctor.probes.extend(self.board.iter().flat_map(|board| board.probes()));
        Ok(doctor)
    }

    /// See [`Command::Limits`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn limits(&self) -> Result<LimitsDoc, Error> {
        self.ask(Command::Limits).await
    }

    /// See [`Command::Reload`].
    ///
    /// # Errors
    /// The file is wrong: the old limits stay, and nothing can be armed.
    pub async fn reload(&self) -> Result<LimitsDoc, Error> {
        self.ask(Command::Reload).await
    }

    /// See [`Command::Cost`].
    ///
    /// # Errors
    /// The kernel does not count.
    pub async fn cost(&self) -> Result<CostDoc, Error> {
        self.ask(Command::Cost).await
    }

    /// See [`Command::Certificate`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn certificate(&self) -> Result<CertificateDoc, Error> {
        self.ask(Command::Certificate).await
    }

    /// See [`Command::Shutdown`].
    ///
    /// # Errors
    /// It is ending already.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.ask(Command::Shutdown).await
    }
}

fn gone() -> Error {
    Error::unreachable("the daemon is ending").hint("start it again: injector daemon")
}
