//! What a plan says of other faults and of other people's programs.

use super::bench::{DELAY, DROP, bench, with_limits};
use crate::api::types::EndKind;

fn named(json: &str, name: &str) -> String {
    json.replace(r#""for""#, &format!(r#""name":"{name}","for""#))
}

#[test]
fn faults_of_one_stage_are_asked_in_the_order_of_their_places() {
    let mut bench = with_limits("mode: armed\nmax_faults: 16\n");
    bench.host.cgroup("/other");
    for name in ["first", "second", "third"] {
        bench.start(&named(DROP, name)).unwrap();
    }
    bench.start(&named(DELAY, "delay")).unwrap();
    bench.start(&named(&DROP.replace("/app", "/other"), "elsewhere")).unwrap();
    bench.start(&named(&DROP.replace(r#""targets""#, r#""direction":"ingress","targets""#), "in")).unwrap();
    let order = |bench: &mut super::bench::Bench, json| bench.plan(json).unwrap().order;
    assert_eq!(order(&mut bench, DROP), ["asked after: first", "asked after: second", "asked after: third"]);
    assert_eq!(order(&mut bench, DELAY), ["asked after: delay"]);
    bench.engine.end_where(|fault| fault.id == "second", EndKind::Stopped, "test");
    bench.engine.drain();
    assert_eq!(order(&mut bench, DROP), ["asked after: first", "asked before: third"], "its place is free");
}

#[test]
fn who_decides_before_our_filters_is_named() {
    let mut bench = bench();
    let warnings = |bench: &mut super::bench::Bench, json| bench.plan(json).unwrap().warnings;
    let none = warnings(&mut bench, DELAY);
    bench.fake.with(|state| state.foreign = vec!["tcx program cil_from_netdev".into()]);
    let some = warnings(&mut bench, DELAY);
    let said = "on eth0 (egress): tcx program cil_from_netdev may decide before our filters: packets that it ends \
                are not delayed";
    assert!(some.iter().any(|warning| warning == said), "{some:?}");
    assert_eq!(some.len(), none.len() + 2, "once for each of the two interfaces");
    assert!(
        !warnings(&mut bench, DROP).iter().any(|warning| warning.contains("cil_from_netdev")),
        "a tcx program of ours is the first of its chain"
    );
    bench.fake.with(|state| state.failing.insert("foreign"));
    let failing = warnings(&mut bench, DELAY);
    assert!(failing.iter().any(|warning| warning.contains("cannot be told")), "{failing:?}");
}
