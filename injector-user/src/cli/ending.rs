//! How a fault ended: in words, with the proof of clean, and as an exit code.

use super::{
    achieved, reaction,
    text::{count, span_ms, things},
    windows,
};
use crate::{
    api::types::{CleanDoc, EndKind, FaultDoc, RecoveryDoc},
    error::Error,
};

/// Why it ended, what it did, and what is left.
pub(super) fn lines(fault: &FaultDoc) -> Vec<String> {
    let acted = if fault.spec.shadow { fault.counters.shadow } else { fault.counters.acted };
    let matched = fault.counters.matched;
    let rate = achieved::rate(fault).map_or_else(String::new, |rate| format!(" ({rate})"));
    let what = things(fault, 2);
    let mut lines = vec![format!(
        "{} ENDED: {}. It {} on {} of {} matching {what}{rate}.",
        fault.id,
        why(fault),
        if fault.spec.shadow { "would have acted" } else { "acted" },
        count(acted),
        count(matched)
    )];
    if fault.counters.tail_drops + fault.counters.lost_in_drain > 0 {
        lines.push(format!(
            "  lost in our delay device: {} to a full queue, {} when it had to go",
            count(fault.counters.tail_drops),
            count(fault.counters.lost_in_drain)
        ));
    }
    if let Some(missed) = fault.counters.missed {
        lines.push(format!(
            "  missed: {} calls of this host that the kernel did not ask us about",
            count(missed)
        ));
    }
    lines.extend(reaction::lines(fault));
    lines.extend(fault.clean.iter().flat_map(clean));
    lines.extend(fault.recovery.as_ref().map(|recovery| format!("  {}", came_back(fault, recovery))));
    lines.extend(windows::judged(fault).map(|judged| format!("    {judged}")));
    lines
}

/// Whether the target is back where it was.
fn came_back(fault: &FaultDoc, recovery: &RecoveryDoc) -> String {
    match recovery {
        RecoveryDoc::Waiting => {
            format!("recovery: not yet as before the fault (injector status {})", fault.id)
        }
        RecoveryDoc::Recovered { after_s } => {
            format!("recovered: the target was as before {after_s} s after the last fault")
        }
        RecoveryDoc::NotRecovered { after_s } => format!("NOT RECOVERED after {after_s} s"),
        RecoveryDoc::Unknown { why } => format!("recovery: cannot be told ({why})"),
    }
}

/// The proof of clean.
pub(super) fn clean(clean: &CleanDoc) -> Vec<String> {
    let took = span_ms(clean.took_ms);
    let last = match clean.last_fault_after_ms {
        Some(ms) => format!("the last fault came {} after the request", span_ms(ms)),
        None => "no fault came after the request".to_owned(),
    };
    let removed = match clean.removed.as_slice() {
        [] => "nothing had to be removed".to_owned(),
        removed => format!("removed {}: {}", removed.len(), removed.join(", ")),
    };
    let mut lines = match clean.left.as_slice() {
        [] => vec![format!("  clean: nothing is left; {last}; took {took}")],
        left => vec![format!("  NOT CLEAN: {} left: {}; {last}; took {took}", left.len(), left.join(", "))],
    };
    lines.push(format!("  {removed}"));
    lines
}

fn why(fault: &FaultDoc) -> String {
    let kind = match fault.end {
        Some(EndKind::Expired) => "its time was over",
        Some(EndKind::Stopped) => "it was stopped",
        Some(EndKind::Halted) => "the node was halted",
        Some(EndKind::Aborted) => "it was aborted",
        Some(EndKind::Budget) => "its budget was spent",
        Some(EndKind::Drift) => "something of it was changed by somebody else",
        Some(EndKind::TargetLost) => "its target is gone",
        Some(EndKind::Lapsed) => "the daemon's heartbeat had stopped",
        Some(EndKind::Shutdown) => "the daemon was told to end",
        None => "for a reason that the daemon does not know",
    };
    match fault.end_reason.as_deref() {
        None | Some("") => kind.to_owned(),
        Some(reason) if reason == kind => kind.to_owned(),
        Some(reason) => format!("{kind} ({reason})"),
    }
}

/// An error if anything of it is left.
pub(super) fn is_clean(fault: &FaultDoc) -> Result<(), Error> {
    match &fault.clean {
        Some(clean) if !clean.left.is_empty() => {
            Err(Error::failed(format!("{} has ended, and this is left: {}", fault.id, clean.left.join(", ")))
                .hint("injector clean removes it"))
        }
        _ => Ok(()),
    }
}

/// The ending of the command that waited for it.
pub(super) fn judge(fault: &FaultDoc) -> Result<(), Error> {
    is_clean(fault)?;
    let id = &fault.id;
    match fault.end {
        Some(EndKind::Expired) if fault.counters.acted + fault.counters.shadow > 0 => Ok(()),
        Some(EndKind::Expired) => {
            let (matched, what) = (fault.counters.matched, things(fault, fault.counters.matched));
            let found = fault.nothing_matched.as_ref().map(|nothing| nothing.why.as_str());
            Err(Error::nothing_hit(format!("{id} acted on nothing: {} {what} matched", count(matched))).hint(
                match (found, matched) {
                    (Some(why), _) => why,
                    (None, 0) => "did the target talk to that peer, or open that path, in this time? injector flows shows it",
                    (None, _) => "too few for this share: run it longer, or with a higher one",
                },
            ))
        }
        _ => Err(Error::ended_early(format!("{id} ended early: {}", why(fault)))
            .hint(format!("injector status {id} says more"))),
    }
}
