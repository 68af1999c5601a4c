//! What the kernel counts of a target's reaction is in the fault's document, and a livelock is said.

use injector_ebpf::reaction::Reaction;

use super::bench::{DROP, bench};

const FAIL: &str =
    r#"{"kind":"fail","syscall":"fsync","errno":"EIO","percent":5,"targets":["cgroup:/app"],"for":"30s"}"#;

#[test]
fn a_livelock_is_said_once_and_counted_as_let_through() {
    let mut bench = bench();
    let id = bench.start(FAIL).unwrap().id;
    bench.fake.with(|state| {
        state.stats.matched = 3000;
        state.stats.acted = 2000;
        state.stats.reaction = Reaction {
            fault: 1,
            livelocks: 2,
            passed_livelock: 1000,
            retried: 1999,
            exited: 1,
            restarted: 1,
            closed: 0,
        };
    });
    bench.tick();
    bench.tick();
    let doc = bench.engine.find(&id).unwrap();
    let did = doc.reaction.unwrap();
    assert_eq!((did.livelocks, did.passed_livelock, did.retried), (2, 1000, 1999));
    assert_eq!((did.exited, did.restarted), (1, 1));
    let gate = doc.achieved.passed_gate;
    assert_eq!((gate.livelock, gate.skbs), (1000, 1000));
    assert_eq!(doc.achieved.rate_percent, Some(100.0), "the dice were not thrown for those that passed");
    let said = doc.notes.iter().filter(|note| note.starts_with("backed off: a thread repeated")).count();
    assert_eq!(said, 1, "{:?}", doc.notes);
}

#[test]
fn packets_have_no_reaction() {
    let mut bench = bench();
    assert_eq!(bench.start(DROP).unwrap().reaction, None);
}
