//! What a request must say.

use super::check::Ledger;
use crate::{error::Error, spec::FaultSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that every request must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// What is expected to happen: `--hypothesis`.
    Hypothesis,
    /// Where it was agreed upon: `--ticket`.
    Ticket,
}

/// Whether the request says what it must.
pub(super) fn check(spec: &FaultSpec, required: &[Requirement], ledger: &mut Ledger) -> Result<(), Error> {
    for requirement in required {
        let (what, said) = match requirement {
            Requirement::Hypothesis => ("hypothesis", &spec.hypothesis),
            Requirement::Ticket => ("ticket", &spec.ticket),
        };
        match said {
            Some(words) => ledger.passed("require", words, what),
            None => {
                return Err(Error::refused(format!("this node takes no fault without a {what}"))
                    .hint(format!("add --{what} \"...\""))
                    .limit("require", format!("no {what}"), format!("with a {what}")));
            }
        }
    }
    Ok(())
}
