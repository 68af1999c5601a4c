//! What is looked at beside the calls that fail: what passes by their entry, and whether a descriptor is closed afterwards.

use injector_ebpf::rule::RULE_CLOSES;
use syscalls::Sysno;

use super::{Capabilities, Plan, Step, rings, rungs::Wanted};
use crate::spec::{Rung, arguments};

/// What this kernel lets us see; else why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// The calls of 32-bit programs, which have entries of their own.
    pub compat: Result<(), String>,
    /// What is asked of io_uring.
    pub rings: Result<(), String>,
    /// Descriptors that are closed.
    pub closes: Result<(), String>,
}

impl Watching {
    /// Nothing, for this reason.
    pub fn none(why: &str) -> Self {
        let none = || Err(why.to_owned());
        Self { compat: none(), rings: none(), closes: none() }
    }
}

/// Adds what looks to the plan's steps, and says what is seen and what is not.
pub(super) fn compile(plan: &mut Plan, wanted: &Wanted<'_>, rung: Rung, kernel: &Capabilities) {
    let watching = &kernel.watching;
    if matches!(rung, Rung::Kprobe | Rung::ModifyReturn) {
        let line = match &watching.compat {
            Ok(()) => {
                let calls = wanted.calls.iter().map(|call| call.name().to_owned()).collect();
                plan.steps.push(Step::Compat { calls });
                "misses: the calls of 32-bit programs pass by, and are counted (compat), whatever else was asked".to_owned()
            }
            Err(why) => format!("misses: the calls of 32-bit programs pass by uncounted: {why}"),
        };
        plan.semantics.push(line);
        let asked = wanted.calls.iter().any(|call| rings::has(*call));
        plan.semantics.push(match &watching.rings {
            _ if !asked => "misses: nothing by io_uring, which can't be asked for these calls".to_owned(),
            Ok(()) => {
                plan.steps.push(Step::Rings);
                "misses: what is asked of io_uring passes by, and is counted by its operation (io_uring), whatever else \
                 was asked"
                    .to_owned()
            }
            Err(why) => format!("misses: what is asked of io_uring passes by uncounted: {why}"),
        });
    }
    if rung == Rung::Cgroup || !wanted.calls.iter().any(|call| has_descriptor(*call)) {
        return;
    }
    match &watching.closes {
        Ok(()) => {
            plan.steps.push(Step::Closes);
            plan.rule.flags |= RULE_CLOSES;
        }
        Err(why) => {
            plan.closes_unseen = true;
            plan.semantics
                .push(format!("not seen: whether the descriptor is closed after a failed call: {why}"));
        }
    }
}

/// One that the target may close because the call failed. A `close` that fails is none.
fn has_descriptor(call: Sysno) -> bool {
    call.name() != "close" && arguments(call.name()).fd.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{able, fail, plan};

    fn all() -> Capabilities {
        let watching = Watching { compat: Ok(()), rings: Ok(()), closes: Ok(()) };
        Capabilities { modify_return: Ok(()), security: Ok(()), cgroup: Ok(()), watching, ..able() }
    }

    fn watched(plan: &Plan) -> Vec<&Step> {
        plan.steps().iter().filter(|step| !matches!(step, Step::Call { .. })).collect()
    }

    #[test]
    fn what_passes_by_the_entry_is_counted() {
        for rung in ["kprobe", "fmod-ret"] {
            let fsync = plan(&fail("fsync", &format!(r#""rung":"{rung}","#)), &all()).unwrap();
            let compat = Step::Compat { calls: vec!["fsync".into(), "fdatasync".into()] };
            assert_eq!(watched(&fsync), [&compat, &Step::Rings, &Step::Closes]);
            let said = |what: &str| fsync.semantics.iter().any(|line| line.contains(what));
            assert!(said("32-bit programs pass by, and are counted") && said("counted by its operation"));
        }
        let random = plan(&fail("getrandom", ""), &all()).unwrap();
        assert_eq!(watched(&random), [&Step::Compat { calls: vec!["getrandom".into()] }]);
        assert!(random.semantics.iter().any(|line| line.contains("nothing by io_uring")));
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        let fsync = plan(&fail("fsync", ""), &Capabilities { watching: Watching::none("no eyes"), ..all() });
        let fsync = fsync.unwrap();
        assert!(watched(&fsync).is_empty() && fsync.closes_unseen());
        let said = |what: &str| fsync.semantics.iter().any(|line| line.contains(what));
        assert!(said("32-bit programs pass by uncounted: no eyes"), "{:?}", fsync.semantics);
        assert!(said("io_uring passes by uncounted: no eyes") && said("descriptor is closed"));
    }

    #[test]
    fn a_closed_descriptor_is_looked_for_where_there_is_one() {
        let closes = |call: &str, rung: &str| {
            let plan = plan(&fail(call, &format!(r#""rung":"{rung}","#)), &all()).unwrap();
            let step = plan.steps().contains(&Step::Closes);
            assert_eq!(step, plan.rule().flags & RULE_CLOSES != 0);
            assert!(!plan.closes_unseen());
            step
        };
        assert!(closes("read", "lsm") && closes("read", "security") && closes("fsync", "kprobe"));
        assert!(!closes("close", "kprobe") && !closes("mkdir", "lsm") && !closes("connect", "cgroup"));
    }
}
