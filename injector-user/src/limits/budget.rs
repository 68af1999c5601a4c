//! How much faults may do: counted and enforced in the kernel.

use super::check::Ledger;
use crate::{error::Error, spec::FaultSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that is faulted; each 1 or more, and without a key no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Packets on the wire (segments of a larger one count each).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub packets: Option<u64>,
    /// Bytes of packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub bytes: Option<u64>,
    /// System calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub calls: Option<u64>,
    /// Packets in each second of the kernel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub packets_per_second: Option<u64>,
    /// Bytes in each second of the kernel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub bytes_per_second: Option<u64>,
    /// System calls in each second of the kernel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub calls_per_second: Option<u64>,
}

/// Of one fault, and of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Of each fault, from its beginning to its end.
    pub fault: Budget,
    /// Of all faults together, in each hour of the kernel's clock.
    pub node: Budget,
}

impl Budget {
    /// Every key with its value.
    pub fn fields(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("packets", self.packets),
            ("bytes", self.bytes),
            ("calls", self.calls),
            ("packets_per_second", self.packets_per_second),
            ("bytes_per_second", self.bytes_per_second),
            ("calls_per_second", self.calls_per_second),
        ]
    }

    /// The most packets or calls in total: what a request's own budget counts.
    pub fn total(&self) -> Option<u64> {
        self.packets.or(self.calls)
    }
}

/// The budget of this fault: the limit's, with the request's own in place of the total. What does not belong to
/// its kind (calls of a drop) is left out.
pub(super) fn of_fault(spec: &FaultSpec, budgets: &Budgets, ledger: &mut Ledger) -> Result<Budget, Error> {
    let most = budgets.fault;
    let mut budget = if spec.fault.is_network() {
        Budget { calls: None, calls_per_second: None, ..most }
    } else {
        Budget { calls: most.calls, calls_per_second: most.calls_per_second, ..Budget::default() }
    };
    let (limit, total) = if spec.fault.is_network() {
        ("budget.fault.packets", &mut budget.packets)
    } else {
        ("budget.fault.calls", &mut budget.calls)
    };
    if let Some(most) = *total {
        let asked = spec.budget.unwrap_or(most);
        ledger.at_most(limit, "a budget of", asked, most, || format!("ask for {most} or less"))?;
    }
    *total = spec.budget.or(*total);
    Ok(budget)
}
