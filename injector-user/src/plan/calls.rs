//! How system calls are made to fail on this kernel: by the best rung that it has.

use injector_ebpf::rule::{CALLS, HOOK_CALL, HOOK_OPEN_LSM};
use syscalls::Sysno;

use super::{Capabilities, Plan, Rung, Step, compile::incapable};
use crate::{error::Error, spec::SyscallName};

/// Fills in which calls, by which rung, and what that means.
pub(super) fn compile(
    plan: &mut Plan,
    name: SyscallName,
    calls: &[Sysno],
    by_path: bool,
    kernel: &Capabilities,
) -> Result<(), Error> {
    let short = plan.rule.returns.contains(&0);
    let calls: Vec<Sysno> =
        calls.iter().filter(|call| !kernel.missing_calls.contains(call.name())).copied().collect();
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
    let (rung, why) = if short { rung_of_short(name, by_path, kernel) } else { rung(name, by_path, kernel) }?;
    plan.rule.hook = match rung {
        Rung::Lsm => HOOK_OPEN_LSM,
        Rung::Kprobe | Rung::ModifyReturn => HOOK_CALL,
    };
    match rung {
        Rung::Lsm => {
            plan.leaves_behind.push(
                "files that open(O_CREAT) made before the hook failed the call (empty, at most one a fault)"
                    .into(),
            );
            plan.steps.push(Step::Call { rung, call: "open".to_owned() });
        }
        Rung::Kprobe | Rung::ModifyReturn => {
            let step = |call: &Sysno| Step::Call { rung, call: call.name().to_owned() };
            plan.steps.extend(calls.iter().map(step));
            if by_path {
                plan.warnings.push(
                    "the path is compared as the program typed it: relative ones and those that are not in memory \
                     are let through and counted"
                        .into(),
                );
            }
        }
    }
    if rung == Rung::ModifyReturn {
        // kernel/bpf/trampoline.c, __bpf_prog_enter_recur
        plan.warnings.push(
            "the kernel runs the program once at a time on each CPU: a call that comes while a task is preempted \
             within it passes by"
                .into(),
        );
    }
    plan.warnings.push(if name.opens() {
        "opens through io_uring pass by".into()
    } else {
        "what is asked of io_uring, and the calls of 32-bit programs, pass by".to_owned()
    });
    if calls.iter().any(|call| call.name() == "close") {
        plan.leaves_behind.push("descriptors that close was kept from closing".into());
    }
    plan.rung = Some((rung, why.to_owned()));
    Ok(())
}

/// A result of 0 is for the other rungs how they let a call happen.
fn rung_of_short(
    name: SyscallName,
    by_path: bool,
    kernel: &Capabilities,
) -> Result<(Rung, &'static str), Error> {
    let asked =
        if by_path { format!("fail {name} with 0 below a path") } else { format!("fail {name} with 0") };
    match &kernel.kprobe {
        Ok(()) => Ok((Rung::Kprobe, "only there a call can return 0 and have done nothing")),
        Err(why) => {
            Err(incapable(&asked, &format!("kprobe override: {why}; the other rungs return errors only")))
        }
    }
}

/// With a path the LSM hook, because it sees the resolved one; else the entry of the call itself.
fn rung(name: SyscallName, by_path: bool, kernel: &Capabilities) -> Result<(Rung, &'static str), Error> {
    let entry = if kernel.kprobe.is_ok() {
        Ok(Rung::Kprobe)
    } else if kernel.modify_return.is_ok() {
        Ok(Rung::ModifyReturn)
    } else {
        Err(kernel.kprobe.as_ref().err().zip(kernel.modify_return.as_ref().err()))
    };
    match (entry, &kernel.lsm) {
        (Ok(_), Ok(())) if by_path && name.opens() => {
            Ok((Rung::Lsm, "with a path, because the hook sees the resolved one"))
        }
        (Ok(Rung::Kprobe), _) => Ok((Rung::Kprobe, "the syscall itself fails, before anything was done")),
        (_, Ok(())) if name.opens() => Ok((Rung::Lsm, "this kernel cannot override a syscall's result")),
        (Ok(rung), _) => Ok((rung, "this kernel cannot override a syscall's result by kprobe")),
        (Err(why), lsm) => {
            let mut reasons: Vec<String> = Vec::new();
            if let Some((kprobe, modify)) = why {
                reasons.extend([format!("kprobe override: {kprobe}"), format!("fmod_ret: {modify}")]);
            }
            match lsm {
                Err(lsm) if name.opens() => reasons.push(format!("BPF LSM: {lsm}")),
                _ if !name.opens() => reasons.push("of LSM hooks only that of open is used".to_owned()),
                _ => {}
            }
            Err(incapable(&format!("fail {name}"), &reasons.join("; ")))
        }
    }
}
