//! Where a fault of the network hangs on interfaces: of the namespaces that the target is in, and of those to which it
//! comes later.

use injector_ebpf::rule::{HOOK_EGRESS, HOOK_INGRESS};

use super::{Plan, Side, Site, Step};
use crate::{limits::Protection, spec::Match};

/// The interfaces of a namespace that may be touched, and are asked for.
pub(super) fn links<'a>(
    site: &'a Site,
    matching: &'a Match,
    protection: &'a Protection,
) -> impl Iterator<Item = &'a (u32, String)> {
    site.links.iter().filter(move |(_, link)| {
        protection.why_interface(link).is_none()
            && matching.interface.as_ref().is_none_or(|asked| asked.as_str() == link)
    })
}

/// What is attached to interfaces: each way, the devices and the filters that lead to them, then the main programs,
/// which are what sends packets there.
pub(super) fn steps(plan: &Plan, slot: u32, sites: &[Site], protection: &Protection) -> Vec<Step> {
    let matching = &plan.spec.matching;
    let mut steps = Vec::new();
    for (side, hook) in [(Side::Egress, HOOK_EGRESS), (Side::Ingress, HOOK_INGRESS)] {
        if plan.rule.hook & hook == 0 {
            continue;
        }
        if let Some(shape) = &plan.shape {
            for site in sites.iter().filter(|site| links(site, matching, protection).next().is_some()) {
                let netns = site.netns;
                steps.push(Step::Device { netns, slot, side, shape: shape.clone() });
                for (index, link) in links(site, matching, protection) {
                    let (index, link) = (*index, link.clone());
                    steps.push(Step::Redirect { netns, index, link, slot, side });
                }
            }
        }
        for site in sites {
            for (index, link) in links(site, matching, protection) {
                let (netns, index, link) = (site.netns, *index, link.clone());
                steps.push(match side {
                    Side::Egress => Step::Egress { netns, index, link },
                    Side::Ingress => Step::Ingress { netns, index, link },
                });
            }
        }
    }
    steps
}

impl Plan {
    /// What `sites` ask for, beyond what is attached: interfaces and namespaces that were not there when it was made.
    /// `slot` is the rule's place.
    pub fn missing(&self, slot: u32, sites: &[Site], protection: &Protection) -> Vec<Step> {
        let mut missing = steps(self, slot, sites, protection);
        missing.retain(|step| !self.steps.iter().any(|there| there.place() == step.place()));
        missing
    }

    /// These have been applied, after all others.
    pub fn extended(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }
}

impl Step {
    /// Namespace, interface (none: a device of ours) and side, and whether it is a main program; none for other steps.
    /// What is at the same place is the same, whatever its interface is called by now.
    pub fn place(&self) -> Option<(u64, Option<u32>, Side, bool)> {
        match self {
            Self::Device { netns, side, .. } => Some((*netns, None, *side, false)),
            Self::Redirect { netns, index, side, .. } => Some((*netns, Some(*index), *side, false)),
            Self::Egress { netns, index, .. } => Some((*netns, Some(*index), Side::Egress, true)),
            Self::Ingress { netns, index, .. } => Some((*netns, Some(*index), Side::Ingress, true)),
            Self::CgroupIngress { .. }
            | Self::CgroupEgress { .. }
            | Self::Call { .. }
            | Self::Compat { .. }
            | Self::Rings
            | Self::Closes
            | Self::CgroupCall { .. } => None,
        }
    }

    /// The interface that it hangs on.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Redirect { link, .. } | Self::Egress { link, .. } | Self::Ingress { link, .. } => {
                Some(link)
            }
            Self::Device { .. }
            | Self::CgroupIngress { .. }
            | Self::CgroupEgress { .. }
            | Self::Call { .. }
            | Self::Compat { .. }
            | Self::Rings
            | Self::Closes
            | Self::CgroupCall { .. } => None,
        }
    }

    /// Whether this one is of no use, or harms, while `other` is not there: packets would be sent to nobody.
    pub fn hangs_on(&self, other: &Self) -> bool {
        let (Some((netns, index, side, _)), Some((other_netns, other_index, other_side, main))) =
            (self.place(), other.place())
        else {
            return false;
        };
        let same = netns == other_netns && side == other_side;
        same && !main && (other_index.is_none() || other_index == index)
    }
}
