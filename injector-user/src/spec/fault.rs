//! One fault, as asked.

use super::raw::RawSpec;
use super::{AbortCondition, FaultKind, FaultName, Match, Ramp, Span, TargetSpec, Words, sense};
use crate::error::Error;
use serde::{Deserialize, Serialize};

/// One fault, as asked: the body of an API request, and what the CLI's verbs make.
///
/// JSON: `{"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "peer": "10.0.0.5:5432", "for": "30s"}`.
/// Unknown keys, and keys that belong to another kind, are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSpec")]
pub struct FaultSpec {
    /// The fault's own name; the daemon makes one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<FaultName>,
    /// Whose packets and calls: 1 or more.
    pub targets: Vec<TargetSpec>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: FaultKind,
    /// Which packets; only for faults of the network.
    #[serde(flatten)]
    pub matching: Match,
    /// How long, `for` in JSON; more than 0. The limits give the default.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// At most so many packets or calls are faulted, 1 or more; then the fault ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    /// The share is raised step by step, to the kind's `percent`, while no abort condition comes near.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Matches and counts, and does nothing; `injector arm` makes it real.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// What is expected to happen, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<Words>,
    /// Where it was agreed upon, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Words>,
    /// It ends when one of these comes true, or one of the limits file's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub abort: Vec<AbortCondition>,
}

impl FaultSpec {
    /// Reads the JSON form; an error says line and column.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|error| {
            Error::usage(format!("the fault can't be read: {error}")).hint(
                r#"write {"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"}"#,
            )
        })
    }

    /// Checks what only makes sense together. Done by reading JSON; to be called for a spec made by hand.
    pub fn validate(&self) -> Result<(), Error> {
        let verb = self.fault.verb();
        if self.targets.is_empty() {
            return Err(Error::usage(format!("a {verb} needs a target")).hint("such as unit:nginx.service"));
        }
        if self.ttl.is_some_and(Span::is_zero) {
            return Err(Error::usage("a fault of 0s would never act").hint("write a duration such as 30s"));
        }
        if self.budget == Some(0) {
            return Err(
                Error::usage("a budget of 0 would never act").hint("write 1 or more, or leave it out")
            );
        }
        if let Some(ramp) = &self.ramp {
            match self.fault.chance() {
                None => {
                    return Err(Error::usage(format!("this {verb} has no share to raise"))
                        .hint("a ramp goes with a percent, and not with a delay"));
                }
                Some(percent) if percent != ramp.to => {
                    return Err(Error::usage(format!(
                        "the ramp goes up to {}, and percent is {percent}",
                        ramp.to
                    ))
                    .hint("leave percent out, or make them the same"));
                }
                Some(_) => {}
            }
        }
        sense::kind(&self.fault)?;
        sense::packets(&self.fault, &self.matching)
    }
}
