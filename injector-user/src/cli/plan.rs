//! `injector plan`, and `--dry-run`.

use clap::{Args, Subcommand};

use super::{
    context::{Context, block_on},
    delay::Delay,
    drop::Drop,
    fail::Fail,
    out::{self, Outcome},
    table::Table,
    text,
};
use crate::{
    api::types::{Doc, PlanDoc},
    spec::FaultSpec,
};

/// Show what a fault would do; nothing is touched.
#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Debug, Subcommand)]
enum Fault {
    /// Lose a share of a target's packets.
    Drop(Drop),
    /// Send a target's packets later.
    Delay(Delay),
    /// Make a target's system calls return an error.
    Fail(Fail),
}

/// Runs the verb.
pub(super) fn run(plan: &Plan, context: &Context) -> Outcome {
    let spec = match &plan.fault {
        Fault::Drop(ask) => ask.spec()?,
        Fault::Delay(ask) => ask.spec()?,
        Fault::Fail(ask) => ask.spec()?,
    };
    show(&spec, context)
}

/// Asks for the plan of a fault and prints it.
pub(super) fn show(spec: &FaultSpec, context: &Context) -> Outcome {
    let plan: Doc<PlanDoc> = block_on(context.client()?.post("/v1/plan", spec))??;
    if context.json {
        return out::document(&plan);
    }
    lines(&plan).iter().try_for_each(|line| out::say(line))
}

fn lines(plan: &Doc<PlanDoc>) -> Vec<String> {
    let (node, plan) = (&plan.node, &plan.body);
    let mut lines = vec![format!("PLAN for {node}: {}", plan.summary)];
    lines.push(format!("for: {}, then it ends by itself", text::span_ms(plan.ttl_ms)));
    let touched = plan.cgroups.iter().filter(|cgroup| cgroup.skipped.is_none()).count() as u64;
    lines.push(format!(
        "touches: {}, {}, {}",
        text::counted(touched, "cgroup", "cgroups"),
        text::counted(plan.processes.len() as u64, "process", "processes"),
        text::counted(plan.flows, "flow", "flows")
    ));
    lines.extend(
        plan.traffic_share_percent
            .map(|share| format!("share: {share} % of the node's TCP traffic in the last minute")),
    );
    lines.extend(plan.cgroups.iter().map(|cgroup| match &cgroup.skipped {
        None => format!("  {}", cgroup.path),
        Some(why) => format!("  {} is left out: {why}", cgroup.path),
    }));
    if !plan.processes.is_empty() {
        let names: Vec<String> =
            plan.processes.iter().map(|process| format!("{} ({})", process.name, process.pid)).collect();
        lines.push(format!("processes: {}", names.join(", ")));
    }
    lines.extend(plan.rung.iter().map(|rung| format!("way: {rung}")));
    let mut limits = Table::new(&["LIMIT", "ASKED", "ALLOWED"]);
    plan.limits
        .iter()
        .for_each(|limit| limits.row([limit.limit.clone(), limit.asked.clone(), limit.allowed.clone()]));
    let mut steps = Table::new(&["STEP", "UNDONE BY"]);
    plan.steps.iter().for_each(|step| steps.row([step.does.clone(), step.undo.clone()]));
    for table in [limits, steps].iter().filter(|table| !table.is_empty()) {
        lines.push(String::new());
        lines.extend(table.lines());
    }
    lines.push(String::new());
    lines.extend(plan.worst_case.iter().map(|line| format!("at worst: {line}")));
    lines.push(match plan.leaves_behind.as_slice() {
        [] => "leaves behind: nothing".to_owned(),
        left => format!("leaves behind: {}", left.join("; ")),
    });
    lines.extend(plan.needs_approval.iter().map(|soft| {
        format!(
            "needs a second person's approval: {} is {}, up to {} without",
            soft.limit, soft.asked, soft.allowed
        )
    }));
    lines.extend(plan.blocked.iter().map(|why| format!("can't be armed now: {why}")));
    lines.extend(plan.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines
}
