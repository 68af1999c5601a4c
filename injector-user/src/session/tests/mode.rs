//! What the node's mode lets begin.

use super::bench::{DROP, SHADOW, with_limits};
use crate::{api::types::EndKind, error::Kind};

#[test]
fn the_mode_decides_what_may_begin_and_a_plan_is_made_in_each() {
    for (mode, real, shadow) in [("observe", false, false), ("shadow", false, true), ("armed", true, true)] {
        let mut bench = with_limits(&format!("mode: {mode}\n"));
        for (json, may) in [(DROP, real), (SHADOW, shadow)] {
            let plan = bench.plan(json).unwrap();
            assert!(!plan.steps.is_empty());
            assert_eq!(plan.blocked.is_none(), may, "{mode}: {:?}", plan.blocked);
            assert!(plan.blocked.is_none_or(|why| why.contains(mode)));
            assert!(bench.calls().is_empty() && bench.is_untouched(), "a plan changes nothing");
            let result = bench.start(json);
            if may {
                assert!(result.is_ok(), "{mode}: {result:?}");
                bench.engine.end_where(|_| true, EndKind::Stopped, "test");
                bench.engine.drain();
                bench.forget();
            } else {
                let error = result.unwrap_err();
                assert_eq!((error.kind, error.limit.as_deref()), (Kind::Refused, Some("mode")));
                assert_eq!(error.allowed.as_deref(), Some(mode));
                assert!(bench.calls().is_empty() && bench.is_untouched());
            }
        }
    }
}

#[test]
fn a_halted_node_plans_and_says_that_it_is_blocked() {
    let mut bench = super::bench::bench();
    bench.engine.halt("pager", &super::bench::root()).unwrap();
    let plan = bench.plan(DROP).unwrap();
    assert!(plan.blocked.unwrap().contains("HALTED"));
}
