//! `injector flows`.

mod choice;
mod order;

use std::{collections::HashSet, time::UNIX_EPOCH};

use choice::Choice;
use clap::Args;

use super::{
    context::{Context, block_on},
    differences::{head, watch, window},
    out::{self, Outcome},
    owners::{self, Names},
    table::Table,
    text::{bytes, count, micros, span_ms},
};
use crate::{
    api::{
        client::encoded,
        types::{Doc, FlowsDoc},
    },
    error::Error,
    observe::{Recently, with_names},
    spec::TargetSpec,
};

/// Show flows: packets, retransmits, RTT and injected faults per peer.
#[derive(Debug, Args)]
pub(super) struct Flows {
    /// Whose: cgroup:/PATH, unit:NAME, container:ID_OR_NAME, pod:NAMESPACE/NAME or pid:N; repeat it for several
    /// [default: all that is watched].
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Once a second until Ctrl-C, with the latencies of the last 10 s; with --json a snapshot, then what has changed since
    /// the line before. A slow reader gets fewer lines, each complete, and how many it `missed`.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs the verb.
pub(super) fn run(args: &Flows, context: &Context) -> Outcome {
    let targets: Vec<TargetSpec> =
        args.targets.iter().map(|target| target.parse()).collect::<Result<_, Error>>()?;
    let query: Vec<String> =
        targets.iter().map(|target| format!("target={}", encoded(&target.to_string()))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let chosen = args.choice.read()?;
    let client = context.client()?;
    if args.watch {
        let path = format!("/v1/flows/watch{query}");
        // In JSON both are there.
        let shown = |flows: FlowsDoc| chosen.of(if context.json { flows } else { flows.recently() });
        return watch(client, path, shown, context.json, print_window);
    }
    let mut flows: Doc<FlowsDoc> = block_on(client.get(&format!("/v1/flows{query}")))??;
    flows.body = chosen.of(flows.body);
    if context.json { out::document(&flows) } else { print(&flows.body) }
}

/// Of its window, if it has one.
fn print_window(flows: &FlowsDoc, missed: u64) -> Outcome {
    out::say(&head(&flows.at, &flows.watched, missed))?;
    out::say(&window(flows.window))?;
    tables(flows)
}

/// Since observing began.
fn print(flows: &FlowsDoc) -> Outcome {
    out::say(&head(&flows.at, &flows.watched, 0))?;
    tables(flows)
}

fn tables(flows: &FlowsDoc) -> Outcome {
    let names = Names::new(&flows.owners);
    // There is no table of the cgroups' sums.
    let shown: HashSet<&str> =
        flows.cgroups_of_parts().chain(flows.watched.iter().map(String::as_str)).collect();
    let owners = flows.owners.iter().filter(|owner| shown.contains(owner.cgroup.as_str()));
    let tables = [
        open(flows, &names),
        services(flows, &names),
        listeners(flows, &names),
        owners::table(owners, &names),
    ];
    for table in tables.iter().filter(|table| !table.is_empty()) {
        table.lines().iter().try_for_each(|line| out::say(line))?;
        out::say("")?;
    }
    for missing in &flows.kinds_lost.not_measured {
        out::say(&format!("not measured here: {missing}"))?;
    }
    let lost = flows.lost;
    let packets = lost.flows_refused + lost.flows_no_memory + lost.samples_no_memory;
    let lost = packets + lost.dependencies_full + lost.bad_samples;
    if lost > 0 {
        out::say(&format!(
            "not complete: {} packets, flows or samples were lost (injector status)",
            count(lost)
        ))?;
    }
    Ok(())
}

fn open(flows: &FlowsDoc, names: &Names<'_>) -> Table {
    let mut table = Table::new(&[
        "CGROUP", "PROTO", "LOCAL", "REMOTE", "SENT", "RECEIVED", "RETRANS", "DROPPED", "DELAYED", "p50",
        "p90", "p99", "p99.9", "SNDBUF", "IDLE",
    ]);
    let now = millis(&flows.at);
    for flow in &flows.flows {
        table.row([
            names.of(&flow.cgroup),
            flow.protocol.clone(),
            flow.local.clone(),
            flow.remote.clone(),
            bytes(flow.tx_bytes),
            bytes(flow.rx_bytes),
            count(flow.retransmits),
            count(flow.injected_drops),
            count(flow.injected_delays),
            micros(flow.rtt_p50_us),
            micros(flow.rtt_p90_us),
            micros(flow.rtt_p99_us),
            micros(flow.rtt_p999_us),
            share(flow.sndbuf_used, flow.sndbuf_limit),
            idle(now, flow.last_seen.as_deref().and_then(millis)),
        ]);
    }
    table
}

fn services(flows: &FlowsDoc, names: &Names<'_>) -> Table {
    let mut table = Table::new(&[
        "CGROUP", "SIDE", "PROTO", "SERVICE", "OPEN", "ENDED", "SENT", "RECEIVED", "RETRANS", "DROPPED",
        "DELAYED", "p50", "p90", "p99", "p99.9",
    ]);
    for service in &flows.dependencies {
        table.row([
            names.of(&service.cgroup),
            service.side.clone(),
            service.protocol.clone(),
            with_names(&service.service, &service.names),
            count(service.open),
            count(service.ended),
            bytes(service.tx_bytes),
            bytes(service.rx_bytes),
            count(service.retransmits),
            count(service.injected_drops),
            count(service.injected_delays),
            micros(service.rtt_p50_us),
            micros(service.rtt_p90_us),
            micros(service.rtt_p99_us),
            micros(service.rtt_p999_us),
        ]);
    }
    table
}

fn listeners(flows: &FlowsDoc, names: &Names<'_>) -> Table {
    let mut table = Table::new(&["CGROUP", "LISTENER", "WAITING", "LIMIT"]);
    for listener in &flows.listeners {
        table.row([
            names.of(&listener.cgroup),
            listener.local.clone(),
            count(listener.accept_queue),
            count(listener.accept_limit),
        ]);
    }
    table
}

/// Of a time as documents have it, since 1970; `None` if it is none.
fn millis(rfc3339: &str) -> Option<u64> {
    let at = humantime::parse_rfc3339(rfc3339).ok()?;
    at.duration_since(UNIX_EPOCH).ok()?.as_millis().try_into().ok()
}

/// How long ago the last packet was; `-` where that is not known.
fn idle(now: Option<u64>, seen: Option<u64>) -> String {
    match now.zip(seen) {
        Some((now, seen)) => match now.saturating_sub(seen) {
            ms @ ..60_000 => span_ms(ms),
            ms @ ..3_600_000 => format!("{} min", ms / 60_000),
            ms @ ..172_800_000 => format!("{} h", ms / 3_600_000),
            ms => format!("{} d", ms / 86_400_000),
        },
        None => "-".to_owned(),
    }
}

/// `12 %`; `-` where there is no limit.
fn share(used: u64, limit: u64) -> String {
    match used.saturating_mul(100).checked_div(limit) {
        Some(percent) => format!("{percent} %"),
        None => "-".to_owned(),
    }
}
