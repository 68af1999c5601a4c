//! A share that is raised step by step.

use super::bench::{Bench, bench, root};
use crate::{session::Command, spec::Percent};

/// Twenty steps in twenty ticks.
const RAMP: &str = r#"{"kind":"drop","ramp":"1%..20%/2s","targets":["cgroup:/app"],"for":"1m"}"#;

fn threshold(bench: &Bench) -> u64 {
    bench.fake.with(|state| state.rules[&0].draw.threshold)
}

fn percent(percent: u8) -> u64 {
    Percent::whole(percent).threshold()
}

#[test]
fn it_goes_up_with_ticks_and_never_above_its_end() {
    let mut bench = bench();
    let doc = bench.start(RAMP).unwrap();
    assert_eq!((threshold(&bench), doc.percent_now), (percent(1), Some(1.0)));
    let mut before = threshold(&bench);
    for tick in 1..=40 {
        bench.tick();
        let now = threshold(&bench);
        assert!(now >= before && now <= percent(20), "tick {tick}: {now}");
        assert!(tick > 20 || now > before, "tick {tick}");
        before = now;
    }
    assert_eq!(before, percent(20));
    assert_eq!(bench.engine.find(&doc.id).unwrap().percent_now, Some(20.0));
}

#[test]
fn requests_do_not_take_it_up() {
    let mut bench = bench();
    bench.start(RAMP).unwrap();
    bench.tick();
    let before = threshold(&bench);
    for _ in 0..50 {
        bench.ask(&root(), Command::Status).unwrap();
        assert!(bench.start(r#"{"kind":"drop","percent":90,"targets":["cgroup:/app"]}"#).is_err());
        assert!(bench.engine.arm("nobody", &root()).is_err());
    }
    assert_eq!(threshold(&bench), before);
}

#[test]
fn it_waits_while_the_control_group_is_hurt() {
    let mut bench = bench();
    let second = |bench: &mut Bench, us: u32| {
        bench.fake.with(|state| state.control.rtt[injector_ebpf::hist::bucket(us)] += 300);
        bench.engine.watch_control();
    };
    for _ in 0..10 {
        second(&mut bench, 2_000);
    }
    bench.start(RAMP).unwrap();
    bench.tick();
    second(&mut bench, 20_000);
    assert!(bench.engine.faults[0].control_verdict.starts_with("hurt"));
    let before = threshold(&bench);
    for _ in 0..5 {
        bench.tick();
    }
    assert_eq!(threshold(&bench), before, "hurt");
    second(&mut bench, 2_000);
    bench.tick();
    assert!(threshold(&bench) > before, "calm again");
}

#[test]
fn a_shadow_stays_at_its_first_share_and_begins_there() {
    let mut bench = bench();
    let id = bench.start(&RAMP.replace(r#""for""#, r#""shadow":true,"for""#)).unwrap().id;
    for _ in 0..10 {
        bench.tick();
    }
    assert_eq!(threshold(&bench), percent(1));
    bench.engine.arm(&id, &root()).unwrap();
    assert_eq!(threshold(&bench), percent(1));
    bench.tick();
    assert!(threshold(&bench) > percent(1));
}

#[test]
fn a_step_that_the_kernel_refuses_is_taken_later() {
    let mut bench = bench();
    let id = bench.start(RAMP).unwrap().id;
    bench.fake.with(|state| state.failing.insert("change_rule"));
    bench.tick();
    assert_eq!(bench.engine.find(&id).unwrap().percent_now, Some(1.0), "what the kernel has is shown");
    bench.fake.with(|state| state.failing.clear());
    bench.tick();
    assert!(threshold(&bench) > percent(1));
}
