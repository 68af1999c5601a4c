//! What else there is where a fault would act: other faults of ours, and other people's programs.

use std::collections::BTreeSet;

use injector_ebpf::rule::{ACT_DEVICE, ACT_DUPLICATE, ACT_GARBLE, Rule};

use super::engine::Engine;
use crate::{
    plan::{Plan, Side, Step},
    spec::FaultKind,
};

/// Rules are asked in three stages; within one, until the first of them acts.
#[derive(PartialEq, Eq)]
enum Stage {
    Lose,
    Device,
    Change,
}

fn stage(rule: &Rule) -> Stage {
    match rule.act {
        ACT_DEVICE => Stage::Device,
        ACT_GARBLE | ACT_DUPLICATE => Stage::Change,
        _ => Stage::Lose,
    }
}

impl Engine {
    /// The faults that are asked about the same packets at the same stage, in the order of their slots.
    pub(super) fn order(&self, plan: &Plan, slot: u32) -> Vec<String> {
        if !plan.spec().fault.is_network() {
            return Vec::new();
        }
        let ours: BTreeSet<u64> = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
        let mut same: Vec<_> = self
            .faults
            .iter()
            .filter(|fault| fault.lives() && fault.plan.spec().fault.is_network())
            .filter(|fault| fault.rule.hook & plan.rule().hook != 0)
            .filter(|fault| stage(&fault.rule) == stage(plan.rule()))
            .filter(|fault| fault.cgroups.iter().any(|id| ours.contains(id)))
            .collect();
        same.sort_by_key(|fault| fault.slot);
        let words = |other: u32| if other < slot { "after" } else { "before" };
        same.iter().map(|fault| format!("asked {}: {}", words(fault.slot), fault.id)).collect()
    }

    /// Who may end a packet's way before it comes to filters of ours. Our tcx programs are the first of their chain.
    pub(super) fn neighbours(&mut self, plan: &Plan) -> Vec<String> {
        let tcx = self.kernel.capabilities().tcx;
        let mut seen = BTreeSet::new();
        let mut warnings = Vec::new();
        for step in plan.steps() {
            let (netns, index, link, side) = match step {
                Step::Redirect { netns, index, link, side, .. } => (*netns, *index, link, *side),
                Step::Egress { netns, index, link } if !tcx => (*netns, *index, link, Side::Egress),
                Step::Ingress { netns, index, link } if !tcx => (*netns, *index, link, Side::Ingress),
                _ => continue,
            };
            if !seen.insert((netns, index, side)) {
                continue;
            }
            match self.kernel.foreign(netns, index, side) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => warnings.push(format!(
                    "on {link} ({side}): {} may decide before our filters: packets that it ends are not {}",
                    found.join(", "),
                    suffered(&plan.spec().fault)
                )),
                Err(error) => warnings.push(format!(
                    "on {link} ({side}): it cannot be told who decides before our filters: {error:#}"
                )),
            }
        }
        warnings
    }
}

/// What is done to a packet, as a participle.
fn suffered(fault: &FaultKind) -> &'static str {
    match fault {
        FaultKind::Delay { .. } | FaultKind::Reorder { .. } => "delayed",
        FaultKind::Corrupt { .. } => "corrupted",
        FaultKind::Rate { .. } => "slowed down",
        _ => "faulted",
    }
}
