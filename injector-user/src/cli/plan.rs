//! `injector plan`, and `--dry-run`.

use clap::Args;

use super::{
    context::{Context, block_on},
    faults::FaultAsk,
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
    fault: FaultAsk,
}

/// Runs the verb.
pub(super) fn run(plan: &Plan, context: &Context) -> Outcome {
    show(&plan.fault.spec()?, context)
}

/// Asks for the plan of a fault and prints it.
pub(super) fn show(spec: &FaultSpec, context: &Context) -> Outcome {
    print(&block_on(context.client()?.post("/v1/plan", spec))??, context)
}

/// Prints a plan.
pub(super) fn print(plan: &Doc<PlanDoc>, context: &Context) -> Outcome {
    if context.json {
        return out::document(plan);
    }
    lines(plan).iter().try_for_each(|line| out::say(line))
}

fn lines(plan: &Doc<PlanDoc>) -> Vec<String> {
    let (node, plan) = (&plan.node, &plan.body);
    let mut lines = vec![format!("PLAN for {node}: {}", plan.summary)];
    lines.push(format!("for: {}, then it ends by itself", text::span_ms(plan.ttl_ms)));
    let touched = plan.cgroups.iter().filter(|cgroup| cgroup.skipped.is_none()).count() as u64;
    lines.push(format!("touches: {}", text::whom(touched, plan.processes.len() as u64, plan.flows)));
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
    lines.extend(plan.names.iter().map(|name| format!("name: {name}")));
    lines.extend(plan.order.iter().map(|one| format!("order: {one}")));
    lines.extend(plan.rung.iter().map(|rung| format!("way: {rung}")));
    lines.extend(plan.semantics.iter().map(|line| format!("  {line}")));
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
