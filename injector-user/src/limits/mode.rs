//! Whether faults may be armed on this node at all.

use super::Limits;
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the node's owner lets the tool do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Only look: programs that can do harm are not even loaded.
    #[default]
    Observe,
    /// Faults match and count, and do nothing.
    Shadow,
    /// Faults act.
    Armed,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Observe => "observe",
            Mode::Shadow => "shadow",
            Mode::Armed => "armed",
        })
    }
}

/// Whether the node's `mode` lets a fault be armed: with `shadow`, one that does nothing; else a real one.
///
/// Apart from [`check`](super::check()), so that a plan can be made in every mode.
pub fn may_arm(limits: &Limits, shadow: bool) -> Result<(), Error> {
    let needed = if shadow { Mode::Shadow } else { Mode::Armed };
    if limits.mode >= needed {
        return Ok(());
    }
    let what = if shadow { "a shadow fault" } else { "a fault that acts" };
    Err(Error::refused(format!("{what} is not allowed: this node's mode is {}", limits.mode))
        .hint(if limits.mode == Mode::Shadow {
            "add --shadow: it matches and counts, and does nothing".to_owned()
        } else {
            format!(
                "`injector plan` works in every mode; the node's owner sets mode: {needed} in the limits file"
            )
        })
        .limit("mode", needed, limits.mode))
}
