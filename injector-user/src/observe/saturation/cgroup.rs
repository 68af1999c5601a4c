//! What a cgroup's controllers say. A cgroup's files are about it and all below it.

use std::os::fd::OwnedFd;

use super::{
    files::{limit, read_at, value},
    pressure,
};
use crate::{
    api::types::{PlaceDoc, PlaceKind, Unit},
    target::{Host, open_cgroup},
};

/// Reads one, with its CPU quota in thousandths of a CPU; `None` if it is gone.
pub(super) fn read(host: &Host, path: &str) -> Option<(PlaceDoc, Option<u64>)> {
    let directory = open_cgroup(&host.cgroup, path).ok()?;
    let mut place = PlaceDoc::new(PlaceKind::Cgroup, path);
    for what in pressure::RESOURCES {
        let name = format!("{what}.pressure");
        let text = read_at(&directory, &name);
        match text.and_then(|text| pressure::parse(what, &text).ok_or(format!("{name} is not as expected"))) {
            Ok(found) => place.pressures.push(found),
            Err(why) => place.lacks(&format!("pressure of {what}"), why),
        }
    }
    let quota = cpu(&directory, &mut place).unwrap_or_else(|why| {
        place.lacks("cpu", why);
        None
    });
    let parts: [(&str, Part); 3] = [("memory", memory), ("pids", pids), ("io", io)];
    for (what, part) in parts {
        if let Err(why) = part(&directory, &mut place) {
            place.lacks(what, why);
        }
    }
    Some((place, quota))
}

type Part = fn(&OwnedFd, &mut PlaceDoc) -> Result<(), String>;

/// The file's number behind a key.
fn number(name: &str, text: &str, key: &str) -> Result<u64, String> {
    value(text, key).ok_or_else(|| format!("{name} has no {key}"))
}

/// cpu.max is `QUOTA PERIOD` in microseconds. How much of it is used comes with the second reading.
fn cpu(directory: &OwnedFd, place: &mut PlaceDoc) -> Result<Option<u64>, String> {
    // There without the controller as well: then only with the time that was used.
    let stat = read_at(directory, "cpu.stat")?;
    place.traffic("cpu_usage_us", number("cpu.stat", &stat, "usage_usec")?);
    let max = read_at(directory, "cpu.max")?;
    place.traffic("cpu_periods", number("cpu.stat", &stat, "nr_periods")?);
    place.overflow("throttled_periods", None, number("cpu.stat", &stat, "nr_throttled")?);
    place.traffic("throttled_us", number("cpu.stat", &stat, "throttled_usec")?);
    let (quota, period) = max.trim().split_once(' ').ok_or("cpu.max is not as expected")?;
    let period = limit(period)?.filter(|period| *period > 0).ok_or("cpu.max has no period")?;
    Ok(limit(quota)?.map(|quota| quota.saturating_mul(1000) / period))
}

fn memory(directory: &OwnedFd, place: &mut PlaceDoc) -> Result<(), String> {
    let current = limit(&read_at(directory, "memory.current")?)?.ok_or("memory.current is no number")?;
    let max = limit(&read_at(directory, "memory.max")?)?;
    place.gauge("memory", current, max, Unit::Bytes);
    // Above it the kernel reclaims and holds up whoever allocates; that it exists at all is the owner's choice.
    if let Some(high) = limit(&read_at(directory, "memory.high")?)? {
        place.gauge("memory_high", current, Some(high), Unit::Bytes);
    }
    let events = read_at(directory, "memory.events")?;
    for (key, what) in [("high", "memory_high_hits"), ("max", "memory_max_hits"), ("oom_kill", "oom_kills")] {
        place.overflow(what, None, number("memory.events", &events, key)?);
    }
    Ok(())
}

fn pids(directory: &OwnedFd, place: &mut PlaceDoc) -> Result<(), String> {
    let current = limit(&read_at(directory, "pids.current")?)?.ok_or("pids.current is no number")?;
    place.gauge("pids", current, limit(&read_at(directory, "pids.max")?)?, Unit::Count);
    let events = read_at(directory, "pids.events")?;
    place.overflow("pids_max_hits", None, number("pids.events", &events, "max")?);
    Ok(())
}

/// `MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N dbytes=N dios=N`, a line for each device; empty before the first.
fn io(directory: &OwnedFd, place: &mut PlaceDoc) -> Result<(), String> {
    let text = read_at(directory, "io.stat")?;
    let sum = |key: &str| -> u64 {
        let words =
            text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        words.filter_map(|number| number.parse::<u64>().ok()).sum()
    };
    for (key, what) in [
        ("rbytes", "io_read_bytes"),
        ("wbytes", "io_written_bytes"),
        ("rios", "io_reads"),
        ("wios", "io_writes"),
    ] {
        place.traffic(what, sum(key));
    }
    Ok(())
}
