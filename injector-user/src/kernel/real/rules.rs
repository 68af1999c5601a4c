//! Rules in the kernel, with the tries that say whom they mean by address and by name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use aya::maps::lpm_trie::Key;
use injector_ebpf::{
    draw::{DRAW_ABOVE, DRAW_FLOWS, DRAW_UP_TO},
    names,
    rule::{
        CG_DNS, CG_FLOWS, CG_PEERS, CG_PORTS, CgroupEntry, MAX_PEERS, MAX_RULES, NAME_CASE, NAME_LENGTH,
        NAME_ROOM, Name, NameRules, PeerRules, RULE_DNS, RULE_PEERS, RULE_SHADOW, Rule,
    },
};
use ipnet::IpNet;
use std::time::Duration;

use super::ports::{PortTable, has_ports};
use crate::{
    kernel::object::Object,
    plan::{Addresses, words},
    spec::DnsPattern,
};

/// A network as the trie has it: prefix length of 128 bits, and words.
type Prefix = (u32, [u32; 4]);
/// A name as the trie has it: prefix length in bits, and bytes.
type NamePrefix = (u32, [u8; NAME_ROOM]);

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<u32, Rule>,
    ports: PortTable,
    addresses: BTreeMap<u32, Addresses>,
    peers: BTreeMap<Prefix, PeerRules>,
    names: BTreeMap<NamePrefix, NameRules>,
}

impl Rules {
    /// Writes a rule. What it needs of the kernel's clock is filled in.
    pub(super) fn set(&mut self, object: &mut Object, slot: u32, rule: &Rule) -> Result<()> {
        let mut rule = *rule;
        if matches!(rule.draw.kind, DRAW_ABOVE | DRAW_UP_TO) {
            rule.draw.params[1] = object.ticks(Duration::from_secs(1));
        }
        object.array::<Rule>(names::RULES)?.set(slot, rule, 0)?;
        let before = self.rules.insert(slot, rule);
        if self.ports.is_whole() && before.is_some_and(|before| before.means == rule.means) {
            return Ok(());
        }
        self.ports.write(object, &self.rules)
    }

    /// Does the rule only count?
    pub(super) fn was_shadow(&self, slot: u32) -> bool {
        self.rules.get(&slot).is_some_and(|rule| rule.flags & RULE_SHADOW != 0)
    }

    /// What a cgroup's entry must say of its rules, beside which they are.
    pub(super) fn complete(&self, entry: CgroupEntry) -> CgroupEntry {
        let of = |rule: &Rule| {
            let flags = [(RULE_PEERS, CG_PEERS), (RULE_DNS, CG_DNS)];
            let flows = if rule.draw.kind == DRAW_FLOWS { CG_FLOWS } else { 0 };
            let ports = if has_ports(rule) { CG_PORTS } else { 0 };
            let flags = flags.iter().filter(|(has, _)| rule.flags & has != 0).map(|(_, needs)| needs);
            flags.sum::<u32>() | flows | ports
        };
        let rules = self.rules.iter().filter(|(slot, _)| entry.rules & (1 << **slot) != 0);
        CgroupEntry { flags: rules.fold(entry.flags, |flags, (_, rule)| flags | of(rule)), ..entry }
    }

    /// Says whom a rule means; `None`: the rule is free.
    pub(super) fn set_addresses(
        &mut self,
        object: &mut Object,
        slot: u32,
        addresses: Option<&Addresses>,
    ) -> Result<()> {
        let mut wanted = self.addresses.clone();
        match addresses {
            Some(addresses) => wanted.insert(slot, addresses.clone()),
            None => wanted.remove(&slot),
        };
        let peers = peers(&wanted);
        ensure!(
            peers.len() <= MAX_PEERS as usize,
            "all faults together name {} networks; there is room for {MAX_PEERS}",
            peers.len()
        );
        let names = names_of(&wanted);
        self.write_peers(object, &peers)?;
        self.write_names(object, &names)?;
        self.addresses = wanted;
        Ok(())
    }

    /// What is new first, so that no address is without its rules in between.
    fn write_peers(&mut self, object: &mut Object, wanted: &BTreeMap<Prefix, PeerRules>) -> Result<()> {
        let mut trie = object.trie::<[u32; 4], PeerRules>(names::PEERS)?;
        for ((length, words), mask) in wanted {
            if self.peers.get(&(*length, *words)) != Some(mask) {
                trie.insert(&Key::new(*length, *words), mask, 0)?;
                // At once: what was written before an error must be known, or nobody takes it away again.
                self.peers.insert((*length, *words), *mask);
            }
        }
        let stale: Vec<Prefix> =
            self.peers.keys().filter(|key| !wanted.contains_key(*key)).copied().collect();
        for (length, words) in stale {
            trie.remove(&Key::new(length, words))?;
            self.peers.remove(&(length, words));
        }
        Ok(())
    }

    fn write_names(&mut self, object: &mut Object, wanted: &BTreeMap<NamePrefix, NameRules>) -> Result<()> {
        let mut trie = object.trie::<Name, NameRules>(names::NAMES)?;
        for ((length, name), rules) in wanted {
            if self.names.get(&(*length, *name)) != Some(rules) {
                trie.insert(&Key::new(*length, Name(*name)), rules, 0)?;
                self.names.insert((*length, *name), *rules);
            }
        }
        let stale: Vec<NamePrefix> =
            self.names.keys().filter(|key| !wanted.contains_key(*key)).copied().collect();
        for (length, name) in stale {
            trie.remove(&Key::new(length, Name(name)))?;
            self.names.remove(&(length, name));
        }
        Ok(())
    }
}

/// For every network that anybody names, which rules mean it. The trie finds the longest network that holds an address:
/// so each must know what the shorter ones that hold it say.
fn peers(wanted: &BTreeMap<u32, Addresses>) -> BTreeMap<Prefix, PeerRules> {
    let compiled: Vec<(u32, &Addresses, Vec<Prefix>, Vec<Prefix>)> = wanted
        .iter()
        .map(|(slot, addresses)| (*slot, addresses, prefixes(&addresses.peers), prefixes(&addresses.except)))
        .collect();
    // Whoever is in no other network is in the one that holds all.
    let mut all: BTreeSet<Prefix> = [(0, [0; 4])].into();
    all.extend(compiled.iter().flat_map(|(_, _, peers, except)| peers.iter().chain(except)).copied());
    all.into_iter()
        .map(|prefix| {
            let mut rules = PeerRules::default();
            for (slot, addresses, peers, except) in &compiled {
                let within = |nets: &[Prefix]| nets.iter().any(|net| holds(net, &prefix));
                let meant = if addresses.peers.is_empty() { !addresses.nobody } else { within(peers) };
                rules.meant |= u32::from(meant) << slot;
                rules.left_out |= u32::from(within(except)) << slot;
            }
            (prefix, rules)
        })
        .collect()
}

fn prefixes(nets: &[IpNet]) -> Vec<Prefix> {
    nets.iter()
        .map(|net| {
            let (words, length) = words(net);
            (length, words)
        })
        .collect()
}

fn holds((length, net): &Prefix, (other, address): &Prefix) -> bool {
    length <= other
        && (0..4).all(|index| {
            let bits = length.saturating_sub(32 * index as u32).min(32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0).to_be();
            net[index] & mask == address[index] & mask
        })
}

/// The same for names: each knows the rules of those that it is below.
fn names_of(wanted: &BTreeMap<u32, Addresses>) -> BTreeMap<NamePrefix, NameRules> {
    let patterns: Vec<(u32, bool, Vec<u8>)> = wanted
        .iter()
        .filter_map(|(slot, addresses)| match addresses.name.as_ref()? {
            DnsPattern::All => None,
            DnsPattern::Name(name) => Some((*slot, false, backwards(name.as_str()))),
            DnsPattern::Below(name) => Some((*slot, true, backwards(name.as_str()))),
        })
        .collect();
    patterns
        .iter()
        .map(|(_, _, name)| {
            let mut rules = NameRules { length: name.len() as u32, ..NameRules::default() };
            for (slot, below, other) in &patterns {
                if !name.starts_with(other) {
                    continue;
                }
                let longer = name.len() > other.len();
                if *below {
                    rules.below |= 1 << slot;
                    rules.exact |= u32::from(longer) << slot;
                } else if !longer {
                    rules.exact |= 1 << slot;
                }
            }
            let mut bytes = [0; NAME_ROOM];
            let kept = name.len().min(NAME_ROOM);
            bytes[..kept].copy_from_slice(&name[..kept]);
            ((kept as u32 * 8, bytes), rules)
        })
        .collect()
}

/// A name as it is in a query, backwards and in the case of the trie: see [`Name`].
fn backwards(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(label.len() as u8 | NAME_LENGTH);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.reverse();
    bytes.iter().map(|byte| byte | NAME_CASE).collect()
}

const _: () = assert!(MAX_RULES <= 32);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(peers: &BTreeMap<Prefix, PeerRules>, address: &str) -> u32 {
        let (words, length) = words(&address.parse::<std::net::IpAddr>().unwrap().into());
        let best = peers.iter().filter(|(net, _)| holds(net, &(length, words))).max_by_key(|(net, _)| net.0);
        best.map(|(_, rules)| rules.meant & !rules.left_out).unwrap()
    }

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_longest_network_knows_what_the_shorter_ones_say() {
        let wanted: BTreeMap<u32, Addresses> = [
            (
                0,
                Addresses {
                    peers: nets(&["10.0.0.0/8"]),
                    except: nets(&["10.1.2.0/24"]),
                    ..Addresses::default()
                },
            ),
            (1, Addresses { peers: nets(&["10.1.2.3/32", "fd00::/8"]), ..Addresses::default() }),
            (2, Addresses { except: nets(&["10.1.0.0/16"]), ..Addresses::default() }),
            (3, Addresses { nobody: true, ..Addresses::default() }),
            (4, Addresses { peers: nets(&["0.0.0.0/0"]), ..Addresses::default() }),
        ]
        .into();
        let peers = peers(&wanted);
        assert_eq!(at(&peers, "10.2.0.1"), 0b10101);
        assert_eq!(at(&peers, "10.1.0.1"), 0b10001);
        assert_eq!(at(&peers, "10.1.2.3"), 0b10010);
        assert_eq!(at(&peers, "10.1.2.4"), 0b10000);
        assert_eq!(at(&peers, "192.0.2.1"), 0b10100);
        assert_eq!(at(&peers, "fd12::1"), 0b00110);
        assert_eq!(at(&peers, "2001:db8::1"), 0b00100);
    }

    #[test]
    fn names_know_the_names_above_them() {
        let name = |text: &str| Addresses { name: Some(text.parse().unwrap()), ..Addresses::default() };
        let wanted =
            [(0, name("example.com")), (1, name("*.example.com")), (2, name("a.example.com"))].into();
        let names = names_of(&wanted);
        let of = |text: &str| {
            let (_, rules) =
                names.iter().find(|((bits, _), _)| *bits == 8 * (text.len() as u32 + 2)).unwrap();
            (rules.exact, rules.below)
        };
        assert_eq!(of("example.com"), (0b001, 0b010));
        assert_eq!(of("a.example.com"), (0b110, 0b010));
        assert_eq!(backwards("a.bc"), [0x20, b'c', b'b', 0xa2, b'a', 0xa1]);
    }
}
