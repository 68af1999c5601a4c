//! Faults of the network: hooks, what is done to packets, and which packets.

use std::{collections::BTreeMap, net::IpAddr};

use injector_ebpf::{
    draw::{DRAW_ABOVE, Draw},
    means::{
        Means, PROTO_ICMP, PROTO_TCP, PROTO_UDP, Ports as Range, SEGMENT_DATA, SEGMENT_FIRST, SEGMENT_LATER,
        SEGMENT_SYN,
    },
    rule::{
        ACT_DEVICE, ACT_DNS, ACT_DROP, ACT_DUPLICATE, ACT_GARBLE, ACT_RESET, HOOK_CGROUP_EGRESS,
        HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_INGRESS, RULE_DNS, RULE_PEERS,
    },
};
use ipnet::IpNet;

use super::{
    Addresses, Facts, Plan, Step,
    draw::{self, ALL},
    interfaces,
    shaping::{self, Room},
};
use crate::{
    error::Error,
    spec::{
        Connections, Direction, DnsAnswer, DnsPattern, FaultKind, FaultSpec, Host, Match, Peer, Ports,
        Protocol,
    },
};

/// RFC 1035, section 4.1.1.
const SERVFAIL: u32 = 2;
const NXDOMAIN: u32 = 3;
const DNS: u16 = 53;

/// Fills the plan's rule and steps.
pub(super) fn compile(plan: &mut Plan, slot: u32, facts: &Facts<'_>) -> Result<(), Error> {
    let spec = plan.spec.clone();
    plan.rule.means = means(&spec.matching);
    plan.rule.draw = draws(&spec, slot);
    plan.addresses = addresses(&spec.matching, facts.names)?;
    interface(plan, &spec.matching, facts)?;
    acts(plan, &spec.fault);
    if plan.addresses.by_peer() {
        plan.rule.flags |= RULE_PEERS;
    }
    let direction = spec.fault.direction();
    match &spec.fault {
        FaultKind::Drop { local_error: true, .. } => {
            plan.rule.hook = HOOK_CGROUP_EGRESS;
            plan.steps.extend(plan.roots.iter().map(|root| Step::CgroupEgress { cgroup: root.clone() }));
            Ok(())
        }
        _ if plan.rule.act == ACT_DROP => lose(plan, slot, direction, facts),
        _ => change(plan, slot, direction, facts),
    }
}

fn draws(spec: &FaultSpec, slot: u32) -> Draw {
    match &spec.fault {
        // The window is a second: the kernel room knows how many ticks that is.
        FaultKind::Refuse { above: Some(above), .. } => {
            Draw { kind: DRAW_ABOVE, params: [u64::from(*above), 0, 0, 0], ..Draw::NEVER }
        }
        fault => fault.draw().map_or(ALL, |draw| draw::compile(spec, draw, slot)),
    }
}

/// What is done, and what that asks of a packet.
fn acts(plan: &mut Plan, fault: &FaultKind) {
    let rule = &mut plan.rule;
    rule.act = match fault {
        FaultKind::Delay { .. }
        | FaultKind::Corrupt { .. }
        | FaultKind::Reorder { .. }
        | FaultKind::Rate { .. } => ACT_DEVICE,
        FaultKind::Garble { .. } => {
            rule.means.segments |= SEGMENT_DATA;
            ACT_GARBLE
        }
        FaultKind::Duplicate { .. } => ACT_DUPLICATE,
        FaultKind::Blackhole { .. } => {
            rule.means.segments |= SEGMENT_FIRST;
            ACT_DROP
        }
        FaultKind::Reset { .. } => ACT_RESET,
        FaultKind::Refuse { .. } => {
            rule.means.segments |= SEGMENT_FIRST;
            ACT_RESET
        }
        FaultKind::Dns { names, answer, .. } => {
            let act = dns(rule, *answer);
            if let Some(name) = names.first().filter(|name| **name != DnsPattern::All) {
                rule.path_len = 1;
                plan.addresses.name = Some(name.clone());
            }
            rule.means.protocols = match act {
                ACT_RESET => PROTO_TCP,
                ACT_DROP | ACT_DEVICE if rule.path_len == 0 => rule.means.protocols,
                _ => PROTO_UDP,
            };
            act
        }
        _ => ACT_DROP,
    };
    if fault.is_tcp() {
        rule.means.protocols = PROTO_TCP;
    }
}

fn dns(rule: &mut injector_ebpf::rule::Rule, answer: DnsAnswer) -> u32 {
    rule.flags |= RULE_DNS;
    rule.means.peer = Range { low: DNS, high: DNS };
    if rule.means.protocols == 0 {
        rule.means.protocols = PROTO_UDP | PROTO_TCP;
    }
    rule.rcode = match answer {
        DnsAnswer::Nxdomain => NXDOMAIN,
        DnsAnswer::Servfail => SERVFAIL,
        DnsAnswer::Lost | DnsAnswer::Delayed | DnsAnswer::Empty | DnsAnswer::Reset => 0,
    };
    match answer {
        DnsAnswer::Lost => ACT_DROP,
        DnsAnswer::Delayed => ACT_DEVICE,
        DnsAnswer::Reset => ACT_RESET,
        DnsAnswer::Nxdomain | DnsAnswer::Servfail | DnsAnswer::Empty => ACT_DNS,
    }
}

pub(super) fn means(matching: &Match) -> Means {
    let range = |ports: Option<Ports>| ports.map_or(Range::ANY, |p| Range { low: p.low, high: p.high });
    let (protocols, segments) = match (matching.protocol, matching.connections) {
        (_, Some(Connections::New)) => (PROTO_TCP, SEGMENT_SYN),
        (_, Some(Connections::Established)) => (PROTO_TCP, SEGMENT_LATER),
        (None, None) => (0, 0),
        (Some(Protocol::Tcp), None) => (PROTO_TCP, 0),
        (Some(Protocol::Udp), None) => (PROTO_UDP, 0),
        (Some(Protocol::Icmp), None) => (PROTO_ICMP, 0),
    };
    Means {
        protocols,
        segments,
        peer: range(matching.peer_ports()),
        local: range(matching.local_port),
        except: range(matching.except_ports()),
        interface: 0,
    }
}

/// Networks of peers and exceptions; names by what was found for them.
pub fn addresses(matching: &Match, names: &BTreeMap<String, Vec<IpAddr>>) -> Result<Addresses, Error> {
    let nets = |peers: &[Peer]| -> Result<Vec<IpNet>, Error> {
        let mut nets = Vec::new();
        for peer in peers {
            match &peer.host {
                Host::Any => {}
                Host::Net(net) => nets.push(*net),
                Host::Name(name) => match names.get(name.as_str()) {
                    Some(found) => nets.extend(found.iter().copied().map(IpNet::from)),
                    None => {
                        return Err(Error::failed(format!("the name {} was not resolved", name.as_str()))
                            .hint("give an address, or look at the node's resolver"));
                    }
                },
            }
        }
        nets.sort();
        nets.dedup();
        Ok(nets)
    };
    let peers = nets(&matching.peer)?;
    let named = matching.peer.iter().any(|peer| peer.host != Host::Any);
    Ok(Addresses { nobody: named && peers.is_empty(), peers, except: nets(&matching.except)?, name: None })
}

/// The interface that was asked for: its index is part of the rule.
fn interface(plan: &mut Plan, matching: &Match, facts: &Facts<'_>) -> Result<(), Error> {
    let Some(asked) = &matching.interface else { return Ok(()) };
    let found: Vec<u32> = facts
        .sites
        .iter()
        .flat_map(|site| &site.links)
        .filter(|(_, link)| link == asked.as_str())
        .map(|(index, _)| *index)
        .collect();
    match found.as_slice() {
        [] => {
            let there: Vec<&str> =
                facts.sites.iter().flat_map(|site| &site.links).map(|(_, link)| link.as_str()).collect();
            Err(Error::usage(format!("the target has no interface {} that is up", asked.as_str()))
                .hint(format!("there is {}", there.join(", "))))
        }
        [index, rest @ ..] if rest.iter().all(|other| other == index) => {
            plan.rule.means.interface = *index;
            Ok(())
        }
        _ => Err(Error::usage(format!(
            "{} is another interface in each of the target's namespaces",
            asked.as_str()
        ))
        .hint("name a target that is in one namespace")),
    }
}

fn lose(plan: &mut Plan, slot: u32, direction: Direction, facts: &Facts<'_>) -> Result<(), Error> {
    facts.capabilities.drop.as_ref().map_err(|why| super::compile::incapable("drop packets", why))?;
    if direction.egress() {
        plan.rule.hook |= HOOK_EGRESS;
        plan.steps.extend(interfaces::steps(plan, slot, facts.sites, facts.protection));
    }
    if direction.ingress() {
        plan.rule.hook |= HOOK_CGROUP_INGRESS;
        plan.steps.extend(plan.roots.iter().map(|root| Step::CgroupIngress { cgroup: root.clone() }));
    }
    Ok(())
}

/// What is done at tc, on the way out and in: by the main program, and by a device of ours behind it.
fn change(plan: &mut Plan, slot: u32, direction: Direction, facts: &Facts<'_>) -> Result<(), Error> {
    facts.capabilities.drop.as_ref().map_err(|why| super::compile::incapable("change packets", why))?;
    let mut links =
        facts.sites.iter().flat_map(|site| interfaces::links(site, &plan.spec.matching, facts.protection));
    let loopback = links.any(|(_, link)| link == "lo");
    // The limit is for the fault, which has a device for each way in each namespace.
    let devices = (usize::from(direction.egress()) + usize::from(direction.ingress())) * facts.sites.len();
    let memory = facts.limits.delay_memory.get() / u64::try_from(devices.max(1)).unwrap_or(u64::MAX);
    let room = Room { memory, loopback };
    plan.shape = shaping::shape(&plan.spec.fault, &room)?;
    if let Some(shape) = &plan.shape {
        facts.capabilities.device(shape).map_err(|(what, why)| super::compile::incapable(what, why))?;
    }
    for (asked, hook) in [(direction.egress(), HOOK_EGRESS), (direction.ingress(), HOOK_INGRESS)] {
        if asked {
            plan.rule.hook |= hook;
        }
    }
    plan.steps.extend(interfaces::steps(plan, slot, facts.sites, facts.protection));
    Ok(())
}
