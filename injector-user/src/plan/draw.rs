//! The frequency of a fault, as the programs read it.

use injector_ebpf::{
    draw::{
        ALWAYS, DRAW_AFTER, DRAW_BURSTS, DRAW_CHANCE, DRAW_EVERY, DRAW_FIRST, DRAW_FLOWS, DRAW_SEEDED,
        DRAW_UP_TO, Draw as Compiled, mix,
    },
    rule::OUTCOMES,
};

use crate::spec::{Count, Draw, FaultSpec, Percent};

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
        Draw::After(n) => with(DRAW_AFTER, [u64::from(n), 0, 0, 0]),
        // The window is a second: the kernel room knows how many ticks that is.
        Draw::PerSecond(n) => with(DRAW_UP_TO, [u64::from(n), 0, 0, 0]),
    }
}

/// With a seed the number of the call decides, and not chance.
pub(super) fn seeded(draw: Compiled, seed: Option<Count>) -> Compiled {
    match seed {
        Some(seed) if draw.kind == DRAW_CHANCE => Compiled { kind: DRAW_SEEDED, seed: seed.get(), ..draw },
        Some(seed) => Compiled { seed: seed.get(), ..draw },
        None => draw,
    }
}

/// What is returned and with which weight, as the rule has it: the words of 32 bits in parts as large as the weights.
pub(super) fn outcomes(values: &[(i32, u32)]) -> ([u32; OUTCOMES - 1], [i32; OUTCOMES]) {
    let (mut shares, mut returns) = ([u32::MAX; OUTCOMES - 1], [0; OUTCOMES]);
    let sum: u64 = values.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut before = 0;
    for (n, (value, weight)) in values.iter().enumerate().take(OUTCOMES) {
        before += u64::from(*weight);
        returns[n] = *value;
        // The last one has what is left: no word is above the largest, and an empty part would begin there.
        if n + 1 < values.len().min(OUTCOMES) {
            shares[n] = u32::try_from((before << 32) / sum.max(1)).unwrap_or(u32::MAX);
        }
    }
    // The words at and above `u32::MAX` are one: with less than all places it is the last one's as well.
    for n in values.len().clamp(1, OUTCOMES)..OUTCOMES {
        returns[n] = returns[n - 1];
    }
    (shares, returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use injector_ebpf::rule::Rule;

    #[test]
    fn outcomes_have_their_weights() {
        let values = [(-5, 70), (-28, 25), (-122, 5)];
        let (shares, returns) = outcomes(&values);
        let rule = Rule { shares, returns, ..Rule::FREE };
        let mut found = [0_u32; 3];
        for n in 0..1_000_000_u32 {
            let returned = rule.outcome(mix(n));
            found[values.iter().position(|(value, _)| *value == returned).unwrap()] += 1;
        }
        for (found, (_, weight)) in found.iter().zip(values) {
            let (n, p) = (1e6, f64::from(weight) / 100.0);
            assert!(
                (f64::from(*found) - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt(),
                "{found} of {weight} %"
            );
        }
        let (shares, returns) = outcomes(&[(-5, 1)]);
        let rule = Rule { shares, returns, ..Rule::FREE };
        assert_eq!([0, 1 << 31, u32::MAX].map(|word| rule.outcome(word)), [-5; 3]);
    }
}
