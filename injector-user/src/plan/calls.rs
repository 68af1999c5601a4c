//! How system calls are made to fail on this kernel: by the best rung that it has, or the one that was asked for.

use injector_ebpf::rule::{
    CALLS, HOOK_CALL, HOOK_CGROUP_CALL, HOOK_LSM, HOOK_OPEN_LSM, HOOK_OPEN_SECURITY, HOOK_SECURITY,
};
use syscalls::Sysno;

use super::{Capabilities, Plan, Step, compile::incapable, hooks, rungs::Wanted, watching};
use crate::{
    error::Error,
    spec::{Rung, SyscallName},
};

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub name: SyscallName,
    /// Those of it that have what they are told apart by.
    pub calls: &'a [Sysno],
    pub exact: bool,
    pub by_path: bool,
    pub rung: Option<Rung>,
}

/// Fills in which calls, by which rung, and what that means.
pub(super) fn compile(plan: &mut Plan, asked: Asked<'_>, kernel: &Capabilities) -> Result<(), Error> {
    let Asked { name, exact, by_path, rung, .. } = asked;
    let calls: Vec<Sysno> =
        asked.calls.iter().filter(|call| !kernel.missing_calls.contains(call.name())).copied().collect();
    if calls.is_empty() {
        return Err(incapable(&format!("fail {name}"), "it has no such call"));
    }
    for call in &calls {
        let number = call.id() as usize;
        if number >= CALLS {
            return Err(incapable(&format!("fail {call}"), "its number is larger than the tool knows"));
        }
        plan.rule.calls[number / 64] |= 1 << (number % 64);
    }
    let wanted = Wanted {
        name,
        calls: &calls,
        exact,
        by_path,
        short: plan.rule.returns.contains(&0),
        asks: plan.rule.call.asks,
    };
    let (rung, why) = wanted.choose(rung, kernel).map_err(|why| no_rung(name, rung, &why))?;
    plan.rule.hook = match rung {
        Rung::Lsm if name.opens() => HOOK_OPEN_LSM,
        Rung::Lsm => HOOK_LSM,
        Rung::Security if name.opens() => HOOK_OPEN_SECURITY,
        Rung::Security => HOOK_SECURITY,
        Rung::Kprobe | Rung::ModifyReturn => HOOK_CALL,
        Rung::Cgroup => HOOK_CGROUP_CALL,
    };
    match rung {
        Rung::Lsm | Rung::Security => {
            let found = hooks::all(&calls, kernel.missing_of(rung));
            for (bit, hook) in found.map_err(|why| incapable(&format!("fail {name}"), &why))? {
                plan.rule.hooks |= 1 << bit;
                plan.steps.push(Step::Call { rung, call: hook.name.to_owned() });
            }
        }
        Rung::Kprobe | Rung::ModifyReturn => {
            let step = |call: &Sysno| Step::Call { rung, call: call.name().to_owned() };
            plan.steps.extend(calls.iter().map(step));
        }
        Rung::Cgroup => {
            let call = name.family_name().to_owned();
            let step = |cgroup: &String| Step::CgroupCall { call: call.clone(), cgroup: cgroup.clone() };
            plan.steps.extend(plan.roots.iter().map(step));
        }
    }
    plan.semantics = wanted.semantics(rung);
    watching::compile(plan, &wanted, rung, kernel);
    if by_path && !(name.opens() && rung.is_within()) {
        plan.warnings.push(
            "the path is compared as the program typed it: relative ones and those that are not in memory are let \
             through and counted"
                .into(),
        );
    }
    if matches!(rung, Rung::ModifyReturn | Rung::Security) {
        // kernel/bpf/trampoline.c, __bpf_prog_enter_recur
        plan.warnings.push(
            "the kernel runs the program once at a time on each CPU: a call that comes while a task is preempted \
             within it passes by"
                .into(),
        );
    }
    if rung.is_within() && name.opens() {
        plan.leaves_behind.push(
            "files that open(O_CREAT) made before the hook failed the call (empty, at most one a fault)"
                .into(),
        );
    }
    if calls.iter().any(|call| call.name() == "close") {
        plan.leaves_behind.push("descriptors that close was kept from closing".into());
    }
    plan.rung = Some((rung, why.to_owned()));
    Ok(())
}

/// Why a call fails by no rung here, or not by the one that was asked for, and what would do it.
fn no_rung(name: SyscallName, asked: Option<Rung>, why: &str) -> Error {
    incapable(&format!("fail {name}"), why).hint(match asked {
        Some(_) => "leave out --rung, or see by which rungs each call fails here: injector doctor --syscalls",
        None => {
            "a kernel with CONFIG_BPF_KPROBE_OVERRIDE, or Linux 7.1, fails any call at its entry; which calls fail \
             here: injector doctor --syscalls"
        }
    })
}
