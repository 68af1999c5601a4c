//! `injector saturation`.

use clap::Args;

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    saturation_waits::waits,
    table::Table,
    text::{bytes, count, span_ms},
    when,
};
use crate::{
    api::{
        Client,
        client::encoded,
        types::{Doc, GaugeDoc, HotDoc, OverflowsDoc, PlaceDoc, SaturationDoc, Unit},
    },
    error::Error,
    observe::saturation::{hot_words, place_words},
    spec::TargetSpec,
};

/// Show how full things are, and what runs over: pressure, CPU, memory, descriptors, ports, queues, buffers, pools.
#[derive(Debug, Args)]
pub(super) struct Saturation {
    /// Whose: cgroup:/PATH, unit:NAME, container:ID_OR_NAME, pod:NAMESPACE/NAME or pid:N; repeat it for several
    /// [default: all that is watched, and targets of live faults].
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Once a second until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Also what has no limit, what counts traffic, and what is not here and why.
    #[arg(long)]
    all: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Saturation, context: &Context) -> Outcome {
    let targets: Vec<TargetSpec> =
        args.targets.iter().map(|target| target.parse()).collect::<Result<_, Error>>()?;
    let query: Vec<String> =
        targets.iter().map(|target| format!("target={}", encoded(&target.to_string()))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let client = context.client()?;
    if args.watch {
        return block_on(watch(&client, &format!("/v1/saturation/watch{query}"), context.json, args.all))?;
    }
    let full: Doc<SaturationDoc> = block_on(client.get(&format!("/v1/saturation{query}")))??;
    if context.json { out::document(&full) } else { print(&full.body, args.all) }
}

async fn watch(client: &Client, path: &str, json: bool, all: bool) -> Outcome {
    let mut lines = client.lines(path).await?;
    while let Some(line) = lines.next().await? {
        if json {
            out::say(&line)?;
            continue;
        }
        let full: Doc<SaturationDoc> = serde_json::from_str(&line)
            .map_err(|error| Error::failed(format!("the daemon's line can't be read: {error}")))?;
        print(&full.body, all)?;
    }
    Err(Error::unreachable("the daemon hung up").hint("its log says why").into())
}

fn print(full: &SaturationDoc, all: bool) -> Outcome {
    lines(full, all).iter().try_for_each(|line| out::say(line))
}

fn lines(full: &SaturationDoc, all: bool) -> Vec<String> {
    let over = full.interval_ms.map_or("no rates yet".to_owned(), |ms| format!("over {}", span_ms(ms)));
    let mut lines = vec![format!("{}  {over}, read in {}", when::clock(&full.at), span_us(full.took_us))];
    lines.extend(hot_lines(&full.hot));
    let places = &full.places;
    for table in [gauges(places, all), pressures(places), waits(places, all), counters(places, all)] {
        if !table.is_empty() {
            lines.push(String::new());
            lines.extend(table.lines());
        }
    }
    for fault in full.faults.iter().filter(|fault| !fault.ended) {
        lines.push(String::new());
        lines.extend(since(fault));
    }
    lines.extend(full.left_out.iter().map(|what| format!("left out: {what}")));
    if full.lost.all() > 0 {
        lines.push(format!("not complete: {} waits were lost (--json says which)", count(full.lost.all())));
    }
    let missing =
        full.places.iter().flat_map(|place| place.missing.iter().map(move |missing| (place, missing)));
    let missing: Vec<String> = missing
        .map(|(place, missing)| {
            format!("not here: {} of {}: {}", missing.what, place_words(place), missing.why)
        })
        .collect();
    match (missing.len(), all) {
        (0, _) => {}
        (_, true) => lines.extend(missing),
        (n, false) => lines.push(format!("not here: {n} (--all says what, and why)")),
    }
    lines
}

pub(super) fn hot_lines(hot: &[HotDoc]) -> Vec<String> {
    hot.iter().map(hot_words).collect()
}

/// What ran over since one fault began.
pub(super) fn of_fault(full: &SaturationDoc, id: &str) -> Vec<String> {
    full.faults.iter().filter(|fault| fault.fault == id).flat_map(since).collect()
}

fn since(fault: &OverflowsDoc) -> Vec<String> {
    let late = match fault.late_ms {
        0 => String::new(),
        ms => format!(" ({} after it began)", span_ms(ms)),
    };
    let begun = when::clock(&fault.since);
    let mut lines = match fault.overflows.as_slice() {
        [] => vec![format!("  ran over since {begun}{late} where {} is: nothing", fault.fault)],
        _ => vec![format!("  ran over since {begun}{late} where {} is:", fault.fault)],
    };
    lines.extend(fault.overflows.iter().map(|over| {
        let of = over.of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
        format!("    {}: {}{of}: {}", over.place, over.what, count(over.count))
    }));
    let fullest =
        fault.peaks.iter().take(3).map(|peak| format!("{} {} {} %", peak.place, peak.what, peak.percent));
    let fullest: Vec<String> = fullest.collect();
    if !fullest.is_empty() {
        lines.push(format!("  fullest: {}", fullest.join(", ")));
    }
    lines
}

fn span_us(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn amount(number: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes(number),
        Unit::Millicores => format!("{}.{:03} CPU", number / 1000, number % 1000),
        Unit::Micros => span_us(number),
        Unit::Pages | Unit::Count => count(number),
    }
}

fn gauges(places: &[PlaceDoc], all: bool) -> Table {
    let mut table = Table::new(&["WHERE", "WHAT", "OF", "USED", "LIMIT", "%"]);
    let shown = |gauge: &&GaugeDoc| all || gauge.percent.is_some() || gauge.what == "connections";
    for (place, gauge) in
        places.iter().flat_map(|place| place.gauges.iter().filter(shown).map(move |gauge| (place, gauge)))
    {
        table.row([
            place_words(place),
            gauge.what.clone(),
            gauge.of.clone().unwrap_or_default(),
            amount(gauge.used, gauge.unit),
            gauge.limit.map_or("-".to_owned(), |limit| amount(limit, gauge.unit)),
            gauge.percent.map_or("-".to_owned(), |percent| format!("{percent:.1}")),
        ]);
    }
    table
}

fn pressures(places: &[PlaceDoc]) -> Table {
    let mut table = Table::new(&["WHERE", "PRESSURE", "SOME %", "ALL %", "SOME 10s", "ALL 10s"]);
    let percent = |percent: Option<f64>| percent.map_or("-".to_owned(), |percent| format!("{percent:.1}"));
    for (place, pressure) in
        places.iter().flat_map(|place| place.pressures.iter().map(move |one| (place, one)))
    {
        table.row([
            place_words(place),
            pressure.what.clone(),
            percent(pressure.some_percent),
            percent(pressure.full_percent),
            percent(Some(pressure.some_avg10)),
            percent(pressure.full_avg10),
        ]);
    }
    table
}

fn counters(places: &[PlaceDoc], all: bool) -> Table {
    let mut table = Table::new(&["WHERE", "COUNTED", "OF", "TOTAL", "A SECOND"]);
    for (place, counter) in places.iter().flat_map(|place| place.counters.iter().map(move |one| (place, one)))
    {
        if !all && (!counter.overflow || counter.total == 0) {
            continue;
        }
        table.row([
            place_words(place),
            counter.what.clone(),
            counter.of.clone().unwrap_or_default(),
            count(counter.total),
            counter.per_second.map_or("-".to_owned(), |rate| format!("{rate:.1}")),
        ]);
    }
    table
}

#[cfg(test)]
#[path = "saturation_tests.rs"]
mod tests;
