//! The rights.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// See faults, flows and status.
    Observe,
    /// Ask what a fault would do.
    Plan,
    /// Arm faults, approve what somebody else asked for.
    Inject,
    /// Stop a fault, or everything at once.
    Halt,
    /// Lift a halt, load the limits again.
    Admin,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 5] = [Right::Observe, Right::Plan, Right::Inject, Right::Halt, Right::Admin];

    /// The roles that have it, the least first.
    pub const fn given_by(self) -> &'static [Right] {
        match self {
            Right::Observe => &[Right::Observe, Right::Plan, Right::Inject, Right::Admin],
            Right::Plan => &[Right::Plan, Right::Inject, Right::Admin],
            Right::Inject => &[Right::Inject, Right::Admin],
            Right::Halt => &[Right::Halt, Right::Observe, Right::Plan, Right::Inject, Right::Admin],
            Right::Admin => &[Right::Admin],
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Observe => "observe",
            Right::Plan => "plan",
            Right::Inject => "inject",
            Right::Halt => "halt",
            Right::Admin => "admin",
        })
    }
}
