//! What injector itself costs, in words.

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    table::Table,
    text::count,
};
use crate::{
    api::{
        Client,
        types::{CostDoc, Doc, OwnDoc},
    },
    observe::golden::cost_parts,
};

/// `injector status --cost`.
pub(super) fn run(client: &Client, context: &Context) -> Outcome {
    let cost: Doc<CostDoc> = block_on(client.get("/v1/cost"))??;
    if context.json {
        out::document(&cost)
    } else {
        lines(&cost.body).iter().try_for_each(|line| out::say(line))
    }
}

/// One line; nothing of a daemon that does not tell.
pub(super) fn own(own: &OwnDoc) -> Option<String> {
    let parts = cost_parts(own);
    (!parts.is_empty()).then(|| format!("own cost: {}", parts.join(", ")))
}

fn lines(cost: &CostDoc) -> Vec<String> {
    let mut lines: Vec<String> = own(&cost.own).into_iter().collect();
    lines.push(format!(
        "all programs: {:.2} % of a processor, measured for {} ms",
        cost.programs_cpu_percent, cost.measured_ms
    ));
    let mut table = Table::new(&["PROGRAM", "RUNS", "ns/RUN"]);
    for program in &cost.programs {
        let ns = program.ns_per_run.map_or_else(|| "-".to_owned(), |ns| format!("{ns:.1}"));
        table.row([program.name.clone(), count(program.runs), ns]);
    }
    lines.extend(if table.is_empty() { Vec::new() } else { table.lines() });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::ProgramCostDoc;

    #[test]
    fn the_cost_is_a_line_and_a_table() {
        let own = OwnDoc {
            cpu_seconds: 3.0,
            up_seconds: 600.0,
            rss_bytes: 21_500_000,
            maps_bytes: 8_400_000,
            maps: 41,
            programs_bytes: 300_000,
            programs: 12,
            ..OwnDoc::default()
        };
        let said = "own cost: 0.5 % of a processor since the start, 21.5 MB resident, 8.4 MB in 41 maps, 300.0 kB in 12 programs";
        assert_eq!(super::own(&own).unwrap(), said);
        let wrong = OwnDoc { missed: 7, clock_backwards: 1, ..own };
        assert!(
            super::own(&wrong)
                .unwrap()
                .ends_with(", 7 runs missed by the kernel, 1 times the clock went backwards")
        );
        assert_eq!(super::own(&OwnDoc::default()), None);
        let programs = vec![
            ProgramCostDoc { name: "inj_egress".into(), runs: 12_000, ns_per_run: Some(83.1) },
            ProgramCostDoc { name: "inj_beat".into(), runs: 0, ns_per_run: None },
        ];
        let cost = CostDoc { own, measured_ms: 1_003, programs, programs_cpu_percent: 0.1 };
        assert_eq!(
            lines(&cost)[1..],
            [
                "all programs: 0.10 % of a processor, measured for 1003 ms",
                "PROGRAM       RUNS  ns/RUN",
                "inj_egress  12,000    83.1",
                "inj_beat         0       -",
            ]
        );
    }
}
