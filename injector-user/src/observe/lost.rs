//! What observation lost.

use injector_ebpf::{flow::FlowStats, rule::GateStats};

use crate::api::types::LostDoc;

/// All losses, of observation and of the gate.
pub fn lost_doc(stats: &FlowStats, gate: &GateStats) -> LostDoc {
    LostDoc {
        flows_refused: stats.refused,
        flows_no_memory: stats.no_memory,
        dependencies_full: stats.deps_full.saturating_add(stats.lost),
        bad_samples: stats.bad_samples,
        samples_no_memory: stats.unseen,
        cgroups_full: stats.cgroups_full,
        unattributed: gate.unattributed,
        unparsed: gate.unparsed,
        events: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_has_its_place() {
        let stats = FlowStats {
            created: 9,
            refused: 1,
            no_memory: 2,
            deps_full: 3,
            bad_samples: 4,
            folded: 9,
            cgroups_full: 7,
            unseen: 8,
            ..FlowStats::default()
        };
        let gate = GateStats { halted: 9, lapsed: 9, unattributed: 5, unparsed: 6 };
        let lost = lost_doc(&stats, &gate);
        let all = [lost.flows_refused, lost.flows_no_memory, lost.dependencies_full, lost.bad_samples];
        assert_eq!((all, lost.unattributed, lost.unparsed, lost.cgroups_full), ([1, 2, 3, 4], 5, 6, 7));
        assert_eq!(lost.samples_no_memory, 8);
    }
}
