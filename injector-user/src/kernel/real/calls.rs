//! The programs on system calls.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result, bail};
use aya::programs::{KProbe, Lsm, kprobe::KProbeLink, lsm::LsmLink};
use injector_ebpf::names;

use crate::{
    kernel::{
        attach::Shared,
        hook_function,
        modify_return::{self, ModifyReturn, Type},
        object::Object,
        syscall_function,
    },
    plan::hook_index,
    spec::Rung,
};

/// The hook whose program knows the path.
const OPEN: &str = "file_open";

/// The programs that aya does not know, made when they are first needed.
fn typed<'a>(programs: &'a mut Option<ModifyReturn>, object: &Object) -> Result<&'a ModifyReturn> {
    if programs.is_none() {
        *programs = Some(object.modify_return()?);
    }
    programs.as_ref().context("the programs that aya does not know")
}

/// What hangs on a call, held for its descriptors.
#[derive(Debug)]
enum Link {
    Lsm(#[expect(dead_code, reason = "held for its descriptor")] LsmLink),
    Kprobe(#[expect(dead_code, reason = "held for its descriptor")] KProbeLink),
    Typed(#[expect(dead_code, reason = "held for its descriptor")] OwnedFd),
}

/// All of them; several faults of one call share one.
#[derive(Debug, Default)]
pub(super) struct Calls {
    links: Shared<(Rung, String), Link>,
    /// Made when it is first needed.
    typed: Option<ModifyReturn>,
}

impl Calls {
    /// What hangs where.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Rung, String)> {
        self.links.keys()
    }

    pub(super) fn attach(&mut self, object: &mut Object, rung: Rung, call: &str) -> Result<()> {
        let typed_programs = &mut self.typed;
        self.links.take((rung, call.to_owned()), || match rung {
            Rung::Lsm if call == OPEN => {
                object.load_program(names::OPEN_LSM)?;
                let program: &mut Lsm = object.program(names::OPEN_LSM)?.0.try_into()?;
                let id = program.attach()?;
                Ok(Link::Lsm(program.take_link(id)?))
            }
            Rung::Lsm => {
                let said = || format!("LSM hook {call}");
                let cookie = hook_index(call).with_context(said)?;
                let id = object.function(&hook_function(call)).with_context(said)?;
                let program =
                    typed(typed_programs, object)?.load(names::CALL_LSM, Type::Lsm, id).with_context(said)?;
                Ok(Link::Typed(modify_return::attach_lsm(program.as_fd(), cookie).with_context(said)?))
            }
            Rung::Cgroup => bail!("the cgroup's hooks of {call} are attached cgroup by cgroup"),
            Rung::Kprobe => {
                object.load_program(names::CALL_KPROBE)?;
                let program: &mut KProbe = object.program(names::CALL_KPROBE)?.0.try_into()?;
                let function = syscall_function(call);
                let id = program.attach(&function, 0).with_context(|| format!("kprobe on {function}"))?;
                Ok(Link::Kprobe(program.take_link(id)?))
            }
            Rung::ModifyReturn => {
                let function = syscall_function(call);
                let said = || format!("fmod_ret on {function}");
                let id = object.function(&function).with_context(said)?;
                let program = typed(typed_programs, object)?
                    .load(names::CALL_RETURN, Type::ModifyReturn, id)
                    .with_context(said)?;
                Ok(Link::Typed(modify_return::attach(program.as_fd()).with_context(said)?))
            }
        })
    }

    pub(super) fn detach(&mut self, rung: Rung, call: &str) {
        drop(self.links.give(&(rung, call.to_owned())));
    }
}
