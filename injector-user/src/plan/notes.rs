//! What a person should know of a fault of the network that nothing else in its plan says.

use std::time::Duration;

use crate::spec::{
    Direction, Distribution, DnsAnswer, DnsPattern, Draw, FaultKind, FaultSpec, Percent, Span,
};

/// With such a jitter netem keeps all of a correlation: twice of it is nearly the range of its random numbers.
const CORRELATED: Duration = Duration::from_secs(2);

/// Warnings, the gravest first.
pub(super) fn warnings(spec: &FaultSpec) -> Vec<&'static str> {
    let fault = &spec.fault;
    let mut notes = Vec::new();
    match fault {
        FaultKind::Delay { jitter, correlation, distribution, in_order, rate, .. } => {
            notes.extend(correlated(*jitter, *correlation, distribution));
            if jitter.is_some_and(|jitter| !jitter.is_zero()) && !in_order && rate.is_none() {
                notes.push(
                    "jitter reorders packets, as netem does: TCP sees duplicate ACKs; --in-order keeps them in order",
                );
            }
        }
        FaultKind::Corrupt { .. } => {
            notes.push(
                "the flipped bit may be one of the Ethernet header that nobody looks at: about 0.6 % of packets of \
                 1 KB arrive intact",
            );
            if late(fault) {
                // netem makes sums that are yet to be made before it flips a bit, and leaves all others alone.
                notes.push(
                    "on the way in, where the interface has checked the sum already, the wrong bit reaches the program",
                );
            }
        }
        FaultKind::Drop { .. } | FaultKind::Partition { .. } if late(fault) => notes.push(
            "packets on their way in are lost just before the socket: the interface's counters and tcpdump see them",
        ),
        FaultKind::Reset { .. } => notes.push(
            "a connection is reset with its next packet that is selected: an idle one lives on until it has one",
        ),
        FaultKind::Dns { names, answer, .. } => {
            notes.push(
                "questions that go through systemd-resolved, nscd or DNS over HTTPS leave from another cgroup or to \
                 another port, and are not meant: name the resolver's unit as the target",
            );
            notes.push(if *answer == DnsAnswer::Reset {
                "questions over UDP pass by: only connections can be reset"
            } else if spec.matching.protocol.is_none() && over_tcp(names, *answer) {
                "questions over TCP are meant too: whatever goes to port 53"
            } else {
                "questions over TCP pass by: only * with the answers lost, delayed and reset means them"
            });
        }
        _ => {}
    }
    if let Some(Draw::Flows(_)) = fault.draw() {
        notes.push(
            "which flows are taken depends on their addresses, their ports and the fault's slot, and stays so: of few \
             flows it can be none or all",
        );
    }
    notes
}

/// What outlives the fault.
pub(super) fn leaves_behind(fault: &FaultKind) -> Option<&'static str> {
    matches!(fault, FaultKind::Reset { .. }).then_some("connections reset: their programs must open new ones")
}

/// netem takes a correlated number's remainder by twice the jitter in ns, or by its table's size, which leaves nothing
/// of the correlation unless that is about as large as the number (see [`super::Netem::correlation`]).
fn correlated(
    jitter: Option<Span>,
    asked: Option<Percent>,
    distribution: &Distribution,
) -> Option<&'static str> {
    asked?;
    let keeps = distribution.is_uniform() && jitter?.duration() >= CORRELATED;
    (!keeps).then_some(
        "netem's correlation has hardly any effect with a jitter below 500ms, and none with a distribution: of 90 % \
         asked a jitter of 100ms leaves 0.0, 500ms 0.4 and 2s 0.9; of 25 % anything up to 1s leaves 0.0",
    )
}

/// Also packets on their way in.
fn late(fault: &FaultKind) -> bool {
    fault.direction() != Direction::Egress
}

fn over_tcp(names: &[DnsPattern], answer: DnsAnswer) -> bool {
    names == [DnsPattern::All] && matches!(answer, DnsAnswer::Lost | DnsAnswer::Delayed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(rest: &str) -> Vec<&'static str> {
        let text = format!(r#"{{"targets":["cgroup:/a"],{rest}}}"#);
        warnings(&FaultSpec::from_json(text.as_bytes()).unwrap())
    }

    /// Each kind with the first words of what is said of it, in order.
    #[test]
    fn says_what_is_to_be_known_and_nothing_else() {
        let (late, other) = ("packets on their way in", "questions that go through");
        let cases: [(&str, &[&str]); 23] = [
            (r#""kind":"delay","by":"80ms""#, &[]),
            (r#""kind":"delay","by":"80ms","jitter":"0s""#, &[]),
            (r#""kind":"delay","by":"80ms","jitter":"9ms""#, &["jitter reorders"]),
            (r#""kind":"delay","by":"80ms","jitter":"9ms","in_order":true"#, &[]),
            (r#""kind":"delay","by":"80ms","jitter":"9ms","rate":"1mbit""#, &[]),
            (
                r#""kind":"delay","by":"80ms","jitter":"9ms","correlation":25"#,
                &["netem's correlation", "jitter reorders"],
            ),
            (r#""kind":"delay","by":"2s","jitter":"2s","correlation":25,"in_order":true"#, &[]),
            (
                r#""kind":"delay","by":"2s","jitter":"2s","correlation":25,"in_order":true,"distribution":"normal""#,
                &["netem's correlation"],
            ),
            (r#""kind":"delay","by":"80ms","flows":20"#, &["which flows"]),
            (r#""kind":"corrupt","percent":5"#, &["the flipped bit"]),
            (
                r#""kind":"corrupt","percent":5,"direction":"both""#,
                &["the flipped bit", "on the way in, where the interface"],
            ),
            (r#""kind":"garble","percent":5"#, &[]),
            (r#""kind":"drop","percent":5"#, &[]),
            (r#""kind":"drop","flows":5,"direction":"ingress""#, &[late, "which flows"]),
            (r#""kind":"partition""#, &[late]),
            (r#""kind":"partition","direction":"egress""#, &[]),
            (r#""kind":"rate","rate":"1mbit","direction":"both""#, &[]),
            (r#""kind":"reset","percent":5"#, &["a connection is reset"]),
            (
                r#""kind":"dns","names":"*","answer":"lost","percent":5"#,
                &[other, "questions over TCP are meant"],
            ),
            (
                r#""kind":"dns","names":"*","answer":"lost","percent":5,"protocol":"udp""#,
                &[other, "questions over TCP pass by"],
            ),
            (
                r#""kind":"dns","names":"*","answer":"servfail","percent":5"#,
                &[other, "questions over TCP pass by"],
            ),
            (
                r#""kind":"dns","names":"*.a.example","answer":"lost","percent":5"#,
                &[other, "questions over TCP pass by"],
            ),
            (r#""kind":"refuse","above":5"#, &[]),
        ];
        for (rest, expected) in cases {
            let notes = notes(rest);
            assert_eq!(notes.len(), expected.len(), "{rest}: {notes:?}");
            assert!(
                notes.iter().zip(expected).all(|(note, says)| note.starts_with(says)),
                "{rest}: {notes:?}"
            );
        }
    }

    #[test]
    fn only_a_reset_outlives_itself() {
        let left = |rest: &str| {
            let text = format!(r#"{{"targets":["cgroup:/a"],{rest}}}"#);
            leaves_behind(&FaultSpec::from_json(text.as_bytes()).unwrap().fault)
        };
        assert!(left(r#""kind":"reset","percent":5"#).unwrap().starts_with("connections reset"));
        assert_eq!(left(r#""kind":"refuse","percent":5"#), None);
    }
}
