//! Metrics of how full things are, with a bound on the number of series.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{
    families::Families,
    lags::{self, Lags},
};
use crate::api::types::{PlaceDoc, PlaceKind, SaturationDoc, Unit};

/// Places of each kind with series of their own, by name and not by what they have, so that the same ones are shown at each
/// scrape; the others are `other`.
pub const SHOWN: usize = 50;
const LABELS: [&str; 5] = ["kind", "name", "cgroup", "what", "of"];

type Name = [String; 5];

/// Adds everything. Of those that are `other` the used amounts, limits and counters are added up, and the ratio is that of
/// the fullest: an alert on it is never late. The process in `fds` and `threads` is not a label: it is another one all the
/// time. Nor is the connection with the fullest buffer.
pub fn add(page: &Families, saturation: &SaturationDoc) -> Result<()> {
    let mut places: Vec<&PlaceDoc> = saturation.places.iter().collect();
    places.sort_by_key(|place| (place.kind, &place.name, &place.cgroup, place.netns));
    let mut shown: BTreeMap<PlaceKind, usize> = BTreeMap::new();
    let mut sums = Sums::default();
    for place in places {
        let n = shown.entry(place.kind).or_default();
        *n += 1;
        sums.add(place, *n > SHOWN);
    }
    sums.write(page)?;
    lags::lost(page, &saturation.lost)
}

#[derive(Default)]
struct Sums {
    /// In use, the limit, the ratio.
    gauges: BTreeMap<Name, (f64, Option<f64>, Option<f64>)>,
    counters: BTreeMap<Name, u64>,
    /// Seconds.
    pressures: BTreeMap<Name, f64>,
    lags: Lags,
}

impl Sums {
    fn add(&mut self, place: &PlaceDoc, other: bool) {
        let kind = match place.kind {
            PlaceKind::Node => "node",
            PlaceKind::Cgroup => "cgroup",
            PlaceKind::Namespace => "namespace",
            PlaceKind::Listener => "listener",
            PlaceKind::Dependency => "dependency",
        };
        let name = |what: &str, of: &str| -> Name {
            let (name, cgroup, of) = match other {
                true => ("other", "other", ""),
                false => (place.name.as_str(), place.cgroup.as_deref().unwrap_or_default(), of),
            };
            [kind, name, cgroup, what, of].map(str::to_owned)
        };
        // Shares of an interval are for people: a scrape has its own.
        for gauge in place.gauges.iter().filter(|gauge| gauge.unit != Unit::Micros) {
            let of = match gauge.what.as_str() {
                "ports" | "queue" | "queue_bytes" => gauge.of.as_deref().unwrap_or_default(),
                _ => "",
            };
            let ratio = gauge.percent.map(|percent| percent / 100.0);
            let (used, limit, most) = self.gauges.entry(name(&gauge.what, of)).or_insert((0.0, None, None));
            *used += gauge.used as f64;
            *limit = gauge.limit.map(|more| more as f64 + limit.unwrap_or(0.0)).or(*limit);
            *most = ratio.map(|ratio| ratio.max(most.unwrap_or(0.0))).or(*most);
        }
        for lag in &place.lags {
            self.lags.add(name(&lag.what, ""), lag, other);
        }
        for counter in &place.counters {
            *self
                .counters
                .entry(name(&counter.what, counter.of.as_deref().unwrap_or_default()))
                .or_default() += counter.total;
        }
        for pressure in &place.pressures {
            let totals = [("some", Some(pressure.some_total_us)), ("full", pressure.full_total_us)];
            for (share, us) in totals {
                if let Some(us) = us {
                    *self.pressures.entry(name(&pressure.what, share)).or_default() += us as f64 / 1e6;
                }
            }
        }
    }

    fn write(self, page: &Families) -> Result<()> {
        let used =
            page.gauge("injector_saturation_used", "In use: bytes, pages, millicores or a count.", &LABELS)?;
        let limit = page.gauge(
            "injector_saturation_limit",
            "The most that can be; absent without a limit.",
            &LABELS,
        )?;
        let ratio = page.gauge(
            "injector_saturation_ratio",
            "Used of the limit, 0 to 1; of others the fullest.",
            &LABELS,
        )?;
        for (name, (n, most, share)) in self.gauges {
            used.with_label_values(&name).set(n);
            most.iter().for_each(|most| limit.with_label_values(&name).set(*most));
            share.iter().for_each(|share| ratio.with_label_values(&name).set(*share));
        }
        let help = "What the kernel counts of it: drops, overflows, throttled periods, bytes.";
        let events = page.counter("injector_saturation_events_total", help, &LABELS)?;
        for (name, n) in self.counters {
            events.with_label_values(&name).inc_by(n);
        }
        let help = "Time in which some or all tasks (label of) waited for the resource (PSI).";
        let waited = page.seconds("injector_saturation_pressure_seconds_total", help, &LABELS)?;
        for (name, seconds) in self.pressures {
            waited.with_label_values(&name).inc_by(seconds);
        }
        self.lags.write(page)
    }
}
