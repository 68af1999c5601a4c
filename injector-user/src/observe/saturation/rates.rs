//! What two readings say together: rates, shares of the time between them, and the CPU that was used of a quota.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::place::percent;
use crate::api::types::{CounterDoc, GaugeDoc, PlaceDoc, PlaceKind, PressureDoc, Unit};

/// Fills in what needs the reading before. `quotas` are thousandths of a CPU, by cgroup. What went down (a cgroup that
/// was made anew, a counter that has started over) has no rate.
pub(super) fn fill(
    places: &mut [PlaceDoc],
    before: &[PlaceDoc],
    between: Duration,
    quotas: &BTreeMap<String, u64>,
) {
    let seconds = between.as_secs_f64();
    let known: HashMap<_, _> = before.iter().map(|place| (key(place), place)).collect();
    for place in places {
        let Some(before) = known.get(&key(place)) else { continue };
        for counter in &mut place.counters {
            let earlier = before.counters.iter().find(|other| is(counter, other));
            let more = earlier.and_then(|earlier| counter.total.checked_sub(earlier.total));
            counter.per_second = more.map(|more| (more as f64 / seconds * 10.0).round() / 10.0);
        }
        for pressure in &mut place.pressures {
            if let Some(earlier) = before.pressures.iter().find(|other| other.what == pressure.what) {
                fill_pressure(pressure, earlier, between);
            }
        }
        if place.kind == PlaceKind::Cgroup {
            fill_cpu(place, before, seconds, quotas.get(&place.name).copied());
        }
    }
}

type Key = (PlaceKind, String, Option<String>, Option<u64>);

fn key(place: &PlaceDoc) -> Key {
    (place.kind, place.name.clone(), place.cgroup.clone(), place.netns)
}

fn is(one: &CounterDoc, other: &CounterDoc) -> bool {
    one.what == other.what && one.of == other.of
}

fn fill_pressure(now: &mut PressureDoc, before: &PressureDoc, between: Duration) {
    let between = between.as_micros() as f64;
    // The kernel adds up every two seconds at rest, and more often when somebody looks: a share is at most all of it.
    let share = |now: u64, before: u64| Some(percent(now.checked_sub(before)? as f64, between).min(100.0));
    now.some_percent = share(now.some_total_us, before.some_total_us);
    now.full_percent =
        now.full_total_us.zip(before.full_total_us).and_then(|(now, before)| share(now, before));
}

fn fill_cpu(place: &mut PlaceDoc, before: &PlaceDoc, seconds: f64, quota: Option<u64>) {
    let more = |what| place.total(what)?.checked_sub(before.total(what)?);
    let used = more("cpu_usage_us").map(|us| (us as f64 / seconds / 1000.0).round() as u64);
    let cpu = used.map(|used| GaugeDoc::new("cpu", used, quota, Unit::Millicores));
    // Of the periods in which anything ran, those in which the quota was spent.
    let throttled = more("throttled_periods").zip(more("cpu_periods")).filter(|(_, periods)| *periods > 0);
    let throttled =
        throttled.map(|(spent, all)| GaugeDoc::new("cpu_throttled", spent, Some(all), Unit::Count));
    place.gauges.extend(cpu.into_iter().chain(throttled));
}
