//! How often faults may be started.

use super::Ledger;
use crate::error::Error;
use crate::limits::{Limits, NodeFacts};
use crate::spec::Span;

/// Faults at once, faults in an hour, and the time since the last one.
pub(super) fn check(limits: &Limits, node: &NodeFacts, ledger: &mut Ledger) -> Result<(), Error> {
    ledger.at_most(
        "max_faults",
        "a number of faults at once of",
        node.armed.saturating_add(1) as u64,
        u64::from(limits.max_faults),
        || "stop one first: injector status lists them".into(),
    )?;
    ledger.at_most(
        "max_faults_per_hour",
        "a number of faults in an hour of",
        node.started_last_hour.saturating_add(1) as u64,
        u64::from(limits.max_faults_per_hour),
        || "wait until fewer were started in the last hour".into(),
    )?;
    let Some(since) = node.since_last_end.filter(|_| !limits.cooldown.is_zero()) else { return Ok(()) };
    let since = Span::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    if since < limits.cooldown {
        // Rounded up to a whole second, so that what is told fits.
        let left = (limits.cooldown.as_micros() - since.as_micros()).div_ceil(1_000_000);
        return Err(Error::refused(format!(
            "the last fault ended {since} ago, within this node's cooldown of {}",
            limits.cooldown
        ))
        .hint(format!("try again in {}", Span::from_secs(left)))
        .limit("cooldown", since, limits.cooldown));
    }
    ledger.passed("cooldown", since, limits.cooldown);
    Ok(())
}
