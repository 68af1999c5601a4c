//! One decision: who wanted what, and what became of it.

use serde::Serialize;

use crate::{error::Error, session::Who, spec::FaultSpec};

/// The longest text of one field, in characters: a request cannot fill the log with a line.
const LONGEST: usize = 1_000;

/// Who wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// Effective uid of the peer.
    pub uid: u32,
    /// Its login uid, if it has one.
    pub login: Option<u32>,
    /// The person's name; `injector` for the daemon itself.
    pub person: String,
    /// Its pid; 0 if it has none here.
    pub pid: u32,
}

impl From<&Who> for Actor {
    fn from(who: &Who) -> Self {
        Self { uid: who.identity.uid, login: who.identity.login, person: who.to_string(), pid: who.pid }
    }
}

impl Actor {
    /// The daemon, of its own accord.
    pub fn daemon() -> Self {
        let uid = nix::unistd::geteuid().as_raw();
        Self { uid, login: None, person: "injector".into(), pid: std::process::id() }
    }
}

/// What was decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The daemon began.
    Start,
    /// A plan was asked for.
    Plan,
    /// A fault was to act.
    Arm,
    /// A fault was to match and count only.
    Shadow,
    /// A second person's yes.
    Approve,
    /// One fault or all were stopped by hand.
    Stop,
    /// Everything was stopped.
    Halt,
    /// A halt was lifted.
    Lift,
    /// The limits were read again.
    Reload,
    /// A fault ended, by whatever it was.
    End,
    /// The log itself was found damaged.
    Torn,
    /// The daemon was told to end.
    Shutdown,
}

impl Action {
    /// That of a fault that begins, as a shadow or not.
    pub fn begins(shadow: bool) -> Self {
        if shadow { Self::Shadow } else { Self::Arm }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It may be, and will be done now.
    Allowed,
    /// A limit, a protection, a role or a halt forbids it.
    Refused,
    /// It was allowed and did not work.
    Failed,
    /// It is over.
    Ended,
    /// Seen, not decided: what the log says of itself.
    Noted,
}

/// Bytes in the log that are no line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Damaged {
    /// How many, without the newline.
    pub bytes: usize,
    /// Their SHA-256 in hex.
    pub sha256: String,
}

/// See the module. Fields that are `None` are not in the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Who wanted it.
    pub who: Actor,
    /// What.
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
    /// Id of the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The fault in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What was expected of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
    /// Where it was agreed upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The limit that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What was asked of that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What it would have allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// Why: of a refusal, an end, a halt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found in the log before this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damaged>,
}

impl Decision {
    /// `who` wanted `action`, and may.
    pub fn allowed(action: Action, who: impl Into<Actor>) -> Self {
        Self {
            who: who.into(),
            action,
            outcome: Outcome::Allowed,
            fault: None,
            summary: None,
            hypothesis: None,
            ticket: None,
            limit: None,
            asked: None,
            allowed: None,
            reason: None,
            damaged: None,
        }
    }

    /// `who` wanted `action` and got this error: refused, or failed.
    pub fn refused(action: Action, who: impl Into<Actor>, error: &Error) -> Self {
        let refused = !matches!(error.kind, crate::error::Kind::Failed | crate::error::Kind::Unreachable);
        Self {
            outcome: if refused { Outcome::Refused } else { Outcome::Failed },
            limit: error.limit.as_deref().map(str::to_owned),
            asked: error.asked.clone(),
            allowed: error.allowed.clone(),
            ..Self::allowed(action, who).reason(&error.message)
        }
    }

    /// A fault is over, and this is why.
    pub fn ended(id: &str, who: impl Into<Actor>, reason: &str) -> Self {
        Self { outcome: Outcome::Ended, ..Self::allowed(Action::End, who).fault(id).reason(reason) }
    }

    /// Of the fault with this id.
    pub fn fault(self, id: &str) -> Self {
        Self { fault: Some(short(id)), ..self }
    }

    /// With what the fault's spec says, and the plan's one line of it.
    pub fn spec(self, spec: &FaultSpec, summary: &str) -> Self {
        Self {
            summary: Some(short(summary)),
            hypothesis: spec.hypothesis.as_ref().map(|words| short(&words.to_string())),
            ticket: spec.ticket.as_ref().map(|words| short(&words.to_string())),
            ..self
        }
    }

    /// With why.
    pub fn reason(self, reason: &str) -> Self {
        Self { reason: Some(short(reason)), ..self }
    }

    /// Must it be on the disk before anything is done? A refusal changes nothing, and a client that provokes
    /// thousands of them must not keep the disk, and the engine with it, busy.
    pub(super) fn durable(&self) -> bool {
        self.outcome != Outcome::Refused
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
