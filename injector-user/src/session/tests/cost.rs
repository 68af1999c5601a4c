//! What our programs cost is measured while somebody asks, and not longer.

use std::time::Duration;

use tokio::sync::oneshot;

use super::bench::{bench, root};
use crate::{
    kernel::Program,
    session::{Command, Request},
};

#[test]
fn runs_are_counted_for_a_second_for_all_who_ask() {
    let mut bench = bench();
    let egress = |runs, ns| Program { name: "egress".into(), bytes: 4_096, runs, ns, misses: 3 };
    bench.fake.with(|state| {
        state.own.programs.insert(7, egress(100, 1_000));
        state.own.maps.extend([(1, 4_096), (2, 8_192)]);
    });
    let own = bench.engine.status().own;
    assert_eq!((own.maps, own.maps_bytes, own.programs_bytes, own.missed), (2, 12_288, 4_096, 3));
    assert!(own.rss_bytes > 0 && own.up_seconds > 0.0);
    assert!(bench.calls().is_empty(), "a status counts nothing: {:?}", bench.calls());

    let mut ask = || {
        let (reply, answer) = oneshot::channel();
        bench.engine.request(Request { who: root(), command: Command::Cost(reply) });
        answer
    };
    let (mut one, mut two) = (ask(), ask());
    bench.tick();
    assert!(one.try_recv().is_err(), "it takes a second");
    assert_eq!(bench.calls(), ["count_runs true"]);
    bench.fake.with(|state| state.own.programs.insert(7, egress(200, 6_000)));
    std::thread::sleep(Duration::from_millis(1_001));
    bench.tick();
    let doc = one.try_recv().unwrap().unwrap();
    assert_eq!((doc.programs[0].runs, doc.programs[0].ns_per_run), (100, Some(50.0)));
    assert_eq!(two.try_recv().unwrap().unwrap().programs, doc.programs);
    assert_eq!(bench.calls(), ["count_runs true", "count_runs false"]);

    bench.fake.with(|state| state.failing.insert("own"));
    assert!(ask_once(&mut bench).is_err());
    assert_eq!(bench.calls().last().unwrap(), "count_runs false");
}

fn ask_once(bench: &mut super::bench::Bench) -> Result<crate::api::types::CostDoc, crate::error::Error> {
    bench.ask(&root(), Command::Cost)
}
