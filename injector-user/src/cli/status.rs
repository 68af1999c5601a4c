//! `injector status`.

use clap::Args;

use super::{
    achieved,
    context::{Context, block_on},
    cost, ending,
    out::{self, Outcome},
    reaction, saturation, stop,
    table::Table,
    text, when, windows,
};
use crate::{
    api::{
        client::encoded,
        types::{Doc, FaultDoc, SaturationDoc, State, StatusDoc},
    },
    observe::golden::own_losses,
};

/// Show the node's faults, or one of them.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Its ID, name, or a unique beginning of its ID.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Measure for a second what injector's own programs cost, and show it; meanwhile every program on the host takes
    /// some 20 ns more a run.
    #[arg(long, conflicts_with = "id")]
    cost: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Status, context: &Context) -> Outcome {
    let client = context.client()?;
    if args.cost {
        return cost::run(&client, context);
    }
    if let Some(id) = &args.id {
        let path = format!("/v1/faults/{}", encoded(stop::named(id)?));
        let fault: Doc<FaultDoc> = block_on(client.get(&path))??;
        if context.json {
            return out::document(&fault);
        }
        print(&one(&fault.body))?;
        // What ran over is told by another document; a daemon that has none is no error here.
        let full = block_on(client.get::<Doc<SaturationDoc>>("/v1/saturation"))?;
        return print(
            &full.map_or_else(|_| Vec::new(), |full| saturation::of_fault(&full.body, &fault.body.id)),
        );
    }
    let status: Doc<StatusDoc> = block_on(client.get("/v1/status"))??;
    if context.json { out::document(&status) } else { print(&all(&status)) }
}

fn print(lines: &[String]) -> Outcome {
    lines.iter().try_for_each(|line| out::say(line))
}

fn state(fault: &FaultDoc) -> &'static str {
    match fault.state {
        State::Shadow => "SHADOW",
        State::Armed => "ARMED",
        State::Draining => "DRAINING",
        State::Ended => "ENDED",
    }
}

fn all(status: &Doc<StatusDoc>) -> Vec<String> {
    let (node, status) = (&status.node, &status.body);
    let mut lines = Vec::new();
    if let Some(halt) = &status.halted {
        let why = if halt.why.is_empty() { "no reason given" } else { &halt.why };
        lines.push(format!("HALTED by {} since {}: {why}", halt.by, halt.since));
        lines.push("nothing can be armed until: injector halt --lift".to_owned());
    }
    lines.extend(status.disarmed.iter().map(|why| format!("NOTHING CAN BE ARMED: {why}")));
    lines.push(format!(
        "{node} ({}): mode {}, daemon {}, instance {}",
        status.kernel, status.mode, status.pid, status.instance
    ));
    let mut table = Table::new(&["ID", "STATE", "WHAT", "MATCHED", "ACTED", "RATE", "ENDS"]);
    for fault in &status.faults {
        let ends = fault.ended.as_ref().unwrap_or(&fault.ends);
        table.row([
            fault.id.clone(),
            state(fault).to_owned(),
            fault.summary.clone(),
            text::count(fault.counters.matched),
            text::count(fault.counters.acted + fault.counters.shadow),
            achieved::rate(fault).unwrap_or_else(|| "-".to_owned()),
            when::clock(ends),
        ]);
    }
    lines.extend(status.pending.iter().map(|pending| match &pending.approved_by {
        None => format!(
            "{} WAITS for a second person: {} (targets: {}), asked for by {}: injector approve {}",
            pending.id,
            pending.summary,
            pending.targets.join(", "),
            pending.by,
            pending.id
        ),
        Some(who) => format!("{} was approved by {who}: injector arm {}", pending.id, pending.id),
    }));
    if table.is_empty() {
        lines.push("no faults".to_owned());
    } else {
        lines.extend(table.lines());
    }
    lines.extend(
        status
            .faults
            .iter()
            .filter(|fault| fault.state != State::Ended)
            .filter_map(|fault| achieved::nothing(fault).map(|nothing| format!("{}: {nothing}", fault.id))),
    );
    lines.push(match status.attached.as_slice() {
        [] => "in the kernel: nothing of ours".to_owned(),
        attached => format!("in the kernel: {}", attached.join(", ")),
    });
    let lost = own_losses(&status.lost);
    lines.extend(saturation::hot_lines(&status.saturated));
    if !lost.is_empty() {
        lines.push(format!("not observed: {}", lost.join(", ")));
    }
    lines.extend(cost::own(&status.own));
    lines
}

fn one(fault: &FaultDoc) -> Vec<String> {
    let name = fault.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let mut lines = vec![
        format!("{}{name} {}: {}", fault.id, state(fault), fault.summary),
        format!(
            "  from {} to {}",
            when::clock(&fault.started),
            when::clock(fault.ended.as_ref().unwrap_or(&fault.ends))
        ),
        format!("  touches {}", text::whom(fault.cgroups, fault.processes, fault.flows)),
    ];
    lines.push(format!("  asked for by {}", fault.by));
    lines.extend(fault.spec.hypothesis.iter().map(|text| format!("  hypothesis: {text}")));
    lines.extend(fault.spec.ticket.iter().map(|text| format!("  ticket: {text}")));
    lines.extend(fault.rung.iter().map(|rung| format!("  way: {rung}")));
    lines.extend(achieved::lines(fault));
    lines.extend(reaction::lines(fault));
    lines.extend(match fault.windows {
        Some(_) => windows::lines(fault),
        None => since_armed(fault),
    });
    lines.extend(windows::amplified(fault));
    lines.extend(fault.notes.iter().map(|note| format!("  note: {note}")));
    lines.push(format!("  control group: {}", fault.control_verdict));
    if fault.state == State::Ended {
        lines.extend(ending::lines(fault));
    }
    lines
}

/// Of a daemon that tells no windows.
fn since_armed(fault: &FaultDoc) -> Vec<String> {
    let mut table = Table::new(&["  GROUP", "SAMPLES", "p50", "p90", "p99", "SEGMENTS", "RETRANSMITS"]);
    for (group, signals) in [("  target", &fault.target), ("  control", &fault.control)] {
        table.row([
            group.to_owned(),
            text::count(signals.samples),
            text::micros(signals.rtt_p50_us),
            text::micros(signals.rtt_p90_us),
            text::micros(signals.rtt_p99_us),
            text::count(signals.segments),
            text::count(signals.retransmits),
        ]);
    }
    table.lines()
}
