//! The frequency of a fault, as the programs read it.

use injector_ebpf::draw::{
    ALWAYS, DRAW_BURSTS, DRAW_CHANCE, DRAW_EVERY, DRAW_FIRST, DRAW_FLOWS, Draw as Compiled, mix,
};

use crate::spec::{Draw, FaultSpec, Percent};

/// Every packet.
pub(super) const ALL: Compiled = chance(ALWAYS);

const fn chance(threshold: u64) -> Compiled {
    Compiled { kind: DRAW_CHANCE, threshold, ..Compiled::NEVER }
}

/// The share to begin with: a ramp's first one.
pub(super) fn share(spec: &FaultSpec, percent: Percent) -> Compiled {
    chance(spec.ramp.map_or(percent, |ramp| ramp.from).threshold())
}

/// `slot` makes the choice of flows another one for every rule.
pub(super) fn compile(spec: &FaultSpec, draw: Draw, slot: u32) -> Compiled {
    let with = |kind, params| Compiled { kind, params, ..Compiled::NEVER };
    match draw {
        Draw::Chance(percent) => share(spec, percent),
        Draw::Flows(percent) => Compiled {
            kind: DRAW_FLOWS,
            seed: mix(slot + 1),
            threshold: percent.threshold(),
            ..Compiled::NEVER
        },
        Draw::Bursts(chain) => with(
            DRAW_BURSTS,
            [
                chain.p.threshold(),
                chain.r.threshold(),
                chain.loss_bad.threshold(),
                chain.loss_good.map_or(0, Percent::threshold),
            ],
        ),
        Draw::Every(n) => with(DRAW_EVERY, [u64::from(n), 0, 0, 0]),
        Draw::First(n) => with(DRAW_FIRST, [u64::from(n), 0, 0, 0]),
    }
}
