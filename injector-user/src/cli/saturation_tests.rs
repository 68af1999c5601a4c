use super::*;
use crate::{
    api::types::{OverflowDoc, PeakDoc, PlaceKind},
    observe::saturation::hot,
};

fn full() -> SaturationDoc {
    let mut listener = PlaceDoc::new(PlaceKind::Listener, "10.0.0.1:80");
    listener.cgroup = Some("/app".to_owned());
    listener.gauge("accept_queue", 8, Some(7), Unit::Count);
    listener.overflow("listen_drops", None, 1234);
    let mut cgroup = PlaceDoc::new(PlaceKind::Cgroup, "/app");
    cgroup.gauge("pids", 3, None, Unit::Count);
    cgroup.lacks("memory", "there is no memory.current");
    let places = vec![cgroup, listener];
    let overflows = vec![OverflowDoc {
        place: "/app on 10.0.0.1:80".to_owned(),
        what: "listen_drops".to_owned(),
        of: None,
        count: 34,
    }];
    let peaks = vec![PeakDoc { place: "/app".to_owned(), what: "memory".to_owned(), percent: 99.5 }];
    SaturationDoc {
        at: "2026-01-01T00:00:00Z".to_owned(),
        interval_ms: Some(1000),
        took_us: 2_150,
        hot: hot(&places),
        places,
        faults: vec![OverflowsDoc {
            fault: "drop-7k3".to_owned(),
            since: "2026-01-01T00:00:00Z".to_owned(),
            late_ms: 0,
            ended: false,
            overflows,
            peaks,
        }],
        lost: Default::default(),
        left_out: Vec::new(),
    }
}

#[test]
fn what_is_not_here_is_said_and_is_no_0() {
    let short = lines(&full(), false).join("\n");
    assert!(short.contains("not here: 1 (--all says what, and why)"), "{short}");
    assert!(!short.contains("pids"), "it has no limit: {short}");
    let long = lines(&full(), true).join("\n");
    assert!(long.contains("not here: memory of /app: there is no memory.current"), "{long}");
    assert!(long.contains("pids"), "{long}");
}

#[test]
fn what_is_full_comes_first_and_what_ran_over_is_told_of_its_fault() {
    let lines = lines(&full(), false);
    assert_eq!(lines[1], "saturated: /app on 10.0.0.1:80: accept_queue 8 of 7 (114.3 %)");
    let of = of_fault(&full(), "drop-7k3");
    assert!(of[0].ends_with("where drop-7k3 is:"), "{of:?}");
    assert_eq!(of[1], "    /app on 10.0.0.1:80: listen_drops: 34");
    assert_eq!(of[2], "  fullest: /app memory 99.5 %");
    assert!(of_fault(&full(), "drop-7k4").is_empty());
}
