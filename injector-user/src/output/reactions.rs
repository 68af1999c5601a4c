//! Metrics of what targets did after calls of theirs were failed.

use anyhow::Result;

use super::families::Families;
use crate::api::types::FaultDoc;

/// One series for each fault of calls and what there is to count.
pub(super) fn add(page: &Families, faults: &[&FaultDoc]) -> Result<()> {
    let reactions = page.counter(
        "injector_fault_reactions_total",
        "What the target did after a failed call: retried, closed its descriptor, exited, restarted.",
        &["id", "kind", "reaction"],
    )?;
    let livelocks = page.counter(
        "injector_fault_livelocks_total",
        "How often the fault backed off from a thread that repeated the failing call.",
        &["id", "kind"],
    )?;
    for fault in faults {
        let Some(did) = fault.reaction else { continue };
        let (id, kind) = (fault.id.as_str(), fault.spec.fault.verb());
        livelocks.with_label_values(&[id, kind]).inc_by(did.livelocks);
        for (reaction, n) in [("retried", did.retried), ("exited", did.exited), ("restarted", did.restarted)]
        {
            reactions.with_label_values(&[id, kind, reaction]).inc_by(n);
        }
        if let Some(closed) = did.closed {
            reactions.with_label_values(&[id, kind, "closed"]).inc_by(closed);
        }
    }
    Ok(())
}
