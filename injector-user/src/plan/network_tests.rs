//! Every fault of the network compiles to exactly this rule.

use injector_ebpf::{
    draw::{ALWAYS, DRAW_ABOVE, DRAW_BURSTS, DRAW_EVERY, DRAW_FIRST, DRAW_FLOWS},
    means::{PROTO_TCP, PROTO_UDP, Ports, SEGMENT_DATA, SEGMENT_FIRST, SEGMENT_LATER, SEGMENT_SYN},
    rule::*,
};

use super::{Plan, Shape, Side, Step, tests::planned};
use crate::spec::Percent;

fn rule(body: &str) -> Rule {
    *plan(body).rule()
}

fn plan(body: &str) -> Plan {
    planned(&format!(r#"{{{body},"targets":["cgroup:/app"]}}"#))
        .unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn refused(body: &str) -> String {
    planned(&format!(r#"{{{body},"targets":["cgroup:/app"]}}"#)).expect_err(body).to_string()
}

#[test]
fn each_kind_has_its_act_and_hooks() {
    let cases = [
        (r#""kind":"drop","every":10"#, ACT_DROP, HOOK_EGRESS),
        (r#""kind":"drop","every":10,"direction":"both""#, ACT_DROP, HOOK_EGRESS | HOOK_CGROUP_INGRESS),
        (r#""kind":"drop","every":10,"local_error":true"#, ACT_DROP, HOOK_CGROUP_EGRESS),
        (r#""kind":"delay","by":"9ms","direction":"both""#, ACT_DEVICE, HOOK_EGRESS | HOOK_INGRESS),
        (r#""kind":"corrupt","percent":1,"direction":"ingress""#, ACT_DEVICE, HOOK_INGRESS),
        (r#""kind":"garble","percent":1"#, ACT_GARBLE, HOOK_EGRESS),
        (r#""kind":"duplicate","percent":1,"direction":"ingress""#, ACT_DUPLICATE, HOOK_INGRESS),
        (r#""kind":"reorder","percent":1"#, ACT_DEVICE, HOOK_EGRESS),
        (r#""kind":"rate","rate":"1mbit""#, ACT_DEVICE, HOOK_EGRESS),
        (r#""kind":"reset","percent":1"#, ACT_RESET, HOOK_EGRESS),
        (r#""kind":"refuse","percent":1,"direction":"ingress""#, ACT_RESET, HOOK_INGRESS),
    ];
    for (body, act, hook) in cases {
        let rule = rule(body);
        assert_eq!((rule.act, rule.hook), (act, hook), "{body}");
    }
    // What takes everything needs a node that allows everything.
    for body in [r#""kind":"partition""#, r#""kind":"blackhole""#] {
        assert!(refused(body).contains("100"), "{body}");
    }
}

#[test]
fn each_draw_has_its_numbers() {
    let draw = |keys: &str| rule(&format!(r#""kind":"drop",{keys}"#)).draw;
    assert_eq!(draw(r#""percent":10"#).threshold, Percent::whole(10).threshold());
    let flows = draw(r#""flows":10"#);
    assert_eq!((flows.kind, flows.threshold), (DRAW_FLOWS, Percent::whole(10).threshold()));
    assert_ne!(flows.seed, 0);
    let bursts = draw(r#""bursts":"1%,25%""#);
    assert_eq!(
        (bursts.kind, bursts.params),
        (DRAW_BURSTS, [Percent::whole(1).threshold(), ALWAYS / 4, ALWAYS, 0])
    );
    assert_eq!((draw(r#""every":7"#).kind, draw(r#""every":7"#).params[0]), (DRAW_EVERY, 7));
    let above = planned(r#"{"kind":"refuse","above":5,"targets":["cgroup:/app"]}"#);
    assert!(above.is_err(), "what may take everything needs a node that allows it");
    assert_eq!(DRAW_FIRST + 1, DRAW_ABOVE);
}

#[test]
fn each_match_is_in_the_rule() {
    let means = |keys: &str| rule(&format!(r#""kind":"drop","every":10,{keys}"#)).means;
    assert_eq!(means(r#""protocol":"udp""#).protocols, PROTO_UDP);
    assert_eq!(means(r#""local_port":"80-90""#).local, Ports { low: 80, high: 90 });
    assert_eq!(means(r#""except":":9000-9100""#).except, Ports { low: 9000, high: 9100 });
    assert_eq!(means(r#""interface":"eth0""#).interface, 2);
    let new = means(r#""connections":"new""#);
    assert_eq!((new.protocols, new.segments), (PROTO_TCP, SEGMENT_SYN));
    assert_eq!(means(r#""connections":"established""#).segments, SEGMENT_LATER);
    let on_one = plan(r#""kind":"drop","every":10,"interface":"eth0""#);
    assert_eq!(on_one.steps(), [Step::Egress { netns: 1, index: 2, link: "eth0".into() }]);
    assert!(refused(r#""kind":"drop","every":10,"interface":"eth7""#).contains("eth7"));
    assert_eq!(rule(r#""kind":"garble","percent":1"#).means.segments, SEGMENT_DATA);
    assert_eq!(rule(r#""kind":"refuse","percent":1"#).means.segments, SEGMENT_FIRST);
}

#[test]
fn peers_exceptions_and_names_go_to_the_tries() {
    let plan =
        plan(r#""kind":"drop","every":10,"peer":["10.0.0.0/8:80","[fd00::1]:80"],"except":"10.1.0.0/16""#);
    assert_eq!(plan.rule().flags & RULE_PEERS, RULE_PEERS);
    assert_eq!(plan.addresses().peers.len(), 2);
    assert_eq!(plan.addresses().except, ["10.1.0.0/16".parse().unwrap()]);
    let lost = refused(r#""kind":"drop","every":10,"peer":"db.internal:5432""#);
    assert!(lost.contains("db.internal"), "{lost}");
}

#[test]
fn dns_is_port_53_whatever_is_protected() {
    let dns = |answer: &str| {
        rule(&format!(r#""kind":"dns","names":"*.example.com","percent":5,"answer":"{answer}""#))
    };
    for (answer, act, rcode) in
        [("nxdomain", ACT_DNS, 3), ("servfail", ACT_DNS, 2), ("empty", ACT_DNS, 0), ("lost", ACT_DROP, 0)]
    {
        let rule = dns(answer);
        assert_eq!((rule.act, rule.rcode, rule.flags & RULE_DNS), (act, rcode, RULE_DNS), "{answer}");
        assert_eq!(rule.means.peer, Ports { low: 53, high: 53 });
        assert_eq!((rule.means.protocols, rule.path_len), (PROTO_UDP, 1), "names stand in UDP only");
    }
    let all = rule(r#""kind":"dns","names":"*","percent":5,"answer":"lost""#);
    assert_eq!((all.means.protocols, all.path_len), (PROTO_UDP | PROTO_TCP, 0));
    let reset = rule(r#""kind":"dns","names":"*","percent":5,"answer":"reset""#);
    assert_eq!((reset.act, reset.means.protocols), (ACT_RESET, PROTO_TCP), "only connections can be reset");
    assert_eq!((reset.means.peer, reset.flags & RULE_DNS), (Ports { low: 53, high: 53 }, RULE_DNS));
}

#[test]
fn devices_have_room_for_what_they_hold_and_no_more_than_is_allowed() {
    let shape = |body: &str| {
        let plan = plan(body);
        plan.steps().iter().find_map(|step| match step {
            Step::Device { shape, side: Side::Egress, .. } => Some(shape.clone()),
            _ => None,
        })
    };
    let Some(Shape::Netem(short)) = shape(r#""kind":"delay","by":"1ms""#) else { panic!("a netem") };
    let Some(Shape::Netem(long)) = shape(r#""kind":"delay","by":"80ms""#) else { panic!("a netem") };
    assert_eq!((short.limit_packets, long.limit_packets), (1_000, 4_000));
    let Some(Shape::Rate { bytes_per_second, burst, .. }) = shape(r#""kind":"rate","rate":"8mbit""#) else {
        panic!("a bucket")
    };
    assert_eq!((bytes_per_second, burst), (1_000_000, 66_000), "lo has packets of 64 KiB");
    let queue = refused(r#""kind":"rate","rate":"1gbit","queue":"128MiB""#);
    assert!(queue.contains("delay_memory") || queue.contains("max_delay"), "{queue}");
    assert!(refused(r#""kind":"rate","rate":"0bit""#).contains('0'));
    let none = refused(r#""kind":"rate","rate":"8mbit","queue":"9000B""#);
    assert!(none.contains("never passes") && none.contains("at least 66000B"), "{none}");
    // Two ways, one limit.
    let limit = |direction: &str| {
        let delay = format!(r#""kind":"delay","by":"1s","direction":"{direction}""#);
        let Some(Shape::Netem(netem)) = shape(&delay) else { panic!("a netem") };
        netem.limit_packets
    };
    assert_eq!(limit("egress") / 2, limit("both"));
}
