//! Which rules cannot mean which ports, as the kernel looks it up: one look for all rules.

use std::collections::BTreeMap;

use anyhow::Result;
use injector_ebpf::{
    means::Ports,
    names,
    rule::{BLOCK_PORTS, PORT_BLOCKS, PortBlock, PortRules, Rule},
};

use crate::kernel::object::Object;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PortTable {
    /// What was written; nothing before the first rule that has ports.
    written: Vec<PortBlock>,
    /// The last time not everything was.
    torn: bool,
}

impl PortTable {
    /// Is it as it was last asked to be?
    pub(super) fn is_whole(&self) -> bool {
        !self.torn
    }

    /// Writes what has become different.
    pub(super) fn write(&mut self, object: &mut Object, rules: &BTreeMap<u32, Rule>) -> Result<()> {
        if self.written.is_empty() && !rules.values().any(has_ports) {
            return Ok(());
        }
        let wanted = blocks(rules);
        self.written.resize(wanted.len(), [PortRules::default(); BLOCK_PORTS]);
        self.torn = true;
        let mut array = object.array::<PortBlock>(names::PORT_RULES)?;
        for (index, (block, written)) in (0..).zip(wanted.iter().zip(&mut self.written)) {
            if block != written {
                array.set(index, block, 0)?;
                *written = *block;
            }
        }
        self.torn = false;
        Ok(())
    }
}

/// Does it mean certain ports only?
pub(super) fn has_ports(rule: &Rule) -> bool {
    [rule.means.peer, rule.means.local, rule.means.except].iter().any(|ports| ports.high != 0)
}

/// For every port the rules that cannot mean it.
pub fn blocks(rules: &BTreeMap<u32, Rule>) -> Vec<PortBlock> {
    let mut blocks = vec![[PortRules::default(); BLOCK_PORTS]; PORT_BLOCKS as usize];
    for (slot, rule) in rules.iter().filter(|(_, rule)| has_ports(rule)) {
        let (means, bit) = (&rule.means, 1_u16 << slot);
        let excepted = |port| means.except != Ports::ANY && means.except.holds(port);
        for (port, entry) in (0..=u16::MAX).zip(blocks.iter_mut().flatten()) {
            if !means.peer.holds(port) || excepted(port) {
                entry.peer |= bit;
            }
            if !means.local.holds(port) {
                entry.local |= bit;
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use injector_ebpf::means::Means;

    use super::*;

    #[test]
    fn no_port_that_a_rule_means_is_ruled_out_and_every_other_one_is() {
        let ports = |low, high| Ports { low, high };
        let rule = |means| Rule { hook: 1, means, ..Rule::FREE };
        let rules: BTreeMap<u32, Rule> = [
            (0, rule(Means { peer: ports(443, 443), ..Means::ALL })),
            (1, rule(Means { local: ports(1000, 1999), ..Means::ALL })),
            (2, rule(Means { except: ports(400, 450), ..Means::ALL })),
            (3, rule(Means::ALL)),
            (15, rule(Means { peer: ports(60_000, 65_535), except: ports(65_535, 65_535), ..Means::ALL })),
        ]
        .into();
        let blocks = blocks(&rules);
        let at = |port: usize| blocks[port / BLOCK_PORTS][port % BLOCK_PORTS];
        assert_eq!(at(443), PortRules { peer: 0x8004, local: 0b10 });
        assert_eq!(at(399), PortRules { peer: 0x8001, local: 0b10 });
        assert_eq!(at(1000), PortRules { peer: 0x8001, local: 0 });
        assert_eq!(at(65_534), PortRules { peer: 1, local: 0b10 });
        assert_eq!(at(65_535), PortRules { peer: 0x8001, local: 0b10 });
        assert_eq!(blocks.len() * BLOCK_PORTS, 65_536);
    }
}
