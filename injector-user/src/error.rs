//! What went wrong, for people and for programs: a kind, what was asked, and what would be right.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The schema name of [`Error::document`].
pub const SCHEMA: &str = "injector.error/1";

/// The kinds of ending that are not a success. Each has one exit code and one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What was asked can't be understood or makes no sense: exit 2, HTTP 400.
    Usage,
    /// It was tried and did not work: exit 1, HTTP 500.
    Failed,
    /// The named thing does not exist on this node: exit 1, HTTP 404.
    NotFound,
    /// The daemon does not answer: exit 3, HTTP 503.
    Unreachable,
    /// The limits, a protection, a halt or a missing right forbid it: exit 4, HTTP 403.
    Refused,
    /// The fault ended before its time (halt, abort, budget, target lost): exit 5, HTTP 409.
    EndedEarly,
    /// The fault ran its time and acted on nothing: exit 6, HTTP 409.
    NothingHit,
    /// A signal ended the command: exit 130, HTTP 409.
    Interrupted,
}

impl Kind {
    /// The exit code of the CLI for this kind (DESIGN.md section 5).
    pub const fn exit_code(self) -> u8 {
        match self {
            Kind::Failed | Kind::NotFound => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
            Kind::Refused => 4,
            Kind::EndedEarly => 5,
            Kind::NothingHit => 6,
            Kind::Interrupted => 130,
        }
    }

    /// The HTTP status of the API for this kind.
    pub const fn http_status(self) -> u16 {
        match self {
            Kind::Usage => 400,
            Kind::Refused => 403,
            Kind::NotFound => 404,
            Kind::EndedEarly | Kind::NothingHit | Kind::Interrupted => 409,
            Kind::Failed => 500,
            Kind::Unreachable => 503,
        }
    }
}

/// One error. Its `Display` is the message, followed by the hint in parentheses.
///
/// It can be read back from its [`document`](Error::document): unknown keys (`schema`, `node`) are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What kind of ending this is.
    pub kind: Kind,
    /// What is wrong, naming what was asked. One sentence, no full stop.
    pub message: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The limit that refused it, by its key in the limits file (`max_ttl`, `protect`, ...). Boxed to keep the
    /// error below clippy's 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Box<str>>,
    /// The value that was asked for, with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the limit would have allowed, with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, limit: None, asked: None, allowed: None }
    }

    /// [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// [`Kind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// [`Kind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// [`Kind::Unreachable`].
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// [`Kind::Refused`].
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// [`Kind::EndedEarly`].
    pub fn ended_early(message: impl Into<String>) -> Self {
        Self::new(Kind::EndedEarly, message)
    }

    /// [`Kind::NothingHit`].
    pub fn nothing_hit(message: impl Into<String>) -> Self {
        Self::new(Kind::NothingHit, message)
    }

    /// [`Kind::Interrupted`].
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// Adds what would be right.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the limit that was consulted, the value asked for and the value it allows.
    pub fn limit(mut self, name: &str, asked: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        self.limit = Some(name.into());
        self.asked = Some(asked.to_string());
        self.allowed = Some(allowed.to_string());
        self
    }

    /// The JSON document that `--json` and the API give: `schema`, `node` and the fields of this error.
    pub fn document(&self, node: &str) -> serde_json::Value {
        let mut document = serde_json::json!({
            "schema": SCHEMA, "node": node, "kind": self.kind, "message": self.message,
        });
        let optional = [
            ("hint", self.hint.as_deref()),
            ("limit", self.limit.as_deref()),
            ("asked", self.asked.as_deref()),
            ("allowed", self.allowed.as_deref()),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                document[key] = value.into();
            }
        }
        document
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_codes() {
        let all = [
            (Kind::Usage, 2, 400),
            (Kind::Failed, 1, 500),
            (Kind::NotFound, 1, 404),
            (Kind::Unreachable, 3, 503),
            (Kind::Refused, 4, 403),
            (Kind::EndedEarly, 5, 409),
            (Kind::NothingHit, 6, 409),
            (Kind::Interrupted, 130, 409),
        ];
        for (kind, exit, status) in all {
            assert_eq!((kind.exit_code(), kind.http_status()), (exit, status), "{kind:?}");
        }
    }

    #[test]
    fn a_document_reads_back_as_the_error() {
        let error = Error::refused("10m is too long").hint("ask for less").limit("max_ttl", "10m", "5m");
        let document = error.document("web-14");
        assert_eq!(document["schema"], "injector.error/1");
        assert_eq!(document["node"], "web-14");
        assert_eq!(document["kind"], "refused");
        assert_eq!(serde_json::from_value::<Error>(document).unwrap(), error);
        assert_eq!(error.to_string(), "10m is too long (ask for less)");
    }

    #[test]
    fn absent_fields_are_absent() {
        let document = Error::ended_early("halted").document("n");
        assert_eq!(
            document,
            serde_json::json!({"schema": SCHEMA, "node": "n", "kind": "ended-early", "message": "halted"})
        );
    }
}
