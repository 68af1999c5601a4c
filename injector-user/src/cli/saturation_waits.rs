//! How long cgroups wait for disks and CPUs, as a table.

use super::{
    table::Table,
    text::{count, micros},
};
use crate::api::types::{LagDoc, PlaceDoc};

/// All kinds that anything waited for; with `all` also the others. `NOW` is the last interval.
pub(super) fn waits(places: &[PlaceDoc], all: bool) -> Table {
    let mut table =
        Table::new(&["WHERE", "TOOK", "SAMPLES", "p50", "p90", "p99", "p99.9", "NOW", "p50", "p99"]);
    let shown = |lag: &&LagDoc| all || lag.samples > 0;
    for (place, lag) in
        places.iter().flat_map(|place| place.lags.iter().filter(shown).map(move |lag| (place, lag)))
    {
        let time = |us: Option<u64>| if us.is_some() { micros(us) } else { "too few".to_owned() };
        let (now, p50, p99) = match &lag.recent {
            Some(recent) => (count(recent.samples), time(recent.p50_us), time(recent.p99_us)),
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        table.row([
            place.name.clone(),
            lag.what.replace('_', " "),
            count(lag.samples),
            time(lag.p50_us),
            time(lag.p90_us),
            time(lag.p99_us),
            time(lag.p999_us),
            now,
            p50,
            p99,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{PlaceKind, RecentLagDoc};

    #[test]
    fn too_few_samples_are_said_and_what_nobody_waited_for_is_left_out() {
        let mut place = PlaceDoc::new(PlaceKind::Cgroup, "/app");
        let recent = RecentLagDoc { samples: 4, p50_us: Some(21_000), ..RecentLagDoc::default() };
        let read = LagDoc {
            what: "io_read".into(),
            samples: 1_204,
            p50_us: Some(20_100),
            p99_us: Some(41_000),
            recent: Some(recent),
            ..LagDoc::default()
        };
        place.lags = vec![read, LagDoc { what: "run_queue".into(), ..LagDoc::default() }];
        let lines = waits(&[place.clone()], false).lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for word in ["/app", "io read", "1,204", "20.1 ms", "41.0 ms", "too few", "21.0 ms"] {
            assert!(lines[1].contains(word), "no {word}: {lines:?}");
        }
        assert_eq!(waits(&[place], true).lines().len(), 3, "with --all the run queue as well");
    }
}
