//! What is attached to observe, beside the programs on cgroups.

use anyhow::{Context as _, Result};
use aya::programs::{BtfTracePoint, LinkOrder, SchedClassifier, TcAttachType, tc::TcAttachOptions};
use injector_ebpf::{flow::Rest, names};

use super::Real;
use crate::kernel::{
    net::{self, Netns, Rtnl},
    object::Object,
};

/// Observes round trips, retransmits and ends of TCP on the whole host, or no more.
pub(super) fn probe(real: &mut Real, on: bool) -> Result<()> {
    if on != real.probes.is_empty() {
        return Ok(());
    }
    real.probes.clear();
    if !on {
        return Ok(());
    }
    let mut probes = Vec::new();
    for name in [names::TCP_PROBE, names::TCP_RETRANSMIT, names::TCP_STATE] {
        real.object.load_program(name)?;
        let program: &mut BtfTracePoint = real.object.program(name)?.try_into()?;
        let id = program.attach().with_context(|| format!("attaching {name}"))?;
        probes.push(program.take_link(id)?);
    }
    real.probes = probes;
    Ok(())
}

/// Packets at interfaces that no flow counts, by reason, over all CPUs.
pub(super) fn rest(object: &mut Object) -> Result<Vec<Rest>> {
    let map = object.per_cpu::<Rest>(names::REST)?;
    (0..injector_ebpf::flow::RESTS as u32)
        .map(|reason| {
            let mut sum = Rest::default();
            for cpu in map.get(&reason, 0)?.iter() {
                sum.packets += cpu.packets;
                sum.bytes += cpu.bytes;
            }
            Ok(sum)
        })
        .collect()
}

impl Real {
    /// Whether every cgroup's flows are observed. What they leave is counted where programs can hang on an interface by
    /// a link of their own (tcx): with a qdisc it would stay when we die.
    pub(super) fn observe_all(&mut self, all: bool) -> Result<()> {
        if all != self.all {
            let mut words = self.object.array::<u64>(names::GENERATION)?;
            words.set(1, u64::from(all), 0)?;
            self.said.1 += 1;
            words.set(0, self.said.1, 0)?;
            self.all = all;
        }
        if !all || !self.capabilities.tcx {
            self.rest.clear();
            return Ok(());
        }
        let links = Rtnl::open(&Netns::current()?)?.links()?;
        let ours = |name: &str| net::instance_of_device(name).is_some();
        let up: Vec<String> =
            links.into_iter().filter(|link| link.up && !ours(&link.name)).map(|link| link.name).collect();
        self.rest.retain(|name, _| up.contains(name));
        for name in up {
            if !self.rest.contains_key(&name) {
                let both = [
                    hang(&mut self.object, &name, names::REST_TX, TcAttachType::Egress)?,
                    hang(&mut self.object, &name, names::REST_RX, TcAttachType::Ingress)?,
                ];
                self.rest.insert(name, both);
            }
        }
        Ok(())
    }
}

fn hang(
    object: &mut Object,
    link: &str,
    name: &str,
    side: TcAttachType,
) -> Result<aya::programs::tc::SchedClassifierLink> {
    object.load_program(name)?;
    let program: &mut SchedClassifier = object.classifier(name)?;
    // In front of whoever redirects or drops: the interface has counted the packet, or will.
    let options = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = program.attach_with_options(link, side, options).with_context(|| format!("{name} on {link}"))?;
    Ok(program.take_link(id)?)
}
