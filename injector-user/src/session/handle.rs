//! How the API talks to the engine: one command, one answer. The engine is one thread that owns the kernel
//! side; everything that happens to faults happens there, one thing after the other.

use std::sync::mpsc::Sender;

use tokio::sync::oneshot;

use crate::{
    api::types::{DoctorDoc, FaultDoc, FlowsDoc, PlanDoc, StatusDoc},
    error::Error,
    limits::Identity,
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

/// What the engine is asked to do.
#[derive(Debug)]
pub enum Command {
    /// What would happen?
    Plan(FaultSpec, Reply<PlanDoc>),
    /// Make it happen.
    Start(FaultSpec, Who, Reply<FaultDoc>),
    /// One fault, by id, name or unique prefix of the id.
    Fault(String, Reply<FaultDoc>),
    /// End one; answered when nothing of it is left.
    Stop(String, Who, Reply<FaultDoc>),
    /// End all; answered when nothing is left.
    StopAll(Who, Reply<Vec<FaultDoc>>),
    /// Everything.
    Status(Reply<StatusDoc>),
    /// Stop everything and refuse to arm.
    Halt(String, Who, Reply<StatusDoc>),
    /// Allow arming again.
    Lift(Who, Reply<StatusDoc>),
    /// Flows; the targets are watched for some seconds more.
    Flows(Vec<TargetSpec>, Reply<FlowsDoc>),
    /// What this kernel can do.
    Doctor(Reply<DoctorDoc>),
    /// End all faults and the engine.
    Shutdown(Reply<()>),
}

/// The engine, seen from outside. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: Sender<Command>,
}

impl Handle {
    /// A handle whose commands go to `commands`.
    pub fn new(commands: Sender<Command>) -> Self {
        Self { commands }
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let gone = || Error::unreachable("the daemon is ending").hint("start it again: injector daemon");
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// See [`Command::Plan`].
    ///
    /// # Errors
    /// What is wrong with the request, or the limit that it exceeds.
    pub async fn plan(&self, spec: FaultSpec) -> Result<PlanDoc, Error> {
        self.ask(|reply| Command::Plan(spec, reply)).await
    }

    /// See [`Command::Start`].
    ///
    /// # Errors
    /// As for [`Handle::plan`], and what the kernel refused; nothing is left behind then.
    pub async fn start(&self, spec: FaultSpec, who: Who) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Start(spec, who, reply)).await
    }

    /// See [`Command::Fault`].
    ///
    /// # Errors
    /// There is no such fault, or several.
    pub async fn fault(&self, id: String) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Fault(id, reply)).await
    }

    /// See [`Command::Stop`].
    ///
    /// # Errors
    /// There is no such fault, or several.
    pub async fn stop(&self, id: String, who: Who) -> Result<FaultDoc, Error> {
        self.ask(|reply| Command::Stop(id, who, reply)).await
    }

    /// See [`Command::StopAll`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn stop_all(&self, who: Who) -> Result<Vec<FaultDoc>, Error> {
        self.ask(|reply| Command::StopAll(who, reply)).await
    }

    /// See [`Command::Status`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn status(&self) -> Result<StatusDoc, Error> {
        self.ask(Command::Status).await
    }

    /// See [`Command::Halt`].
    ///
    /// # Errors
    /// The halt file could not be written; everything is stopped all the same.
    pub async fn halt(&self, why: String, who: Who) -> Result<StatusDoc, Error> {
        self.ask(|reply| Command::Halt(why, who, reply)).await
    }

    /// See [`Command::Lift`].
    ///
    /// # Errors
    /// The halt file could not be removed.
    pub async fn lift(&self, who: Who) -> Result<StatusDoc, Error> {
        self.ask(|reply| Command::Lift(who, reply)).await
    }

    /// See [`Command::Flows`].
    ///
    /// # Errors
    /// A target cannot be resolved.
    pub async fn flows(&self, targets: Vec<TargetSpec>) -> Result<FlowsDoc, Error> {
        self.ask(|reply| Command::Flows(targets, reply)).await
    }

    /// See [`Command::Doctor`].
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn doctor(&self) -> Result<DoctorDoc, Error> {
        self.ask(Command::Doctor).await
    }

    /// See [`Command::Shutdown`].
    ///
    /// # Errors
    /// It is ending already.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.ask(Command::Shutdown).await
    }
}
