//! What is measured: a program, the state it finds, and what it must have counted for the figure to be one of
//! that state.

use injector_ebpf::{
    names,
    rule::{HOOK_CALL, HOOK_CGROUP_INGRESS, HOOK_EGRESS, MAX_RULES},
};

/// Answers of tc programs: the packet goes on.
const TC_NEXT: u32 = u32::MAX;

/// Which rules mean our cgroup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// It is not known; others are.
    Unknown,
    /// So many, each for another peer.
    OtherPeer(u32),
    /// So many, each for other ports of any peer.
    OtherPort(u32),
    /// One, for our peer, of which no draw is ever below the threshold.
    Never,
}

/// What a run of the program counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub halted: u64,
    pub lapsed: u64,
    pub other: u64,
    pub matched: u64,
    pub passed_chance: u64,
}

pub struct Case {
    pub name: &'static str,
    pub program: &'static str,
    /// What the program answers.
    pub answer: u32,
    pub hook: u32,
    pub halted: bool,
    pub lease: bool,
    pub rules: Rules,
    /// How many other cgroups are known.
    pub cgroups: u64,
    /// What so many runs in a row count.
    pub counts: fn(u64) -> Counted,
    /// The case that has one rule or few cgroups where this one has many.
    pub few: Option<&'static str>,
    /// No rule matches: the promise of under 40 ns is for these.
    pub promised: bool,
}

/// In front of everything else: what a run costs in which the program does nothing.
pub const EMPTY: usize = 0;

const OTHER_PEER: &str = "loss at egress: 1 rule, other peer";
const OTHER_PORT: &str = "loss at egress: 1 rule, other port";

pub fn all() -> Vec<Case> {
    let nothing: fn(u64) -> Counted = |_| Counted::default();
    let base = Case {
        name: "empty program",
        program: names::EMPTY_TC,
        answer: TC_NEXT,
        hook: HOOK_EGRESS,
        halted: false,
        lease: true,
        rules: Rules::Unknown,
        cgroups: 16,
        counts: nothing,
        few: None,
        promised: false,
    };
    let loss = |name, rules| Case { name, rules, program: names::EGRESS, promised: true, ..base };
    let stub = |name, rules| Case { name, rules, program: names::EGRESS_STUB, promised: true, ..base };
    let selector = |name| Case { name, program: "inj_to_dev0", answer: 0, promised: true, ..base };
    let ingress = |name, rules| Case {
        name,
        rules,
        program: names::INGRESS_DROP,
        answer: 1,
        hook: HOOK_CGROUP_INGRESS,
        ..base
    };
    vec![
        Case { ..base },
        Case {
            halted: true,
            counts: |n| Counted { halted: n, ..Counted::default() },
            ..loss("loss at egress: halted", Rules::Unknown)
        },
        Case {
            lease: false,
            counts: |n| Counted { lapsed: n, ..Counted::default() },
            ..loss("loss at egress: lease lapsed", Rules::Unknown)
        },
        loss("loss at egress: cgroup not known", Rules::Unknown),
        loss(OTHER_PEER, Rules::OtherPeer(1)),
        Case {
            promised: false,
            few: Some(OTHER_PEER),
            ..loss("loss at egress: 16 rules, other peers", Rules::OtherPeer(MAX_RULES as u32))
        },
        Case { promised: false, ..loss(OTHER_PORT, Rules::OtherPort(1)) },
        Case {
            promised: false,
            few: Some(OTHER_PORT),
            ..loss("loss at egress: 16 rules, other ports", Rules::OtherPort(MAX_RULES as u32))
        },
        Case {
            promised: false,
            few: Some(OTHER_PEER),
            cgroups: 200,
            ..loss("loss at egress: 1 rule, other peer, 200 cgroups", Rules::OtherPeer(1))
        },
        // The kernel runs one packet again and again, and this program draws once for each packet.
        Case {
            promised: false,
            counts: |_| Counted { matched: 1, passed_chance: 1, ..Counted::default() },
            ..loss("loss at egress: rule matches, drawn before", Rules::Never)
        },
        stub("loss by clsact stub: cgroup not known", Rules::Unknown),
        stub("loss by clsact stub: 1 rule, other peer", Rules::OtherPeer(1)),
        selector("filter to a device: not selected"),
        ingress("loss at ingress: cgroup not known", Rules::Unknown),
        ingress("loss at ingress: 1 rule, other peer", Rules::OtherPeer(1)),
        Case {
            counts: |n| Counted { matched: n, passed_chance: n, ..Counted::default() },
            ..ingress("loss at ingress: rule matches, threshold 0", Rules::Never)
        },
    ]
}

/// Calls, in front of all the empty program. Their entry is measured by a twin of it, which is never attached.
pub fn calls() -> Vec<Case> {
    let base = Case {
        name: "empty program, for calls",
        program: names::MEASURED_NOTHING,
        answer: 0,
        hook: HOOK_CALL,
        halted: false,
        lease: true,
        rules: Rules::Unknown,
        cgroups: 16,
        counts: |_| Counted::default(),
        few: None,
        promised: false,
    };
    let call = |name| Case { name, program: names::MEASURED, promised: true, ..base };
    vec![
        Case { ..base },
        Case {
            halted: true,
            counts: |n| Counted { halted: n, ..Counted::default() },
            ..call("call at its entry: halted")
        },
        call("call at its entry: cgroup not known"),
    ]
}
