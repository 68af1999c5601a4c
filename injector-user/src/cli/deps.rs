//! `injector deps`.

use clap::Args;

use super::{
    context::{Context, block_on},
    deps_which::Which,
    differences::{head, watch, window},
    out::{self, Outcome},
    owners::{self, Names},
    table::Table,
    text::{count, micros},
};
use crate::{
    api::{
        client::encoded,
        types::{DependencyDoc, DepsDoc, Doc, LatencyDoc},
    },
    error::Error,
    observe::{Recently, with_names},
    spec::TargetSpec,
};

/// Show dependencies: each kind of latency, errors, and drops by reason.
#[derive(Debug, Args)]
pub(super) struct Deps {
    /// Whose: cgroup:/PATH, unit:NAME, container:ID_OR_NAME, pod:NAMESPACE/NAME or pid:N; repeat it for several
    /// [default: all that is watched].
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Once a second until Ctrl-C, with the latencies of the last 10 s; with --json a snapshot, then what has changed since
    /// the line before. A slow reader gets fewer lines, each complete, and how many it `missed`.
    #[arg(long)]
    watch: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Deps, context: &Context) -> Outcome {
    let targets: Vec<TargetSpec> =
        args.targets.iter().map(|target| target.parse()).collect::<Result<_, Error>>()?;
    let filter = args.which.filter()?;
    let query: Vec<String> =
        targets.iter().map(|target| format!("target={}", encoded(&target.to_string()))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let client = context.client()?;
    let chosen = |mut deps: DepsDoc| {
        filter.apply(&mut deps);
        deps
    };
    if args.watch {
        // In JSON both are there.
        let shown = |deps: DepsDoc| chosen(if context.json { deps } else { deps.recently() });
        return watch(client, format!("/v1/deps/watch{query}"), shown, context.json, print_window);
    }
    let mut deps: Doc<DepsDoc> = block_on(client.get(&format!("/v1/deps{query}")))??;
    deps.body = chosen(deps.body);
    if context.json { out::document(&deps) } else { print(&deps.body) }
}

/// Of its window, if it has one.
fn print_window(deps: &DepsDoc, missed: u64) -> Outcome {
    out::say(&head(&deps.at, &deps.watched, missed))?;
    out::say(&window(deps.window))?;
    tables(deps)
}

/// Since observing began.
fn print(deps: &DepsDoc) -> Outcome {
    out::say(&head(&deps.at, &deps.watched, 0))?;
    tables(deps)
}

fn tables(deps: &DepsDoc) -> Outcome {
    let names = Names::new(&deps.owners);
    let all = &deps.dependencies;
    for table in [latencies(all, &names), wrong(all, &names), owners::table(deps.owners.iter(), &names)] {
        if !table.is_empty() {
            table.lines().iter().try_for_each(|line| out::say(line))?;
            out::say("")?;
        }
    }
    for missing in &deps.kinds_lost.not_measured {
        out::say(&format!("not measured here: {missing}"))?;
    }
    let lost = deps.kinds_lost.all();
    if lost > 0 {
        out::say(&format!("not complete: {} samples or events were lost (--json says which)", count(lost)))?;
    }
    Ok(())
}

fn latencies(all: &[DependencyDoc], names: &Names<'_>) -> Table {
    let mut table = Table::new(&[
        "CGROUP", "SIDE", "PROTO", "SERVICE", "LATENCY", "SAMPLES", "p50", "p90", "p99", "p99.9",
    ]);
    for d in all {
        for one in &d.kinds.latency {
            table.row([
                names.of(&d.cgroup),
                d.side.clone(),
                d.protocol.clone(),
                with_names(&d.service, &d.names),
                one.kind.replace('_', " "),
                count(one.samples),
                time(one, one.p50_us),
                time(one, one.p90_us),
                time(one, one.p99_us),
                time(one, one.p999_us),
            ]);
        }
    }
    table
}

/// A time, or why there is none.
fn time(of: &LatencyDoc, us: Option<u64>) -> String {
    match us {
        Some(_) => micros(us),
        None if of.multiplexed => "multiplexed".to_owned(),
        None => "too few".to_owned(),
    }
}

fn wrong(all: &[DependencyDoc], names: &Names<'_>) -> Table {
    let mut table = Table::new(&["CGROUP", "SIDE", "PROTO", "SERVICE", "WHAT", "COUNT"]);
    let mut row = |d: &DependencyDoc, what: String, n: u64| {
        let [side, protocol] = [&d.side, &d.protocol].map(Clone::clone);
        let service = with_names(&d.service, &d.names);
        table.row([names.of(&d.cgroup), side, protocol, service, what, count(n)]);
    };
    for d in all {
        for error in &d.kinds.errors {
            row(d, error.name.clone(), error.count);
        }
        for drop in &d.kinds.drops {
            row(d, format!("dropped: {}", drop.name), drop.count);
        }
        for freed in &d.kinds.freed {
            row(d, format!("freed: {}", freed.name), freed.count);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_number_it_says_why() {
        let few = LatencyDoc::default();
        let multiplexed = LatencyDoc { multiplexed: true, ..LatencyDoc::default() };
        assert_eq!(time(&few, Some(850)), "850 us");
        assert_eq!(
            (time(&few, None).as_str(), time(&multiplexed, None).as_str()),
            ("too few", "multiplexed")
        );
    }
}
