//! How long cgroups wait for disks and CPUs, from the document of saturation.

use super::Latency;
use crate::api::types::{LagDoc, PlaceKind, SaturationDoc};

/// By the cgroup's path; what never waited is no news.
pub(super) fn waits(saturation: &SaturationDoc) -> impl Iterator<Item = (&str, Vec<Latency>)> {
    let cgroups = saturation.places.iter().filter(|place| place.kind == PlaceKind::Cgroup);
    cgroups.map(|place| {
        let some = place.lags.iter().filter(|lag| lag.samples > 0);
        (place.name.as_str(), some.map(one).collect())
    })
}

/// The last interval's, if anything waited in it.
fn one(lag: &LagDoc) -> Latency {
    let what = lag.what.replace('_', " ");
    match lag.recent.as_ref().filter(|recent| recent.samples > 0) {
        Some(recent) => Latency {
            what: format!("{what} now"),
            samples: recent.samples,
            multiplexed: false,
            p50: recent.p50_us,
            p90: recent.p90_us,
            p99: recent.p99_us,
            p999: None,
        },
        None => Latency {
            what,
            samples: lag.samples,
            multiplexed: false,
            p50: lag.p50_us,
            p90: lag.p90_us,
            p99: lag.p99_us,
            p999: lag.p999_us,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::types::{FlowsDoc, PlaceDoc, RecentLagDoc},
        observe::golden::{details, golden},
    };

    #[test]
    fn a_cgroups_waits_are_told_with_its_saturation_and_are_no_round_trips() {
        let mut place = PlaceDoc::new(PlaceKind::Cgroup, "/app");
        let recent = RecentLagDoc { samples: 4, p50_us: Some(21_000), ..RecentLagDoc::default() };
        let read = LagDoc { what: "io_read".into(), samples: 1_204, p50_us: Some(500), ..LagDoc::default() };
        let write = LagDoc { what: "io_write".into(), recent: Some(recent), ..read.clone() };
        place.lags = vec![read, write, LagDoc { what: "run_queue".into(), ..LagDoc::default() }];
        let full = SaturationDoc { places: vec![place], ..SaturationDoc::default() };
        let golden = golden(&FlowsDoc::default(), Some(&full));
        let row = &golden.cgroups[0];
        assert!(row.latency.is_empty(), "{row:?}");
        let (_, said) = details(row).pop().unwrap();
        assert_eq!(said, ["io read p50 500 us of 1,204", "io write now p50 21.0 ms of 4"]);
    }
}
