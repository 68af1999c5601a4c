//! What must have been felt, and by whom, for a step to count as shown.

use super::table::Row;
use super::text::micros;

/// The kinds of step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Packets are lost.
    Drop,
    /// Packets come later, by so many microseconds.
    Delay(u64),
    /// Opens fail, so many of a hundred.
    Fail(f64),
}

/// A statement about a step, and whether it holds.
#[derive(Debug)]
pub struct Claim {
    /// In words, with the figures.
    pub text: String,
    /// It is so.
    pub holds: bool,
}

fn claim(holds: bool, text: String) -> Claim {
    Claim { text, holds }
}

/// What the rows of one server show; all three phases.
struct Phases<'a> {
    before: &'a Row,
    during: &'a Row,
    after: &'a Row,
}

impl<'a> Phases<'a> {
    fn of(rows: &'a [Row], who: &str) -> Option<Self> {
        let find = |phase| rows.iter().find(|row| row.who == who && row.phase == phase);
        Some(Self { before: find("before")?, during: find("during")?, after: find("after")? })
    }
}

/// Judges a step.
pub fn judge(kind: Kind, rows: &[Row]) -> Vec<Claim> {
    let (Some(victim), Some(control)) = (Phases::of(rows, "victim"), Phases::of(rows, "control")) else {
        return vec![claim(false, "a phase is missing".into())];
    };
    vec![felt(kind, &victim), gone(&victim, &control), unhurt(&control)]
}

/// The victim felt what was injected.
fn felt(kind: Kind, victim: &Phases<'_>) -> Claim {
    let Phases { before, during, .. } = victim;
    match kind {
        Kind::Drop => {
            let (old, new) = (before.felt.p99, during.felt.p99);
            let resent = during.flows.resent;
            claim(
                during.flows.injected > 0 && resent * 2 >= during.flows.injected && new >= 2 * old,
                format!(
                    "{resent} packets sent again for {} lost; answers' p99 from {} to {}",
                    during.flows.injected,
                    micros(old),
                    micros(new)
                ),
            )
        }
        Kind::Delay(by) => {
            let old = before.flows.rtt[0].unwrap_or(u64::MAX);
            let new = during.flows.rtt[0].unwrap_or(0);
            // Quantiles come from buckets, at most 6.25 % off.
            let least = by - by / 16;
            claim(
                old < by / 2 && new >= least && new <= old + by + by / 2,
                format!("RTT p50 from {} to {}", micros(old), micros(new)),
            )
        }
        Kind::Fail(percent) => {
            let share = during.felt.errors as f64 * 100.0 / (during.felt.requests.max(1)) as f64;
            claim(
                before.felt.errors == 0 && share > percent / 2.0 && share < percent * 2.0,
                format!(
                    "{} of {} answers were errors ({share:.1} %); before: {}",
                    during.felt.errors, during.felt.requests, before.felt.errors
                ),
            )
        }
    }
}

/// It is over. The victim's requests are compared with the control's of the same time: a machine with other work
/// gives both of them less.
fn gone(victim: &Phases<'_>, control: &Phases<'_>) -> Claim {
    let Phases { before, after, .. } = victim;
    let share = |one: &Row, other: &Row| one.felt.rate / other.felt.rate.max(1.0);
    let (old, new) = (share(before, control.before), share(after, control.after));
    claim(
        after.felt.errors == 0 && after.flows.injected == 0 && new >= old * 0.6,
        format!(
            "after: {} errors, {} injected, {new:.2} x the control's requests/s; before: {old:.2} x",
            after.felt.errors, after.flows.injected
        ),
    )
}

/// The control felt nothing: no fault, no error, and its round trips and requests are those of before, as far as
/// a machine with other work can tell.
fn unhurt(control: &Phases<'_>) -> Claim {
    let Phases { before, during, .. } = control;
    let (old, new) = (before.flows.rtt[0].unwrap_or(0), during.flows.rtt[0].unwrap_or(u64::MAX));
    claim(
        during.felt.errors == 0
            && during.flows.injected == 0
            && during.felt.rate >= before.felt.rate * 0.5
            && new <= 2 * old + 5_000,
        format!(
            "control: {} errors, {} injected, {:.0} requests/s of {:.0}, RTT p50 {} of {}",
            during.felt.errors,
            during.flows.injected,
            during.felt.rate,
            before.felt.rate,
            micros(new),
            micros(old)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::load::Felt;
    use super::super::table::Flows;
    use super::*;

    fn rows(during: (u64, u64), control: u64) -> Vec<Row> {
        let row = |who, phase, errors, p50, injected| Row {
            who,
            phase,
            felt: Felt { requests: 1000, rate: 100.0, errors, p99: 1_000 },
            flows: Flows { rtt: [Some(p50), None, None], resent: 0, injected },
        };
        let mut rows: Vec<Row> = ["before", "after"].iter().map(|p| row("victim", p, 0, 500, 0)).collect();
        rows.push(row("victim", "during", during.0, during.1, 0));
        rows.extend(["before", "after"].iter().map(|p| row("control", p, 0, 500, 0)));
        rows.push(row("control", "during", 0, 500, control));
        rows
    }

    fn holds(kind: Kind, rows: &[Row]) -> bool {
        judge(kind, rows).iter().all(|claim| claim.holds)
    }

    #[test]
    fn only_what_was_felt_counts() {
        assert!(holds(Kind::Delay(80_000), &rows((0, 81_000), 0)));
        assert!(!holds(Kind::Delay(80_000), &rows((0, 500), 0)), "the victim felt nothing");
        assert!(!holds(Kind::Delay(80_000), &rows((0, 81_000), 1)), "the control was hit");
        assert!(holds(Kind::Fail(10.0), &rows((104, 500), 0)));
        assert!(!holds(Kind::Fail(10.0), &rows((0, 500), 0)), "no error");
        assert!(!holds(Kind::Drop, &rows((0, 500), 0)), "nothing was lost");
        assert!(!holds(Kind::Drop, &[]), "nothing was measured");
    }
}
