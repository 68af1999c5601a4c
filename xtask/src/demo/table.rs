//! The table of a step.

use super::load::Felt;
use super::text::{count, micros};

/// What injector says of the flows of one server in one phase.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// RTT quantiles in microseconds.
    pub rtt: [Option<u64>; 3],
    /// Retransmitted packets.
    pub resent: u64,
    /// Packets that were lost or delayed on purpose.
    pub injected: u64,
}

/// One server in one phase.
#[derive(Clone, Debug)]
pub struct Row {
    /// `victim` or `control`.
    pub who: &'static str,
    /// `before`, `during` or `after`.
    pub phase: &'static str,
    /// What its clients felt.
    pub felt: Felt,
    /// What injector measured.
    pub flows: Flows,
}

/// Its lines, at most 100 columns wide.
pub fn lines(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![line(&[
        "who",
        "phase",
        "requests/s",
        "errors",
        "answer p99",
        "RTT p50",
        "RTT p90",
        "RTT p99",
        "resent",
        "injected",
    ])];
    for row in rows {
        let [p50, p90, p99] = row.flows.rtt.map(|us| us.map_or_else(|| "-".to_owned(), micros));
        lines.push(line(&[
            row.who,
            row.phase,
            &format!("{:.1}", row.felt.rate),
            &count(row.felt.errors),
            &micros(row.felt.p99),
            &p50,
            &p90,
            &p99,
            &count(row.flows.resent),
            &count(row.flows.injected),
        ]));
    }
    lines
}

fn line(cells: &[&str; 10]) -> String {
    let [who, phase, rate, errors, p99, rtt50, rtt90, rtt99, resent, injected] = cells;
    format!(
        "  {who:<8}{phase:<7}{rate:>11}{errors:>8}{p99:>12}{rtt50:>10}{rtt90:>10}{rtt99:>10}{resent:>8}{injected:>10}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::text::WIDTH;
    use super::*;

    #[test]
    fn rows_are_as_wide_as_the_header() {
        let felt = Felt { requests: 9_999, rate: 12_345.6, errors: 99_999, p99: 999_900 };
        let flows = Flows { rtt: [Some(999_900), None, Some(1)], resent: 99_999, injected: 999_999 };
        let lines = lines(&[Row { who: "control", phase: "before", felt, flows }]);
        assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.len() <= WIDTH), "{lines:#?}");
    }
}
