use injector_ebpf::draw::{ALWAYS, DRAW_BURSTS, Draw as Compiled, mix};

use super::*;
use crate::api::types::Fidelity;

fn spec(fault: &str) -> FaultSpec {
    let json = format!(r#"{{{fault}, "targets": ["cgroup:/app"], "for": "30s"}}"#);
    FaultSpec::from_json(json.as_bytes()).unwrap()
}

fn stats(acted: u64, passed_chance: u64) -> RuleStats {
    RuleStats { matched: acted + passed_chance, acted, passed_chance, ..RuleStats::ZERO }
}

fn verdict(fault: &str, acted: u64, passed: u64) -> (Option<f64>, Option<Fidelity>) {
    let doc = achieved(&spec(fault), &stats(acted, passed));
    (doc.asked_percent, doc.verdict)
}

#[test]
fn every_way_to_draw_has_its_own_asked_rate() {
    let within = Some(Fidelity::Within);
    let drop = |draw: &str| verdict(&format!(r#""kind": "drop", {draw}"#), 50, 950);
    assert_eq!(drop(r#""percent": 5"#), (Some(5.0), within));
    assert_eq!(drop(r#""percent": 50"#), (Some(50.0), Some(Fidelity::Off)));
    assert_eq!(drop(r#""every": 20"#), (Some(5.0), within));
    assert_eq!(drop(r#""first": 50"#), (None, None));
    assert_eq!(drop(r#""flows": 20"#), (Some(20.0), None), "one flow may be nearly all packets");
    assert_eq!(drop(r#""ramp": "1%..20%/10s""#), (None, None), "it was another one at every moment");
    assert_eq!(verdict(r#""kind": "refuse", "above": 5"#, 50, 950), (None, None));
    assert_eq!(verdict(r#""kind": "partition""#, 1000, 0), (Some(100.0), within));
    assert_eq!(verdict(r#""kind": "partition""#, 999, 1), (Some(100.0), Some(Fidelity::Off)));
    assert_eq!(verdict(r#""kind": "delay", "by": "1ms""#, 1000, 0), (Some(100.0), within));
    let doc = achieved(&spec(r#""kind": "drop", "percent": 5"#), &RuleStats::ZERO);
    assert_eq!((doc.rate_percent, doc.interval_percent, doc.verdict), (None, None, None));
    let flows = achieved(&spec(r#""kind": "drop", "flows": 20"#), &stats(50, 950));
    assert_eq!((flows.rate_percent, flows.interval_percent), (Some(5.0), None));
}

#[test]
fn parts_are_told_apart() {
    let counted = RuleStats {
        matched: 100,
        matched_wire: 200,
        matched_bytes: 9_000,
        acted: 10,
        acted_wire: 20,
        acted_bytes: 900,
        passed_chance: 50,
        passed_deadline: 1,
        passed_budget: 2,
        passed_rate: 8,
        passed_protected: 29,
        failed: 3,
        ..RuleStats::ZERO
    };
    let doc = achieved(&spec(r#""kind": "reset", "percent": 15"#), &counted);
    assert_eq!(doc.matched, AmountDoc { skbs: 100, wire: Some(200), bytes: Some(9_000) });
    assert_eq!(doc.acted, AmountDoc { skbs: 10, wire: Some(20), bytes: Some(900) });
    assert_eq!((doc.passed_chance.skbs, doc.failed.skbs), (50, 3));
    let gate = PassedDoc { skbs: 40, deadline: 1, budget: 2, rate: 8, protected: 29, livelock: 0 };
    assert_eq!(doc.passed_gate, gate);
    // 7 of 70 that were drawn: neither what came after its time nor what is protected; what failed was drawn.
    assert_eq!(doc.rate_percent.unwrap().round(), 10.0);
    let calls =
        achieved(&spec(r#""kind": "fail", "syscall": "open", "errno": "EIO", "percent": 5"#), &counted);
    assert_eq!(calls.acted, AmountDoc { skbs: 10, wire: None, bytes: None });
}

/// Packets that the fault could not change came through unharmed.
#[test]
fn what_failed_is_no_hit() {
    let counted = |failed| RuleStats { failed, ..stats(500, 9_500) };
    let doc = |failed| achieved(&spec(r#""kind": "garble", "percent": 5"#), &counted(failed));
    assert_eq!((doc(0).rate_percent, doc(0).verdict), (Some(5.0), Some(Fidelity::Within)));
    assert_eq!((doc(500).rate_percent, doc(500).verdict), (Some(0.0), Some(Fidelity::Off)));
    assert_eq!(doc(501).rate_percent, Some(0.0), "read at different moments");
}

#[test]
fn a_shadows_rate_is_what_it_would_have_done() {
    let counted = RuleStats { shadow: 51, ..stats(0, 949) };
    let doc = achieved(&spec(r#""kind": "drop", "percent": 5, "shadow": true"#), &counted);
    assert_eq!(doc.verdict, Some(Fidelity::Within));
    assert!((doc.rate_percent.unwrap() - 5.1).abs() < 1e-9);
}

#[test]
fn the_inflation_of_a_plain_chain_is_the_known_one() {
    let of = |text: &str| inflation(&text.parse::<Gilbert>().unwrap());
    assert!((of("1%,9%") - 1.9 / 0.1).abs() < 1e-9);
    // Half of what is lost in the bad state: by chance.
    assert!(of("1%,9%,50%") < of("1%,9%") && of("1%,9%,50%") > 1.0);
    assert_eq!(of("1%,9%,50%,50%"), 1.0, "the states do not differ");
    assert_eq!(of("100%,100%"), 1.0);
    assert_eq!(of("50%,50%"), 1.0, "each packet by itself");
}

/// The kernel's own chain, run with random numbers that are the same every time: the spread of many means is what was
/// computed, and the verdict that independent draws would get is wrong for some.
#[test]
fn means_of_the_kernels_chain_spread_as_computed() {
    const N: u64 = 4_000;
    for text in ["1%,9%", "2%,30%,60%", "5%,10%,90%,5%"] {
        let chain: Gilbert = text.parse().unwrap();
        let threshold =
            |percent: Option<crate::spec::Percent>| percent.map_or(0, |percent| percent.threshold());
        let params = [Some(chain.p), Some(chain.r), Some(chain.loss_bad), chain.loss_good].map(threshold);
        assert!(params.iter().all(|threshold| *threshold <= ALWAYS));
        let draw = Compiled { kind: DRAW_BURSTS, params, ..Compiled::NEVER };
        let mut seed = 1_u32;
        let mut random = || {
            seed = seed.wrapping_add(0x9e37_79b9);
            mix(seed)
        };
        let mut mean = || {
            let (mut state, mut hits) = (0, 0);
            for _ in 0..N {
                let outcome = draw.take(state, [random(), random()], 0, 0);
                state = outcome.state;
                hits += u64::from(outcome.acts);
            }
            hits
        };
        let spec = spec(&format!(r#""kind": "drop", "bursts": "{text}""#));
        let share = chain.share();
        let mut squares = 0.0;
        for _ in 0..300 {
            let hits = mean();
            squares += (hits as f64 / N as f64 - share).powi(2);
            let doc = achieved(&spec, &stats(hits, N - hits));
            assert_eq!(doc.verdict, Some(Fidelity::Within), "{text}: {doc:?}");
        }
        let (found, expected) = (squares / 300.0, share * (1.0 - share) / N as f64 * inflation(&chain));
        // The variance of 300 means is known to 8 %: four times that.
        assert!((found / expected - 1.0).abs() < 0.33, "{text}: {found} for {expected}");
    }
}
