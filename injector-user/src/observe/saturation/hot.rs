//! What a person should look at first: what is nearly full, what is waited for, what runs over.

use super::place::place_words;
use crate::api::types::{GaugeDoc, HotDoc, PlaceDoc, PressureDoc, Unit};

/// Of a gauge that has a limit.
const FULL: f64 = 80.0;
/// Of memory, which the page cache fills up to its limit on every healthy host.
const FULL_OF_MEMORY: f64 = 95.0;
/// Of the periods of a CPU quota, and of a second in which all waited.
const SOME: f64 = 10.0;
/// Of a second in which some waited, or in which a connection was limited.
const MUCH: f64 = 50.0;
/// More are not named.
const MOST: usize = 20;

/// What a share of something says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// Nothing while it is not hot: a page cache fills memory, a transfer waits for the network.
    Aside,
    /// How near a limit is.
    Usual,
    /// A person should look.
    Hot,
}

/// Of a gauge that has a limit.
pub fn heat(gauge: &GaugeDoc) -> Heat {
    let (threshold, below) = threshold(gauge);
    if gauge.percent.is_some_and(|percent| percent >= threshold) { Heat::Hot } else { below }
}

/// Of a pressure.
pub fn pressure_heat(pressure: &PressureDoc) -> Heat {
    let (some, all) = (pressure.some_percent.unwrap_or(0.0), pressure.full_percent.unwrap_or(0.0));
    if some >= MUCH || all >= SOME { Heat::Hot } else { Heat::Aside }
}

/// `saturated: /app on 10.0.0.1:80: accept_queue 8 of 7 (114.3 %)`
pub fn hot_words(hot: &HotDoc) -> String {
    format!("saturated: {}: {} {}", hot.place, hot.what, hot.says)
}

/// The hot ones, hottest first.
pub fn hot(places: &[PlaceDoc]) -> Vec<HotDoc> {
    let mut all: Vec<(f64, HotDoc)> = places.iter().flat_map(of).collect();
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    all.into_iter().take(MOST).map(|(_, hot)| hot).collect()
}

fn of(place: &PlaceDoc) -> Vec<(f64, HotDoc)> {
    let hot = |heat: f64, what: &str, says: String| {
        (heat, HotDoc { place: place_words(place), what: what.to_owned(), says })
    };
    let gauges = place.gauges.iter().filter_map(|gauge| {
        let percent = gauge.percent?;
        (heat(gauge) == Heat::Hot).then(|| hot(percent, &gauge.what, full(gauge, percent)))
    });
    let pressures = place.pressures.iter().filter_map(|pressure| {
        let (some, all) = (pressure.some_percent?, pressure.full_percent.unwrap_or(0.0));
        let says = format!("some waited {some} % of the time, all of them {all} %");
        (pressure_heat(pressure) == Heat::Hot)
            .then(|| hot(some, &format!("pressure of {}", pressure.what), says))
    });
    let counters = place.counters.iter().filter_map(|counter| {
        let rate = counter.per_second.filter(|rate| counter.overflow && *rate > 0.0)?;
        let of = counter.of.as_ref().map_or_else(String::new, |of| format!(" on {of}"));
        // What runs over is hotter than what is full.
        Some(hot(1000.0 + rate, &counter.what, format!("{rate} a second{of}")))
    });
    gauges.chain(pressures).chain(counters).collect()
}

/// From which percentage on it is hot, and what it is below that.
fn threshold(gauge: &GaugeDoc) -> (f64, Heat) {
    let hot_from = match gauge.what.as_str() {
        "memory" => FULL_OF_MEMORY,
        "cpu_throttled" => SOME,
        // One connection in which nobody may send is one too many.
        "zero_window_own" | "zero_window_peer" => f64::MIN_POSITIVE,
        // To wait for the network is what a transfer does.
        "limited_by_network" => f64::INFINITY,
        _ if gauge.unit == Unit::Micros => MUCH,
        _ => return (FULL, Heat::Usual),
    };
    (hot_from, Heat::Aside)
}

fn full(gauge: &GaugeDoc, percent: f64) -> String {
    let of = gauge.of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
    match (gauge.unit, gauge.limit) {
        (Unit::Micros, _) => format!("{percent} % of the time"),
        (_, Some(limit)) => format!("{} of {limit} ({percent} %){of}", gauge.used),
        (_, None) => format!("{}{of}", gauge.used),
    }
}
