//! What the target did after calls of its were failed, in words.

use super::text::{count, counted};
use crate::api::types::{FaultDoc, ReactionDoc};

/// Everything, for one fault of calls.
pub(super) fn lines(fault: &FaultDoc) -> Vec<String> {
    let Some(did) = &fault.reaction else { return Vec::new() };
    let closed = match did.closed {
        Some(closed) => format!(" closed {},", count(closed)),
        None if did.closes_unseen => " closed ? (this kernel does not let us see it),".to_owned(),
        None => String::new(),
    };
    let mut lines = vec![format!(
        "  reaction: retried {},{closed} exited {}, restarted {}",
        count(did.retried),
        count(did.exited),
        count(did.restarted)
    )];
    lines.extend(backed_off(did).map(|text| format!("  {text}")));
    lines
}

/// `backed off 3 times: a thread repeated the failing call 1,000 times in a second; 512 calls passed`.
pub(super) fn backed_off(did: &ReactionDoc) -> Option<String> {
    (did.livelocks > 0).then(|| {
        format!(
            "backed off {}: a thread repeated the failing call 1,000 times in a second; {} passed",
            counted(did.livelocks, "time", "times"),
            counted(did.passed_livelock, "call", "calls")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;

    #[test]
    fn what_it_did_is_said_of_calls_only() {
        let mut fault = samples::fault("drop-1");
        assert!(lines(&fault).is_empty());
        let did = ReactionDoc { retried: 1200, exited: 1, restarted: 1, ..ReactionDoc::default() };
        fault.reaction = Some(did);
        assert_eq!(lines(&fault), ["  reaction: retried 1,200, exited 1, restarted 1"]);
        fault.reaction = Some(ReactionDoc { closed: Some(1000), ..did });
        assert_eq!(lines(&fault), ["  reaction: retried 1,200, closed 1,000, exited 1, restarted 1"]);
        fault.reaction = Some(ReactionDoc { closes_unseen: true, ..did });
        assert!(lines(&fault)[0].contains(" closed ? (this kernel does not let us see it), exited 1"));
        fault.reaction = Some(ReactionDoc { livelocks: 1, passed_livelock: 512, ..did });
        let said = "  backed off 1 time: a thread repeated the failing call 1,000 times in a second; 512 calls passed";
        assert_eq!(lines(&fault)[1], said);
    }
}
